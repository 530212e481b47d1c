import { DurableObject } from 'cloudflare:workers';
import { DB, type Migration } from '../../../src/index.ts';
import { inUse } from '../../in-use.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

const CHILDREN = 10_000;
const numbers = (n: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`;

const before: Migration[] = [
  {
    id: '0000_schema',
    sql: `CREATE TABLE users (id integer PRIMARY KEY, name text);
CREATE TABLE orders (id integer PRIMARY KEY, user integer NOT NULL REFERENCES users(id) ON DELETE CASCADE);
CREATE TABLE items (id integer PRIMARY KEY, "order" integer NOT NULL REFERENCES orders(id) ON DELETE CASCADE);
CREATE TABLE notes (id integer PRIMARY KEY, item integer NOT NULL REFERENCES items(id) ON DELETE CASCADE);`,
  },
  {
    id: '0001_data',
    sql: `${numbers(100)} INSERT INTO users SELECT i, 'user ' || i FROM n;
${numbers(CHILDREN)} INSERT INTO orders SELECT i, 1 + i % 100 FROM n;
INSERT INTO items SELECT id, id FROM orders;
INSERT INTO notes SELECT id, id FROM items;`,
  },
];

const rebuild: Migration = {
  id: '0002_rebuild',
  sql: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE __new_users (id integer PRIMARY KEY, name text NOT NULL);--> statement-breakpoint
INSERT INTO __new_users SELECT id, name FROM users;--> statement-breakpoint
DROP TABLE users;--> statement-breakpoint
ALTER TABLE __new_users RENAME TO users;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
};

export class Subject extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  override async fetch(request: Request): Promise<Response> {
    const { storage } = this.ctx;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/prepare') {
      await DB('crash', { storage, ctx: this.ctx, migrations: before });
      await storage.sync();
    }
    if (pathname === '/rebuild') {
      const db = await DB('crash', { storage, ctx: this.ctx });
      hangAfter(storage, Number(searchParams.get('step')));
      return Response.json(await db.migrate([...before, rebuild]));
    }
    return Response.json(state(storage));
  }
}

/** Lets the storage work for so many statements and syncs, then says so and never returns. */
function hangAfter(storage: DurableObjectStorage, steps: number): void {
  let done = 0;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = ((text: string, ...values: unknown[]) => {
    const cursor = exec(text, ...values);
    if (++done === steps) {
      console.log(`reached ${text.trim().slice(0, 40).replaceAll('\n', ' ')}`);
      for (;;);
    }
    return cursor;
  }) as typeof sql.exec;
  const sync = storage.sync.bind(storage);
  storage.sync = async () => {
    await sync();
    if (++done === steps) {
      console.log('reached sync');
      await new Promise(() => {});
    }
  };
}

export interface State {
  foreignKeys: number;
  enforced: boolean;
  /** Rows of users, orders, items and notes. */
  rows: number[];
  /** Whether the new table of users is in place, and whether the ledger says so. */
  rebuilt: boolean;
  recorded: boolean;
  leftovers: number;
}

function state({ sql }: DurableObjectStorage): State {
  const one = (text: string) => sql.exec(text).raw().next().value?.[0] as number;
  let enforced = false;
  try {
    sql.exec('INSERT INTO orders VALUES (-1, -1)');
  } catch {
    enforced = true;
  }
  return {
    foreignKeys: one('PRAGMA foreign_keys'),
    enforced,
    rows: ['users', 'orders', 'items', 'notes'].map((table) => one(`SELECT count(*) FROM ${table}`)),
    rebuilt: one(`SELECT "notnull" FROM pragma_table_info('users') WHERE name = 'name'`) === 1,
    recorded: one(`SELECT count(*) FROM __drizzle_migrations WHERE name = '${rebuild.id}'`) === 1,
    leftovers: one("SELECT count(*) FROM sqlite_master WHERE name LIKE '\\_\\_new%' ESCAPE '\\'"),
  };
}

export default {
  fetch(request, env) {
    const name = new URL(request.url).searchParams.get('object') ?? '';
    return env.SUBJECTS.get(env.SUBJECTS.idFromName(name)).fetch(request);
  },
} satisfies ExportedHandler<Env>;
