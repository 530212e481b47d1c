import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Adaptation,
  adapt,
  MAX_COMPOUND_TERMS,
  MAX_PARAMETERS,
  MAX_SQL_BYTES,
} from '../../../src/sql/adapt.ts';
import { analyze } from '../../../src/sql/analyze.ts';
import type { SqlValue } from '../../../src/sql/literal.ts';
import { runs } from './runs.ts';

const SCHEMA = `
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT COLLATE NOCASE, c REAL, d, e INTEGER);
INSERT INTO t VALUES (1, 'a', 0.1, 1.0, 1), (2, 'B', 2.5, 'x', 2), (3, NULL, NULL, x'00', NULL), (4, '5.0', -1, 5, 5);
`;

/** SQLite's rows. node:sqlite binds every number as REAL, as the platform does. */
function answer(db: DatabaseSync, sql: string, values: readonly SqlValue[]): unknown {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  statement.setReadBigInts(true);
  const names = analyze(sql).parameters.flatMap(({ name, index }) =>
    name ? [[name, values[index - 1]]] : [],
  );
  if (names.length > 0) return statement.all(Object.fromEntries(names));
  return statement.all(...(values as SQLInputValue[]));
}

/** Runs an adaptation and checks that every run is within the limits. */
function run(db: DatabaseSync, adaptation: Adaptation): unknown[] {
  if ('limit' in adaptation) throw new Error(`limit: ${adaptation.limit.name}`);
  const rows: unknown[] = [];
  for (const { sql, values } of adaptation.runs) {
    const again = analyze(sql);
    expect(again.parameterCount).toBe(values.length);
    expect(again.parameterCount).toBeLessThanOrEqual(MAX_PARAMETERS);
    expect(again.compoundTerms).toBeLessThanOrEqual(MAX_COMPOUND_TERMS);
    expect(Buffer.byteLength(sql)).toBeLessThanOrEqual(MAX_SQL_BYTES);
    rows.push(...(answer(db, sql, values) as unknown[]));
  }
  return rows;
}

/** The statement and its adaptation give the same rows and leave the same table. */
function same(sql: string, values: readonly SqlValue[]): Adaptation {
  const plain = new DatabaseSync(':memory:');
  const adapted = new DatabaseSync(':memory:');
  const adaptation = adapt(analyze(sql), values);
  const binary = 'runs' in adaptation && adaptation.needsBinary;
  for (const db of [plain, adapted]) db.exec(binary ? SCHEMA.replace('COLLATE NOCASE', '') : SCHEMA);
  const rows = [run(adapted, adaptation), answer(plain, sql, values) as unknown[]] as const;
  if (!/ORDER BY/.test(sql))
    for (const list of rows) list.sort((a, b) => (fc.stringify(a) < fc.stringify(b) ? -1 : 1));
  expect(rows[0], sql).toEqual(rows[1]);
  const rest = 'SELECT typeof(b), typeof(c), typeof(d), * FROM t ORDER BY a';
  expect(answer(adapted, rest, []), sql).toEqual(answer(plain, rest, []));
  plain.close();
  adapted.close();
  return adaptation;
}

const text = fc.oneof(
  fc.constantFrom('a', 'b', 'B', '5.0', 'x', "it's", 'nul\0'),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const integral = fc.constantFrom(0, -0, 1, 2, 5, -1, 2 ** 53 - 1, Infinity, -Infinity);
const jsonable: fc.Arbitrary<SqlValue> = fc.oneof(text, integral, fc.constant(null));
const any: fc.Arbitrary<SqlValue> = fc.oneof(
  text,
  integral,
  fc.double({ noNaN: true }),
  fc.constant(null),
  fc.uint8Array({ maxLength: 6 }),
);
const list = (arb: fc.Arbitrary<SqlValue>, max: number) => fc.array(arb, { minLength: 101, maxLength: max });
const marks = (n: number) => Array.from({ length: n }, () => '?').join(', ');

test('a long IN list keeps its meaning', () => {
  fc.assert(
    fc.property(
      list(fc.oneof(jsonable, any), 400),
      fc.constantFrom('a', 'b', 'c', 'd', 'e', '+b', "'x'"),
      fc.constantFrom('', 'NOT '),
      fc.array(any, { maxLength: 3 }),
      (values, column, not, rest) => {
        const extra = rest.map(() => 'OR d IS ?').join(' ');
        same(
          `SELECT a, (? IS NULL) FROM t WHERE ${column} ${not}IN (${marks(values.length)}) ${extra} ORDER BY a`,
          ['z', ...values, ...rest],
        );
      },
    ),
    runs(60),
  );
});

test('a list that JSON can carry becomes one parameter', () => {
  fc.assert(
    fc.property(
      list(fc.oneof(text, fc.constant(null), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), 2000),
      fc.constantFrom('a', 'b', 'c', 'd'),
      (values, column) => {
        const adaptation = same(
          `DELETE FROM t WHERE ${column} NOT IN (${marks(values.length)}) RETURNING a`,
          values,
        );
        expect('runs' in adaptation && adaptation.runs[0]!.values).toHaveLength(1);
      },
    ),
    runs(40),
  );
});

test('values beyond the hundredth become literals', () => {
  fc.assert(
    fc.property(list(any, 250), fc.constantFrom('?', '?N', ':n'), (values, style) => {
      const mark = (i: number) => (style === '?' ? '?' : style === '?N' ? `?${i + 1}` : `:n${i}`);
      const terms = values.map((_, i) => `(${mark(i)})`).join(',');
      const twice = style === '?' ? '' : `, ${mark(0)}, ${mark(values.length - 1)}`;
      same(`SELECT typeof(column1), column1 ${twice} FROM (VALUES ${terms})`, values);
    }),
    runs(60),
  );
});

test('an insert of many rows is the same row by row', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(any, any, any), { minLength: 40, maxLength: 300 }),
      fc.constantFrom('INSERT', 'REPLACE', 'INSERT OR IGNORE'),
      fc.constantFrom('', ' RETURNING a, typeof(b), d, ?', ' ON CONFLICT(a) DO UPDATE SET d = ? RETURNING *'),
      (rows, verb, tail) => {
        if (verb !== 'INSERT' && tail.includes('CONFLICT')) return;
        const row =
          verb === 'INSERT' && !tail.includes('CONFLICT')
            ? '(NULL, ?, ?, ?)'
            : '(abs(random() % 1) + 2, ?, ?, ?)';
        const sql = `${verb} INTO t(a, b, c, d) VALUES ${rows.map(() => row).join(', ')}${tail}`;
        const adaptation = same(sql, [...rows.flat(), ...(tail.includes('?') ? ['tail'] : [])]);
        if ('limit' in adaptation) return;
        expect(adaptation.runs.length).toBe(
          Math.ceil(rows.length / Math.floor((100 - (tail.includes('?') ? 1 : 0)) / 3)),
        );
        expect(new Set(adaptation.runs.map((one) => one.sql)).size).toBeLessThanOrEqual(2);
      },
    ),
    runs(60),
  );
});

test('a compound of many terms is nested exactly', () => {
  const term = fc.constantFrom(
    'SELECT a, b FROM t',
    'SELECT ?, ?',
    "SELECT e, 'A' FROM t",
    'VALUES (1, ?), (?, NULL)',
    'SELECT a AS x, d FROM t WHERE a IN (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT ?)',
    'SELECT 2, lower(b) FROM t WHERE b <> ?',
  );
  const operator = fc.constantFrom('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT', 'union all');
  const frame = fc.constantFrom(
    '#',
    '# ORDER BY 1, 2 LIMIT 9',
    'SELECT * FROM (#) ORDER BY 1, 2',
    'WITH q AS (#) SELECT count(*), min(b) FROM t WHERE a IN (SELECT 1 FROM q)',
    'SELECT a, (SELECT count(*) FROM (#)) FROM t ORDER BY a',
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(operator, term), { minLength: 5, maxLength: 45 }),
      frame,
      any,
      (parts, outer, value) => {
        const compound = parts.map(([op, select], i) => (i ? `${op} ${select}` : select)).join(' ');
        const sql = outer.replace('#', () => compound);
        // VALUES takes no ORDER BY.
        if (outer.startsWith('# ORDER') && parts.at(-1)![1].startsWith('VALUES')) return;
        const { parameterCount, compoundTerms } = analyze(sql);
        if (compoundTerms <= 5) return;
        same(
          sql,
          Array.from({ length: parameterCount }, () => value),
        );
      },
    ),
    runs(150),
  );
});
