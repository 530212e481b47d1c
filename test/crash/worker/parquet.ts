import { DurableObject } from 'cloudflare:workers';
import { DB } from '../../../src/index.ts';
import { virtualTables } from '../../../src/virtual/index.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
  ORIGIN: Fetcher;
}

/** Runs the SQL of a request over files of ORIGIN, which it knows as https://data.example/. */
export class Subject extends DurableObject<Env> {
  override async fetch(request: Request): Promise<Response> {
    const https = { allow: ['https://data.example/'], fetch: this.env.ORIGIN };
    const db = await DB('parquet', { storage: this.ctx.storage, extensions: [virtualTables({ https })] });
    const sql = new URL(request.url).searchParams.get('sql') ?? 'SELECT 1';
    return Response.json((await db.query(sql)).rows);
  }
}

export default {
  fetch: (request, env) => env.SUBJECTS.getByName('parquet').fetch(request),
} satisfies ExportedHandler<Env>;
