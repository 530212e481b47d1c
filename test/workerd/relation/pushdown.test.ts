import { describe, expect, test } from 'vitest';
import { DB } from '../../../src/index.ts';
import type { Cell, RelationColumn } from '../../../src/relation/provider.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';
import { MemoryProvider } from './memory.ts';
import { relations, withRelations } from './open.ts';

declare const DOSQL_RUNS: number;

const COLUMNS: RelationColumn[] = [
  { name: 'i', affinity: 'INTEGER' },
  { name: 't', affinity: 'TEXT' },
  { name: 'n', affinity: 'TEXT', collate: 'NOCASE' },
  { name: 'r', affinity: 'REAL' },
];
const CELLS: readonly (readonly Cell[])[] = [
  [0, 5, -5, 9007199254740993n, null],
  ['5', 'a', 'A', '5.0', 'é', null],
  ['a', 'B', 'b', '', null],
  [0.1, 5, -0.5, 1e300, null],
];
const OPERANDS = ['5', "'5'", "'a'", '?', '?', '-5', '0.1', "'B'", '9007199254740993', "'5.0'", 'NULL'];
const VALUES = [5, 'a', '5', 0.1, null, 'b', -5, 9007199254740993n];
const SHAPES = [
  'SELECT * FROM rel WHERE $',
  'SELECT l.k, rel.i, t FROM l LEFT JOIN rel ON rel.i = l.k WHERE $',
  'SELECT count(*) FROM rel WHERE i > -10 AND $',
  'SELECT k FROM l WHERE EXISTS (SELECT 1 FROM rel WHERE $)',
];

/** Leaves out what it may: rows of a wholly numeric or wholly textual column that fail a comparison. */
class PruningProvider extends MemoryProvider {
  override async *scan(scan: Parameters<MemoryProvider['scan']>[0]) {
    const compare = (cell: Cell, op: string, value: number | bigint | string) =>
      cell !== null &&
      (typeof cell === 'string') === (typeof value === 'string') &&
      (op === '='
        ? !(cell < value || cell > value)
        : op === '<'
          ? cell < value
          : op === '>'
            ? cell > value
            : op === '<='
              ? cell <= value
              : cell >= value);
    const kept = this.rows.filter((row) =>
      scan.predicates.every(({ column, op, values: [value] }) => {
        const textual = this.rows.every((one) => one[column] === null || typeof one[column] === 'string');
        if (value === undefined || op === 'in' || op === 'between' || textual !== (typeof value === 'string'))
          return true;
        return compare(row[column] as Cell, op, value);
      }),
    );
    this.pruned += this.rows.length - kept.length;
    yield* new MemoryProvider(this.all, kept).scan(scan);
  }
  pruned = 0;
}

describe('conditions of a WHERE', () => {
  test('change no result when they are pushed down', () => {
    let seed = 7;
    const pick = <T>(list: readonly T[]): T => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return list[(seed >>> 8) % list.length] as T;
    };
    const on = { provider: undefined as unknown as PruningProvider };
    const off = { provider: undefined as unknown as MemoryProvider };
    let push = true;
    return withRelations({ rel: { open: () => (push ? on : off) } }, async (db) => {
      await db.batch(['CREATE TABLE l (k)', 'INSERT INTO l VALUES (5), (-5), (NULL)']);
      let pruned = 0;
      for (let run = 0; run < 300 * DOSQL_RUNS; run++) {
        const rows = Array.from({ length: 8 }, () => CELLS.map((cells) => pick(cells)));
        on.provider = new PruningProvider(COLUMNS, rows);
        off.provider = new MemoryProvider(COLUMNS, rows);
        const condition = () =>
          `${pick(['i', 't', 'n', 'r', 'rel.t'])} ${pick(['=', '<', '>', '<=', '>='])} ${pick(OPERANDS)}`;
        const sql = pick(SHAPES).replace(
          '$',
          [condition(), condition()].join(pick([' AND ', ' AND ', ' OR '])),
        );
        const values = [...sql.matchAll(/\?/g)].map(() => pick(VALUES));
        const ask = async (pushing: boolean) => {
          push = pushing;
          return (await db.query(sql, values, { rows: 'values', integers: 'bigint' })).rows;
        };
        expect(await ask(true), `${sql} ${values}`).toEqual(await ask(false));
        pruned += on.provider.pruned;
      }
      expect(pruned).toBeGreaterThan(200);
    });
  });

  test('and columns reach the provider as what SQLite compares', () =>
    withRelations({ rel: { provider: new MemoryProvider(COLUMNS, []) } }, async (db) => {
      const provider = new MemoryProvider(COLUMNS, []);
      const { sources } = await db.explain("SELECT r FROM rel WHERE i = '5'");
      expect(sources).toHaveLength(1);
      await inObject(async (storage) => {
        const other = await DB('t', { storage, extensions: [relations({ rel: { provider } })] });
        await other.query(
          "SELECT r FROM rel WHERE i = '5' AND t = 5 AND n = 'x' AND t > ? AND rel.r BETWEEN 1 AND ?",
          [5, 2],
        );
        await other.query('SELECT count(*) FROM rel');
        await other.query('SELECT i FROM rel LIMIT ? OFFSET 2', [3]);
      });
      expect(provider.scans).toEqual([
        {
          columns: [0, 1, 2, 3],
          predicates: [
            { column: 0, op: '=', values: [5] },
            { column: 1, op: '=', values: ['5'] },
            { column: 3, op: 'between', values: [1, 2] },
          ],
        },
        { columns: [], predicates: [] },
        { columns: [0], predicates: [], limit: 5 },
      ]);
    }));

  test('a replacing insert of foreign rows is captured whole by the change log', () =>
    inObject(async (storage) => {
      const provider = new MemoryProvider(COLUMNS, [[1, 'new', null, null]]);
      const db = await DB('t', {
        storage,
        migrations: [{ id: '1', sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)' }],
        extensions: [changeLog({ tables: '*' }), relations({ rel: { provider } })],
      });
      await db.run("INSERT INTO t VALUES (1, 'old'), (2, 'new')");
      expect((await db.run('INSERT OR REPLACE INTO t SELECT i, t FROM rel')).changes).toBe(1);
      const events = await db.log.read({ after: 0 });
      expect(JSON.stringify(events)).toContain('old');
      expect((await db.query('SELECT * FROM t')).rows).toEqual([{ id: 1, v: 'new' }]);
    }));
});
