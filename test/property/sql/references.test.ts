import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyze } from '../../../src/sql/analyze.ts';
import { statements } from './generator.ts';
import { NASTY } from './nasty.ts';
import { checkReferences } from './oracle.ts';
import { runs } from './runs.ts';
import { openDatabase, prepareError } from './sqlite.ts';

const db = openDatabase();

test('the tables of a generated statement are those that SQLite opens', () => {
  let refused = 0;
  let checked = 0;
  fc.assert(
    fc.property(statements, (sql) => {
      if (prepareError(db, sql) !== undefined) {
        refused++;
        analyze(sql);
        return;
      }
      checked++;
      checkReferences(db, sql);
    }),
    runs(1500),
  );
  // The generator is worth its name only while SQLite accepts most of what it writes.
  expect(refused).toBeLessThan(checked / 4);
});

test.each(NASTY.map((sql) => [sql]))('the tables of %s are those that SQLite opens', (sql) => {
  expect(prepareError(db, sql)).toBeUndefined();
  checkReferences(db, sql);
});
