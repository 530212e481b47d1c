import { DB } from '@dotdo/dosql';
import { drizzle } from '@dotdo/dosql/drizzle';
import { migrations } from './migrations.ts';
import * as schema from './schema.ts';
import { record } from './trace.ts';

/** Opens on first use, and brings the object's tables up to date before the first query. */
export function open(ctx: DurableObjectState) {
  return drizzle(() => DB('tenant', { storage: ctx.storage, ctx, migrations, onQuery: record }), { schema });
}

export type Tenant = ReturnType<typeof open>;
