import { DurableObject } from 'cloudflare:workers';
import { timeTravel } from '../../../src/history/index.ts';
import { DB, isDosqlError, type Migration } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inUse } from '../../in-use.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

/** What a test asks of its object; the answer is JSON. */
export type Command =
  | { do: 'migrate'; migrations: Migration[]; times: number }
  | { do: 'run'; statements: string[] }
  | { do: 'query'; sql: string; at?: number }
  | { do: 'texts'; sql: string }
  | { do: 'drain'; limit: number; consumer?: string }
  | { do: 'head' };

/** A value in a form that JSON does not change. */
const textOf = (value: unknown) =>
  value === null ? null : value instanceof Uint8Array ? `blob ${[...value]}` : `${typeof value} ${value}`;
const texts = (row: object | null | undefined) =>
  row ? Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(value)])) : null;

export class Subject extends DurableObject<Env> {
  #migrations: Migration[] = [];
  readonly #handler = createHandler(() => this.#open(), {
    auth: { secret: 'the secret of the tests, 32 bytes' },
    ctx: this.ctx,
  });

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  #open() {
    return DB('evolution', {
      storage: this.ctx.storage,
      ctx: this.ctx,
      migrations: this.#migrations,
      extensions: [changeLog({ tables: '*' }), timeTravel()],
    });
  }

  override async fetch(request: Request): Promise<Response> {
    if (request.url.includes('/databases/')) return this.#handler.fetch(request);
    try {
      return Response.json((await this.#answer(await request.json())) ?? null);
    } catch (error) {
      if (!isDosqlError(error)) throw error;
      return new Response(`${error.code} ${error.message}`, { status: 409 });
    }
  }

  async #answer(command: Command): Promise<unknown> {
    if (command.do === 'migrate') return this.#migrate(command);
    const db = await this.#open();
    switch (command.do) {
      case 'run':
        return command.statements.map((sql) => {
          try {
            db.runSync(sql);
            return null;
          } catch (error) {
            return String(error);
          }
        });
      case 'query': {
        const source = command.at === undefined ? db : db.asOf({ lsn: command.at });
        return source.querySync(command.sql, [], { rows: 'values' }).rows;
      }
      case 'texts':
        return db.querySync<object>(command.sql).rows.map(texts);
      case 'drain': {
        const { limit, consumer } = command;
        const reader = consumer ? await db.log.consumer(consumer, { from: 'start' }) : undefined;
        const events: unknown[] = [];
        for (let after = 0, done = false; !done; ) {
          const batch = await (reader?.drain({ limit }) ?? db.log.read({ after, limit }));
          for (const { op, table, lsn, key, before, after: now } of batch.events)
            events.push({ op, table, lsn, key: texts(key), before: texts(before), after: texts(now) });
          await reader?.ack(batch.to);
          ({ to: after, done } = batch);
        }
        return events;
      }
      default:
        return db.log.head().lsn;
    }
  }

  /** As an object does that opens its database before it takes any request, or in several requests at once. */
  async #migrate({ migrations, times }: Command & { do: 'migrate' }): Promise<null> {
    this.#migrations = migrations;
    const attempt = async () => void (await (await this.#open()).migrate(migrations));
    const attempts = () => Promise.allSettled(Array.from({ length: times }, attempt));
    const ended = times === 1 ? await this.ctx.blockConcurrencyWhile(attempts) : await attempts();
    for (const result of ended) if (result.status === 'rejected') throw result.reason;
    return null;
  }
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const name = /seed-\w+/.exec(request.url)?.[0] ?? '';
    return env.SUBJECTS.get(env.SUBJECTS.idFromName(name)).fetch(request);
  },
};
