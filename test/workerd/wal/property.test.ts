import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';
import { randomSchemaChange, randomStatement, rowsOf, SCHEMA, TABLES } from './history.ts';
import { Random } from './random.ts';
import { Receivers } from './receivers.ts';
import { apply, put, type Replica, rowText } from './replica.ts';

/** Set by vitest.workerd.config.ts. */
declare const DOSQL_RUNS: number;
/** Which of several stretches of seeds, each in a process of its own. */
declare const DOSQL_PART: number;
const RUNS = 6 * DOSQL_RUNS;
/** In each of two halves. */
const STEPS = 30;

interface Snapshot {
  lsn: number;
  columns: Record<string, string[]>;
  /** Cells, row by row. */
  rows: Record<string, string[][]>;
}

const open = (storage: DurableObjectStorage, keyIndex: boolean) =>
  DB('t', {
    storage,
    extensions: [changeLog({ tables: '*', exclude: ['replica'], keyIndex }), timeTravel()],
  });
type Db = Awaited<ReturnType<typeof open>>;

const columnsOf = (db: Db, table: string) =>
  db
    .querySync<{ name: string }>(`SELECT name FROM pragma_table_xinfo('${table}')`)
    .rows.map(({ name }) => name);

function snapshot(db: Db): Snapshot {
  const columns: Snapshot['columns'] = {};
  const rows: Snapshot['rows'] = {};
  for (const table of TABLES) {
    columns[table] = columnsOf(db, table);
    rows[table] = rowsOf(db, columns[table], `"${table}"`);
  }
  return { lsn: db.log.head().lsn, columns, rows };
}

/** A snapshot in those of its columns that are there today: the past has the columns of today. */
function compared(db: Db, table: string, { columns, rows }: Snapshot): { columns: string[]; rows: string[] } {
  const today = columnsOf(db, table);
  const kept = columns[table]!.map((_, i) => i).filter((i) => today.includes(columns[table]![i]!));
  return {
    columns: kept.map((i) => columns[table]![i]!),
    rows: rows[table]!.map((row) => kept.map((i) => row[i]).join('|')).sort(),
  };
}

const flat = (rows: readonly string[][]) => rows.map((row) => row.join('|')).sort();

/** Runs a random history; the state after every transaction is noted beside its LSN. */
async function play(db: Db, r: Random, ddl: boolean, seen: Snapshot[]): Promise<void> {
  const attempt = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if ((error as { name: string }).name !== 'DosqlError') throw error;
      expect(`${(error as { code: string }).code} ${error}`).toMatch(/VIOLATION|DATATYPE|integer overflow/);
    }
  };
  const before = snapshot(db);
  if (seen.length > 0) expect(before).toEqual(seen.at(-1));
  else seen.push(before);
  for (let step = 0; step < STEPS; step++) {
    const undo = new Error('undo');
    if (ddl && r.once(12)) {
      const statements = randomSchemaChange(r, r.int(1_000_000));
      const fails = r.once(4);
      try {
        db.transactionSync((tx) => {
          for (const statement of statements) tx.run(statement);
          if (fails) throw undo;
        });
      } catch (error) {
        if (error !== undo) throw error;
      }
    } else if (r.once(3)) {
      const size = 1 + r.int(5);
      const fails = r.once(3);
      try {
        db.transactionSync((tx) => {
          for (let i = 0; i < size; i++) attempt(() => tx.run(randomStatement(r)));
          if (fails) throw undo;
        });
      } catch (error) {
        if (error !== undo) throw error;
      }
    } else if (r.once(8)) {
      const fails = r.once(3);
      const work = db.transaction(async (tx) => {
        for (let i = 0; i < 3; i++) {
          const statement = randomStatement(r);
          await tx.transaction((inner) => inner.run(statement)).catch(() => {});
        }
        if (fails) throw undo;
      });
      if (fails) await expect(work).rejects.toBe(undo);
      else await work;
    } else if (r.once(20)) {
      await db.log.rotate();
    } else attempt(() => db.runSync(randomStatement(r)));
    const now = snapshot(db);
    const last = seen.at(-1)!;
    if (last.lsn === now.lsn) expect(now.rows).toEqual(last.rows);
    else seen.push(now);
  }
}

function checkPast(db: Db, seen: readonly Snapshot[], label: string): void {
  for (const state of seen) {
    const { lsn } = state;
    const past = db.asOf({ lsn });
    for (const table of TABLES) {
      const { columns, rows } = compared(db, table, state);
      const where = `${label}: ${table} at LSN ${lsn}`;
      expect(flat(rowsOf(db, columns, `"${table}" FOR SYSTEM_TIME AS OF LSN ${lsn}`)), where).toEqual(rows);
      expect(flat(rowsOf(past, columns, `"${table}"`)), where).toEqual(rows);
    }
  }
}

/** The versions valid at each point make up the state at that point, and nothing else was ever visible. */
function checkVersions(db: Db, seen: readonly Snapshot[], label: string): void {
  for (const table of TABLES) {
    for (const state of seen) {
      const { lsn } = state;
      const { columns, rows } = compared(db, table, state);
      const source = `"${table}" FOR SYSTEM_TIME ALL WHERE coalesce(row_start_lsn,0) <= ${lsn} AND coalesce(row_end_lsn,9e18) > ${lsn}`;
      expect(flat(rowsOf(db, columns, source)), `${label}: versions of ${table} at ${lsn}`).toEqual(rows);
      const at = `"${table}" FOR SYSTEM_TIME BETWEEN LSN ${lsn} AND LSN ${lsn}`;
      expect(flat(rowsOf(db, columns, at)), `${label}: between, ${table} at ${lsn}`).toEqual(rows);
    }
  }
}

async function rowsAt(db: Db, table: string, lsn: number): Promise<{ row: object; key: object }[]> {
  const rows: { row: object; key: object }[] = [];
  let after: unknown[] | null | undefined;
  do {
    const chunk = await db.log.snapshot(table, { lsn, limit: 3, ...(after && { after }) });
    rows.push(...chunk.rows.map((row, i) => ({ row, key: chunk.keys[i]! })));
    after = chunk.next;
  } while (after);
  return rows;
}

const stateOf = async (db: Db, table: string, lsn: number) =>
  (await rowsAt(db, table, lsn)).map(({ row }) => rowText(row));

/** A replica that begins with a snapshot and is fed by events in batches of any size is the state at each of their ends. */
async function checkReplica(db: Db, r: Random, first: number, label: string): Promise<void> {
  const replica: Replica = new Map();
  for (const table of TABLES) {
    replica.set(table, new Map());
    for (const { row, key } of await rowsAt(db, table, first)) put(replica.get(table)!, table, row, key);
  }
  let after = first;
  for (let done = false; !done; ) {
    const batch = await db.log.read({ after, limit: 1 + r.int(20) });
    expect(batch.from).toBe(after);
    for (const event of batch.events) apply(replica, event, label);
    expect(await db.log.read({ after, to: batch.to }).then(({ events }) => events)).toEqual(batch.events);
    after = batch.to;
    done = batch.done;
    for (const table of TABLES)
      expect([...replica.get(table)!.values()].sort(), `${label}: replica of ${table} at ${after}`).toEqual(
        (await stateOf(db, table, after)).sort(),
      );
  }
}

async function checkDiff(db: Db, r: Random, seen: readonly Snapshot[], label: string): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const [a, b] = [r.pick(seen).lsn, r.pick(seen).lsn];
    for (const table of TABLES) {
      const rows = await stateOf(db, table, a);
      const changes = await db.diff(table, { lsn: a }, { lsn: b });
      for (const { before } of changes) if (before) rows.splice(rows.indexOf(rowText(before)), 1);
      for (const { after } of changes) if (after) rows.push(rowText(after));
      expect(rows.sort(), `${label}: diff of ${table} from ${a} to ${b}`).toEqual(
        (await stateOf(db, table, b)).sort(),
      );
    }
  }
}

describe('random histories', () => {
  for (let run = 0; run < RUNS; run++) {
    const seed = 1000 + DOSQL_PART * RUNS + run;
    const ddl = run % 3 === 2;
    it(`seed ${seed}: every past state, version, difference and event fits a model`, async () => {
      const r = new Random(seed);
      const label = `seed ${seed}`;
      const seen: Snapshot[] = [];
      const stub = freshStub();
      const receivers = new Receivers(seed, stub.id, (storage) => open(storage, run % 2 === 1));
      await inObject(async (storage) => {
        const db = await open(storage, run % 2 === 1);
        for (const statement of SCHEMA) await db.run(statement);
        await receivers.begin(db);
        await play(db, r, ddl, seen);
      }, stub);
      // The second half with nothing in memory of the first one. Rows have the columns of the day on which they are read,
      // so where those change the receivers come last.
      if (ddl) await evictDurableObject(stub);
      else await receivers.live(2);
      await inObject(async (storage) => {
        const db = await open(storage, run % 2 === 1);
        await play(db, r, ddl, seen);
        checkPast(db, seen, label);
        checkVersions(db, seen, label);
        await checkDiff(db, r, seen, label);
        await checkReplica(db, r, seen[0]!.lsn, label);
      }, env.OBJECTS.get(stub.id));
      await receivers.finish(seen.at(-1)!.lsn, label);
    });
  }
});
