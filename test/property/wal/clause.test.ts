import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findClauses } from '../../../src/history/clause.ts';
import { lsnOf } from '../../../src/wal/instant.ts';
import type { LogStore } from '../../../src/wal/store.ts';
import { runs } from '../sql/runs.ts';

const literal = fc.constantFrom(
  "'2026-01-22 10:00'",
  '?',
  '?7',
  ':at',
  '@a',
  '42',
  "datetime('now', '-1 hour')",
  '(1 + (2 * 3))',
  'CURRENT_TIMESTAMP',
  "'it''s'",
);
const point = fc
  .tuple(fc.constantFrom('', 'TIMESTAMP ', 'date ', 'LSN ', 'Transaction '), literal)
  .map(([kind, value]) => ({
    text: kind + value,
    kind: kind.trim().toLowerCase(),
    // date (…) is a function.
    value: kind === 'date ' && value.startsWith('(') ? kind + value : value,
  }));
const gap = fc.constantFrom(' ', '\n', ' /* ; FOR SYSTEM_TIME */ ', ' -- )\n');
const clause = fc
  .tuple(fc.constantFrom('AS OF', 'FROM', 'BETWEEN', 'CONTAINED IN', 'ALL'), point, point, gap)
  .map(([form, a, b, space]) => {
    const tail =
      form === 'AS OF'
        ? `${space}${a.text}`
        : form === 'FROM'
          ? `${space}${a.text} TO${space}${b.text}`
          : form === 'BETWEEN'
            ? ` ${a.text}${space}and ${b.text}`
            : form === 'ALL'
              ? ''
              : `${space}( ${a.text},${space}${b.text} )`;
    const points = form === 'ALL' ? [] : form === 'AS OF' ? [a] : [a, b];
    return { form, points, text: `FOR${space}SYSTEM_TIME ${form}${tail}` };
  });
const before = fc.constantFrom(
  'SELECT * FROM t ',
  'SELECT \'FOR SYSTEM_TIME\', [FOR SYSTEM_TIME ALL] FROM "t"\n',
  '-- FOR SYSTEM_TIME ALL\nSELECT 1 FROM main.t ',
);
const after = fc.constantFrom('', ' WHERE a = ?', ' AS x JOIN u ON 1', ' t ORDER BY 1', ')');

describe('clauses in a statement', () => {
  test('are found where they stand, with their points, and nothing else is taken for one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(before, clause, after), { minLength: 1, maxLength: 3 }), (parts) => {
        let sql = '';
        const expected = parts.map(([head, { text, form, points }, tail]) => {
          const start = sql.length + head.length;
          sql += `${head}${text}${tail}; `;
          return { form: form.split(' ')[0], start, end: start + text.length, points };
        });
        const found = findClauses(sql);
        expect(found.map(({ form, start, end }) => ({ form, start, end }))).toEqual(
          expected.map(({ form, start, end }) => ({ form, start, end })),
        );
        found.forEach(({ points }, i) => {
          expect(points.map(({ start, end }) => sql.slice(start, end))).toEqual(
            expected[i]!.points.map(({ value }) => value),
          );
          expect(points.map(({ kind }) => kind)).toEqual(
            expected[i]!.points.map(({ kind }) => (kind === 'lsn' || kind === 'transaction' ? kind : 'time')),
          );
        });
      }),
      runs(500),
    );
  });

  test('that end too early are syntax errors, never something else', () => {
    fc.assert(
      fc.property(clause, fc.nat(), ({ text }, cut) => {
        const sql = `SELECT * FROM t ${text.slice(0, cut % text.length)}`;
        try {
          findClauses(sql);
        } catch (error) {
          expect(error).toMatchObject({ name: 'DosqlError', code: 'SYNTAX_ERROR' });
        }
      }),
      runs(500),
    );
  });
});

/** A log of nothing but times and transactions, behind the queries that {@link lsnOf} asks. */
function logOf(times: readonly number[], transactions: readonly (readonly [number, number])[]): LogStore {
  return {
    segments: [{ name: '_dosql_log', first: 1, last: times.length }],
    engine: { depth: 0 },
    last: () => times.length,
    all(sql: string, lsn: number) {
      if (sql.includes('_dosql_tx')) return transactions.filter(([, last]) => last > lsn).slice(0, 1);
      return times[lsn - 1] === undefined ? [] : [[times[lsn - 1]]];
    },
  } as unknown as LogStore;
}

test('a point in time is the last whole transaction that had committed by then', () => {
  const log = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(3), { minLength: 4, maxLength: 4 })), {
      maxLength: 12,
    })
    .map((parts) => {
      const times: number[] = [];
      const transactions: [number, number][] = [];
      const ends: number[] = [];
      let now = 100;
      for (const [size, steps] of parts) {
        const first = times.length + 1;
        for (let i = 0; i < size; i++) {
          now += steps[i]!;
          times.push(now);
        }
        ends.push(times.length);
        if (size > 1) transactions.push([first, times.length]);
      }
      return { times, transactions, ends };
    });
  fc.assert(
    fc.property(
      log,
      fc.integer({ min: 95, max: 160 }),
      fc.boolean(),
      ({ times, transactions, ends }, at, strictly) => {
        // A transaction is there at the time of its last entry.
        const committed = ends.filter((end) => (strictly ? times[end - 1]! < at : times[end - 1]! <= at));
        expect(lsnOf(logOf(times, transactions), at, strictly)).toBe(committed.at(-1) ?? 0);
      },
    ),
    runs(1000),
  );
});
