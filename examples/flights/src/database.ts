import { DB } from '@dotdo/dosql';
import { drizzle } from '@dotdo/dosql/drizzle';
import { timeTravel } from '@dotdo/dosql/history';
import { changeLog } from '@dotdo/dosql/wal';
import { migrations } from './migrations.ts';
import * as schema from './schema.ts';
import { record } from './trace.ts';

// One more written row for every change of a tracked table: little for airports, much for flights loaded in bulk.
const extensions = [changeLog({ tables: ['airports'] }), timeTravel()] as const;

/** Opens on first use, and brings the object's tables up to date before the first query. */
export function open(ctx: DurableObjectState) {
  // The database has the tenant's name, and tokens are for a name.
  const name = ctx.id.name ?? 'tenant';
  return drizzle(() => DB(name, { storage: ctx.storage, ctx, migrations, extensions, onQuery: record }), {
    schema,
  });
}

export type Tenant = ReturnType<typeof open>;
