import { DB } from '@dotdo/dosql';
import { tiered } from '@dotdo/dosql/adapters/tiered';
import { drizzle } from '@dotdo/dosql/drizzle';
import { createTieredBackend } from '@dotdo/dosql/fsx';
import { timeTravel } from '@dotdo/dosql/history';
import { virtualTables } from '@dotdo/dosql/virtual';
import { changeLog } from '@dotdo/dosql/wal';
import { migrations } from './migrations.ts';
import * as schema from './schema.ts';
import { record } from './trace.ts';

export interface Buckets {
  /** Files that every tenant may query. */
  FILES: R2Bucket;
  /** Where old flights go. */
  ARCHIVE: R2Bucket;
}

/** Opens on first use, and brings the object's tables up to date before the first query. */
export function open(ctx: DurableObjectState, { FILES: files, ARCHIVE: cold }: Buckets) {
  const extensions = [
    // One more written row for every change of a tracked table: little for airports, much for flights loaded in bulk.
    changeLog({ tables: ['airports'], retain: '30d' }),
    timeTravel(),
    virtualTables({ r2: { files } }),
  ] as const;
  // Flights that are older move to R2 when maintenance is asked to; see `archiveJanuary` in changes.ts.
  const storage = createTieredBackend({
    hot: ctx.storage,
    cold,
    tables: [tiered(schema.flights, { by: schema.flights.departsAt, hot: '36500d', segmentRows: 5000 })],
  });
  // The database has the tenant's name, and tokens are for a name.
  const name = ctx.id.name ?? 'tenant';
  return drizzle(() => DB(name, { storage, ctx, migrations, extensions, onQuery: record }), {
    schema,
  });
}

export type Tenant = ReturnType<typeof open>;
