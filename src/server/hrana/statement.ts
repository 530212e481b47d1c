import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { exactQuery, numberOf } from '../../engine/integers.ts';
import { lastChange } from '../../engine/statements.ts';
import type { DosqlErrorCode } from '../../errors/index.ts';
import { foldName, quoteIdentifier } from '../../sql/identifier.ts';
import type { Statement } from '../../sql/types.ts';
import type { Budget } from '../budget.ts';
import { wireError } from '../respond.ts';
import { type Ran, type Ready, ready, run } from '../run.ts';
import type { Session } from '../session.ts';
import type { HranaError, Stmt, StmtResult } from './proto.ts';
import { paramsOf, toHrana } from './value.ts';

export const DONE: StmtResult = {
  cols: [],
  rows: [],
  affected_row_count: 0,
  last_insert_rowid: null,
  rows_read: 0,
  rows_written: 0,
};

const CODES: Partial<Record<DosqlErrorCode, string>> = {
  TRANSACTION_CONFLICT: 'SQLITE_BUSY',
  TIER_CONTENTION: 'SQLITE_BUSY',
  DATABASE_BUSY: 'SQLITE_BUSY',
  TABLE_LOCKED: 'SQLITE_LOCKED',
  READ_ONLY: 'SQLITE_READONLY',
  NOT_AUTHORIZED: 'SQLITE_AUTH',
  DATATYPE_MISMATCH: 'SQLITE_MISMATCH',
  DATABASE_FULL: 'SQLITE_FULL',
  SYNTAX_ERROR: 'SQLITE_ERROR',
  NO_SUCH_TABLE: 'SQLITE_ERROR',
  NO_SUCH_COLUMN: 'SQLITE_ERROR',
  SQL_ERROR: 'SQLITE_ERROR',
};

/** Clients look for SQLite's own codes. */
export function hranaError(error: unknown): HranaError {
  const { code, message } = wireError(error);
  return { message, code: /_VIOLATION$/.test(code) ? 'SQLITE_CONSTRAINT' : (CODES[code] ?? code) };
}

/** Checks a statement whose text is known. @throws DosqlError */
export function readyStmt(session: Session, stmt: Stmt, sql: string): Ready {
  // A statement's parameters stay as they are when its text is rewritten.
  const { sql: text } = session.check(sql);
  return ready(session, sql, paramsOf(stmt, session.engine.plan(text).statement));
}

/** Runs a statement; to be called in the caller's turn. @throws DosqlError */
export function execute(
  session: Session,
  stmt: Stmt,
  sql: string,
  budget: Budget,
  item = readyStmt(session, stmt, sql),
): StmtResult {
  const { engine } = session;
  const before = UPSERT.test(sql) ? lastChange(engine).lastInsertRowid : undefined;
  const ran = run(session, item, budget);
  const { columns, rows, changes, lastInsertRowid, rowsRead, rowsWritten } = ran;
  const inserted = changes > 0 && givesRowid(engine, item.plan.statement);
  const known = rows.some(hasInteger) ? typesOf(session, item, ran) : undefined;
  const result: StmtResult = {
    cols: columns.map((name) => ({ name, decltype: null })),
    rows:
      stmt.want_rows === false
        ? []
        : rows.map((row, r) => row.map((value, c) => toHrana(value, known?.(r, c)))),
    affected_row_count: changes,
    last_insert_rowid: inserted ? `${lastInsertRowid}` : null,
    rows_read: rowsRead,
    rows_written: rowsWritten,
  };
  if (inserted && lastInsertRowid === before) UNSURE.add(result);
  return result;
}

const UPSERT = /\bon\s+conflict\b/i;

/** Results of upserts whose last rowid may be that of somebody's insert before: SQLite sets none where it updates. */
export const UNSURE = new WeakSet<StmtResult>();

/** Folded names of views and of tables without rowids, by what an engine knows of its schema. */
const ROWLESS = new WeakMap<object, ReadonlySet<string>>();

/** Of any other statement it would be that of somebody's insert before, who may write between two repetitions. */
function givesRowid(engine: Engine, { verb, tables }: Statement): boolean {
  if (!/^(INSERT|REPLACE)$/.test(verb)) return false;
  const schema = engine.traits();
  let rowless = ROWLESS.get(schema);
  if (!rowless) {
    const names = "SELECT name FROM pragma_table_list WHERE schema='main' AND(type='view' OR wr)";
    rowless = new Set(drain(engine.sql.exec(names)).map(([name]) => foldName(name as string)));
    ROWLESS.set(schema, rowless);
  }
  return !rowless.has(foldName(tables.find(({ role }) => role === 'write')?.name ?? ''));
}

function hasInteger(row: readonly unknown[]): boolean {
  return row.some(Number.isInteger);
}

/** The platform gives 5 for 5 and for 5.0: says which of a result's numbers are integers. */
function typesOf(
  { engine }: Session,
  { inspection, outside, ...own }: Ready,
  { columns, rows }: Ran,
): (row: number, column: number) => unknown {
  const whole = (r: number, c: number) => (Number.isInteger(rows[r]![c]) ? `${rows[r]![c]}` : undefined);
  const { plan, values } = outside ?? own;
  if (inspection.access === 'read' && (plan.plain || outside) && plan.statement.verb !== 'EXPLAIN') {
    const exact = engine.exec(exactQuery(plan.sql, columns.length, numberOf), plan, values);
    // A statement of chance gives others the second time; what it gave was whole.
    return (r, c) => {
      const value = exact[r]?.[c];
      return typeof value === 'string' ? whole(r, c) : typeof value === 'number' ? undefined : whole(r, c);
    };
  }
  // RETURNING cannot be read twice; a column of REAL affinity holds no integer.
  const table = plan.statement.tables.find(({ role }) => role === 'write')?.name;
  const reals = new Set<unknown>();
  if (table !== undefined)
    for (const [, name, type] of drain(engine.sql.exec(`PRAGMA table_xinfo(${quoteIdentifier(table)})`)))
      if (/real|floa|doub/i.test(type as string) && !/int/i.test(type as string)) reals.add(name);
  return (r, c) => (reals.has(columns[c]) ? undefined : whole(r, c));
}
