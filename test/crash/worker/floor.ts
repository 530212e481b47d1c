import { DurableObject } from 'cloudflare:workers';
import { DB, isDosqlError } from '../../../src/index.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

const MIGRATIONS = [{ id: '0001_t', sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY)' }];

/** Uses nothing that a Worker without flags lacks. */
export class Subject extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const db = await DB('floor', { storage: this.ctx.storage, ctx: this.ctx, migrations: MIGRATIONS });
    const code = (work: Promise<unknown>) =>
      work.then(
        () => 'ok',
        (error: unknown) => (isDosqlError(error) ? error.code : String(error)),
      );
    const { pathname } = new URL(request.url);
    if (pathname === '/stall') {
      const outcome = await code(
        db.transaction(
          async (tx) => {
            await tx.run('INSERT INTO t (id) VALUES (1)');
            await db.query('SELECT 1');
          },
          { timeoutMs: 200 },
        ),
      );
      return Response.json({ outcome, rows: (await db.query('SELECT * FROM t')).rows });
    }
    await db.transaction(async (tx) => {
      await tx.run('INSERT INTO t (id) VALUES (2)');
      await tx.transaction(async (inner) => {
        await inner.run('INSERT INTO t (id) VALUES (3)');
      });
    });
    return Response.json((await db.query('SELECT id FROM t ORDER BY id')).rows);
  }
}

export default {
  fetch: (request: Request, env: Env) => env.SUBJECTS.get(env.SUBJECTS.idFromName('floor')).fetch(request),
};
