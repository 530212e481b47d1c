import { createCDC } from '../../src/cdc/index.ts';
import { timeTravel } from '../../src/history/index.ts';
import { DB } from '../../src/index.ts';
import { changeLog } from '../../src/wal/index.ts';

/** A database without the log, with it, or with its index. */
export type Kind = 'off' | 'on' | 'keyed';

const COLUMNS = 'id, sku, name, price, stock, active, created_at, tags';
const TABLE = `items (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, name TEXT NOT NULL, price REAL NOT NULL,
  stock INTEGER NOT NULL, active INTEGER NOT NULL, created_at INTEGER NOT NULL, tags TEXT NOT NULL)`;
const FILL = `WITH RECURSIVE n(i) AS (VALUES(?1) UNION ALL SELECT i + 1 FROM n WHERE i < ?2) INSERT INTO items
  SELECT i, printf('SKU-%06d', i), 'Plain product number ' || i, i * 0.75, i % 500, i % 3 <> 0, 1700000000000 + i, '["t1","t2"]' FROM n`;
const INSERT = `INSERT INTO items (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const AGGREGATE = 'SELECT count(*) AS n, sum(stock) AS stock, max(price) AS price FROM items';
const BY_KEY = `SELECT ${COLUMNS} FROM items WHERE id = ?`;
/** Rows that the jobs insert have larger keys. */
const OWN = 1_000_000;
const BATCH = 5000;

const open = (storage: DurableObjectStorage, keyIndex: boolean) =>
  DB('bench', { storage, extensions: [changeLog({ tables: '*', keyIndex }), timeTravel()] });
type Logged = Awaited<ReturnType<typeof open>>;

/** Done `n` times by one request; what puts the tables back is a request of its own. */
interface Job {
  run(n: number): unknown;
  after?(n: number): unknown;
}

const times = (n: number, work: (i: number) => unknown) => {
  for (let i = 0; i < n; i++) work(i);
};
/** Spreads consecutive executions over the table. */
const key = (i: number) => 1 + ((i * 37) % 10_000);

function statements(db: Pick<Logged, 'runSync' | 'querySync'>, trim: () => unknown): Record<string, Job> {
  const row = (i: number) => [OWN + i, `SKU-${i}`, 'Plain product', 1.5, i % 500, 1, 17e11, '[]'];
  return {
    insert: {
      run: (n) => times(n, (i) => db.runSync(INSERT, row(i))),
      after() {
        db.runSync('DELETE FROM items WHERE id >= ?', [OWN]);
        return trim();
      },
    },
    update: {
      run: (n) => times(n, (i) => db.runSync('UPDATE items SET stock = ? WHERE id = ?', [i, key(i)])),
      after: trim,
    },
    delete: {
      run: (n) => times(n, (i) => db.runSync('DELETE FROM items WHERE id = ?', [i + 1])),
      after(n) {
        if (n > 0) db.runSync(FILL, [1, n]);
        return trim();
      },
    },
    aggregate: { run: (n) => times(n, () => db.querySync(AGGREGATE)) },
    'by key': { run: (n) => times(n, (i) => db.querySync(BY_KEY, [key(i)])) },
  };
}

function readings(db: Logged, past: () => number): Record<string, Job> {
  const cdc = createCDC(db, { consumer: 'bench' });
  return {
    'aggregate as of': {
      run(n) {
        const then = db.asOf({ lsn: past() });
        times(n, () => then.querySync(AGGREGATE));
      },
    },
    'by key as of': {
      run(n) {
        const then = db.asOf({ lsn: past() });
        times(n, (i) => then.querySync(BY_KEY, [key(i)]));
      },
    },
    // Here `n` counts events.
    'read the log': {
      async run(n) {
        for (let after = 0; after < n; )
          after = (await db.log.read({ after, limit: Math.min(n - after, BATCH) })).to;
      },
    },
    drain: {
      async run(n) {
        for (let left = n; left > 0; ) {
          left -= (await cdc.drain({ limit: Math.min(left, BATCH) })).length;
          await cdc.ack();
        }
      },
      after: () => cdc.reset({ from: 'start' }),
    },
    'drain to JSON': {
      async run(n) {
        for (let left = n; left > 0; ) {
          const events = await cdc.drain({ limit: Math.min(left, BATCH) });
          if (JSON.stringify(events).length > 0) left -= events.length;
          await cdc.ack();
        }
      },
      after: () => cdc.reset({ from: 'start' }),
    },
  };
}

export function logObject(kind: Kind) {
  return class Bench {
    readonly #storage: DurableObjectStorage;
    #jobs: Record<string, Job> = {};

    constructor(state: DurableObjectState) {
      this.#storage = state.storage;
    }

    async fetch(request: Request): Promise<Response> {
      const query = new URL(request.url).searchParams;
      const action = query.get('action');
      const n = Number(query.get('n'));
      if (action === 'fill') await this.#fill(n, Number(query.get('changes')));
      const job = this.#jobs[query.get('job') ?? ''];
      if (action === 'run') await job!.run(n);
      if (action === 'after') await job!.after?.(n);
      await this.#storage.sync();
      return new Response('ok');
    }

    /** So many rows, and so many changes since the point that is read. */
    async #fill(rows: number, changes: number): Promise<void> {
      const logged = kind === 'off' ? undefined : await open(this.#storage, kind === 'keyed');
      const db = logged ?? (await DB('bench', { storage: this.#storage }));
      await db.run(`CREATE TABLE ${TABLE}`);
      await db.run(FILL, [1, rows]);
      const past = logged?.log.head().lsn ?? 0;
      const every = Math.floor(rows / changes);
      if (changes > 0) await db.run('UPDATE items SET stock = stock + 1 WHERE id % ?1 = 0', [every]);
      this.#jobs = {
        ...statements(db, () => logged?.log.prune({ before: Infinity })),
        ...(logged && readings(logged, () => past)),
      };
    }
  };
}

/** Each group of jobs has an object of its own. */
export const worker = {
  fetch(request: Request, env: { BENCH: DurableObjectNamespace }): Promise<Response> {
    const group = new URL(request.url).searchParams.get('group') ?? '';
    return env.BENCH.get(env.BENCH.idFromName(group)).fetch(request);
  },
};
