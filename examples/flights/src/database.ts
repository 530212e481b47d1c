import { DB } from '@dotdo/dosql';
import { drizzle } from '@dotdo/dosql/drizzle';
import { timeTravel } from '@dotdo/dosql/history';
import { virtualTables } from '@dotdo/dosql/virtual';
import { changeLog } from '@dotdo/dosql/wal';
import { migrations } from './migrations.ts';
import * as schema from './schema.ts';
import { record } from './trace.ts';

/** Opens on first use, and brings the object's tables up to date before the first query. */
export function open(ctx: DurableObjectState, files: R2Bucket) {
  const extensions = [
    // One more written row for every change of a tracked table: little for airports, much for flights loaded in bulk.
    changeLog({ tables: ['airports'] }),
    timeTravel(),
    virtualTables({ r2: { files } }),
  ] as const;
  // The database has the tenant's name, and tokens are for a name.
  const name = ctx.id.name ?? 'tenant';
  return drizzle(() => DB(name, { storage: ctx.storage, ctx, migrations, extensions, onQuery: record }), {
    schema,
  });
}

export type Tenant = ReturnType<typeof open>;
