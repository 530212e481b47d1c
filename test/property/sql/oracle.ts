import type { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { analyze } from '../../../src/sql/analyze.ts';
import { foldName, quoteIdentifier } from '../../../src/sql/identifier.ts';
import { prepareError, program, touchedTables } from './sqlite.ts';

/** Replaces the span of a reference. */
function splice(sql: string, reference: { start: number; end: number }, text: string): string {
  return `${sql.slice(0, reference.start)} ${text} ${sql.slice(reference.end)}`;
}

/**
 * Checks the references of a statement that SQLite accepts:
 * - none is missed: every table the program opens is one of them;
 * - none is false: an unknown table in its place is "no such table", or, in a part that SQLite leaves out, a name of
 *   three parts is a syntax error, as it is in table position only;
 * - none is wrongly a table: qualified by `main`, a reference that is no CTE gives the same program;
 * - the written table is the one with the role `write`.
 */
export function checkReferences(db: DatabaseSync, sql: string): void {
  const statement = analyze(sql);
  const tables = statement.tables.filter((reference) => !reference.cte && !reference.call);
  const { opened, written } = touchedTables(db, sql);
  const found = new Set(tables.map((reference) => foldName(reference.name)));
  for (const name of opened) expect([...found], `missed in: ${sql}`).toContain(name);
  const targets = new Set(tables.filter((r) => r.role === 'write').map((r) => foldName(r.name)));
  expect(
    [...written].filter((name) => name !== 'sqlite_master'),
    sql,
  ).toEqual(statement.kind === 'write' ? [...targets] : []);
  expect(statement.kind, sql).toBe(written.size > 0 ? 'write' : 'read');
  const own = program(db, sql);
  for (const reference of statement.tables) {
    const unknown = prepareError(db, splice(sql, reference, reference.call ? 'nosuch' : '"nosuch"'));
    if (unknown !== `no such table${reference.call ? '-valued function' : ''}: nosuch`) {
      expect(
        prepareError(db, splice(sql, reference, 'm.n.o')),
        `false in: ${sql} at ${reference.start}`,
      ).toBe('near ".": syntax error');
    }
    if (reference.cte || reference.call || reference.schema !== undefined) continue;
    const qualified = splice(sql, reference, `main.${quoteIdentifier(reference.name)}`);
    expect(program(db, qualified), `no CTE in: ${sql} at ${reference.start}`).toBe(own);
  }
}
