import type { Column } from 'drizzle-orm';
import * as internals from 'drizzle-orm/utils';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFields, type Field, mapRows } from '../../../drizzle/mapper.ts';
import { comments, kinds, posts, users } from '../../workerd/drizzle/schema.ts';

const { mapResultRow } = internals as unknown as {
  mapResultRow(
    fields: readonly Field[],
    row: unknown[],
    notNull: Record<string, boolean> | undefined,
  ): unknown;
};

/** A stored value of each kind of column. */
function stored(column: Column): fc.Arbitrary<unknown> {
  const values: Record<string, fc.Arbitrary<unknown>> = {
    SQLiteBoolean: fc.constantFrom(0, 1, 2, '1'),
    SQLiteTimestamp: fc.integer({ min: 0, max: 2e9 }),
    SQLiteTextJson: fc.json(),
    SQLiteBlobJson: fc.json().map((text) => new TextEncoder().encode(text)),
    SQLiteBigInt: fc.bigInt().map((n) => new TextEncoder().encode(String(n))),
    SQLiteBlobBuffer: fc.uint8Array({ maxLength: 4 }),
    SQLiteCustomColumn: fc.string(),
    SQLiteNumericBigInt: fc.bigInt().map(String),
    SQLiteNumeric: fc.oneof(fc.integer(), fc.string()),
    SQLiteNumericNumber: fc.oneof(fc.integer(), fc.double({ noNaN: true }).map(String)),
  };
  return fc.option(values[column.columnType] ?? fc.oneof(fc.string(), fc.integer()), { freq: 3 });
}

const columns = [users, posts, comments, kinds].flatMap((table) =>
  Object.values(table as unknown as Record<string, Column>).filter(
    (column) => typeof column?.columnType === 'string',
  ),
);

const path: fc.Arbitrary<string[]> = fc.oneof(
  fc.tuple(fc.constantFrom('a', 'b', '__proto__x', 'where')),
  fc.tuple(fc.constantFrom('p', 'q'), fc.constantFrom('x', 'y', 'z')),
  fc.tuple(fc.constant('r'), fc.constantFrom('s', 't'), fc.constantFrom('x', 'y')),
);

// Columns by number: printed in full, a counterexample would be a book.
const result = fc
  .uniqueArray(fc.record({ path, at: fc.nat(columns.length - 1) }), {
    minLength: 1,
    maxLength: 14,
    selector: (field) => field.path.join('.'),
  })
  .chain((fields) =>
    fc.record({
      fields: fc.constant(fields),
      rows: fc.array(fc.tuple(...fields.map(({ at }) => stored(columns[at] as Column))), { maxLength: 4 }),
      notNull: fc.option(fc.record({ users: fc.boolean(), posts: fc.boolean(), comments: fc.boolean() }), {
        nil: undefined,
      }),
    }),
  );

test('compiled mappers build the rows that drizzle builds', () => {
  fc.assert(
    fc.property(result, ({ fields: numbered, rows, notNull }) => {
      const fields: Field[] = numbered.map(({ path, at }) => ({ path, field: columns[at] }));
      const expected = rows.map((row) => mapResultRow(fields, row, notNull));
      const actual = mapRows(
        compileFields(fields, notNull),
        rows.map((row) => [...row]),
        'throw',
      );
      expect(actual).toStrictEqual(expected);
      // The order of keys is part of what a caller sees.
      expect(actual.map((row) => Object.keys(row as object))).toEqual(
        expected.map((row) => Object.keys(row as object)),
      );
    }),
    { numRuns: 1000 * Number(process.env['DOSQL_RUNS'] ?? 1) },
  );
});
