import { DurableObject } from 'cloudflare:workers';
import { DB } from '../../../src/index.ts';
import { inUse } from '../../in-use.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

const MIGRATIONS = [
  {
    id: '0001_t',
    sql: 'CREATE TABLE t (kind TEXT, batch INTEGER, part INTEGER, UNIQUE (kind, batch, part))',
  },
];
const INSERT = 'INSERT INTO t VALUES (?, ?, ?)';

/** Writes as it is asked to: one row, five in a batch, five in an asynchronous transaction. */
export class Subject extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  override async fetch(request: Request): Promise<Response> {
    const db = await DB('writes', { storage: this.ctx.storage, ctx: this.ctx, migrations: MIGRATIONS });
    const { pathname, searchParams } = new URL(request.url);
    const n = Number(searchParams.get('n'));
    const parts = [0, 1, 2, 3, 4];
    if (pathname === '/single') await db.run(INSERT, ['single', n, 0]);
    if (pathname === '/batch') await db.batch(parts.map((part) => [INSERT, ['batch', n, part]]));
    if (pathname === '/transaction') {
      await db.transaction(async (tx) => {
        for (const part of parts) {
          await tx.run(INSERT, ['transaction', n, part]);
          await Promise.resolve();
        }
      });
    }
    const { rows } = await db.query('SELECT kind, batch, count(*) AS parts FROM t GROUP BY kind, batch');
    const check = await db.query('PRAGMA quick_check');
    return Response.json(pathname === '/state' ? { rows, check: check.rows } : n);
  }
}

export default {
  fetch: (request: Request, env: Env) => env.SUBJECTS.get(env.SUBJECTS.idFromName('writes')).fetch(request),
};
