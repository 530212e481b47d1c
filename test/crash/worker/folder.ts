import { DurableObject } from 'cloudflare:workers';
import { DB } from '../../../src/index.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

/** Migrates from the folder that the request names; answers with the report and the ledger. */
export class Subject extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const folder = new URL(request.url).searchParams.get('folder') ?? '';
    try {
      const db = await DB('folder', { storage: this.ctx.storage, ctx: this.ctx });
      const report = await db.migrate({ folder });
      const { rows } = await db.query('SELECT name, created_at FROM __drizzle_migrations ORDER BY id');
      return Response.json({ report, rows });
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      return Response.json({ code, message });
    }
  }
}

export default {
  fetch(request, env) {
    return env.SUBJECTS.get(env.SUBJECTS.newUniqueId()).fetch(request);
  },
} satisfies ExportedHandler<Env>;
