export const migrations = {
  journal: {
    version: '7',
    dialect: 'sqlite',
    entries: [
      { idx: 0, version: '6', when: 1795353796202, tag: '0000_airports_routes_flights', breakpoints: true },
      { idx: 1, version: '6', when: 1795353797507, tag: '0001_timings_and_departures', breakpoints: true },
      { idx: 2, version: '6', when: 1795353798935, tag: '0002_distances_are_positive', breakpoints: true },
    ],
  },
  migrations: {
    m0000:
      'CREATE TABLE `airports` (\n\t`iata` text PRIMARY KEY NOT NULL,\n\t`name` text NOT NULL,\n\t`city` text,\n\t`state` text,\n\t`country` text NOT NULL,\n\t`location` text NOT NULL\n);\n--> statement-breakpoint\nCREATE INDEX `airports_state_city` ON `airports` (`state`,`city`);--> statement-breakpoint\nCREATE TABLE `flights` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`origin` text NOT NULL,\n\t`destination` text NOT NULL,\n\t`departs_at` integer NOT NULL,\n\t`delay` integer NOT NULL,\n\t`late` integer NOT NULL,\n\tFOREIGN KEY (`origin`,`destination`) REFERENCES `routes`(`origin`,`destination`) ON UPDATE no action ON DELETE cascade\n);\n--> statement-breakpoint\nCREATE INDEX `flights_route` ON `flights` (`origin`,`destination`,`departs_at`);--> statement-breakpoint\nCREATE TABLE `routes` (\n\t`origin` text NOT NULL,\n\t`destination` text NOT NULL,\n\t`distance` integer NOT NULL,\n\t`flights` integer DEFAULT 0 NOT NULL,\n\tPRIMARY KEY(`origin`, `destination`),\n\tFOREIGN KEY (`origin`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,\n\tFOREIGN KEY (`destination`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action\n);\n--> statement-breakpoint\nCREATE INDEX `routes_destination` ON `routes` (`destination`);',
    m0001:
      'CREATE TABLE `timings` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,\n\t`minute` integer NOT NULL,\n\t`delay` integer NOT NULL,\n\t`distance` integer NOT NULL\n);\n--> statement-breakpoint\nCREATE INDEX `flights_departures` ON `flights` (`origin`,`departs_at`);',
    m0002:
      'PRAGMA foreign_keys=OFF;--> statement-breakpoint\nCREATE TABLE `__new_routes` (\n\t`origin` text NOT NULL,\n\t`destination` text NOT NULL,\n\t`distance` integer NOT NULL,\n\t`flights` integer DEFAULT 0 NOT NULL,\n\tPRIMARY KEY(`origin`, `destination`),\n\tFOREIGN KEY (`origin`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,\n\tFOREIGN KEY (`destination`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,\n\tCONSTRAINT "routes_distance_positive" CHECK("__new_routes"."distance" > 0)\n);\n--> statement-breakpoint\nINSERT INTO `__new_routes`("origin", "destination", "distance", "flights") SELECT "origin", "destination", "distance", "flights" FROM `routes`;--> statement-breakpoint\nDROP TABLE `routes`;--> statement-breakpoint\nALTER TABLE `__new_routes` RENAME TO `routes`;--> statement-breakpoint\nPRAGMA foreign_keys=ON;--> statement-breakpoint\nCREATE INDEX `routes_destination` ON `routes` (`destination`);',
  },
};
