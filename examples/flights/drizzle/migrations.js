import journal from './meta/_journal.json';
import m0000 from './0000_airports_routes_flights.sql';
import m0001 from './0001_timings_and_departures.sql';
import m0002 from './0002_distances_are_positive.sql';

  export default {
    journal,
    migrations: {
      m0000,
m0001,
m0002
    }
  }
  