import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { makePlan, type Plan } from '../../engine/plan.ts';
import { DosqlError } from '../../errors/index.ts';
import { TRIGGERS } from '../../migration/remake.ts';
import { MAX_SQL_BYTES } from '../../sql/adapt.ts';
import { analyze } from '../../sql/analyze.ts';
import { foldName, quoteIdentifier } from '../../sql/identifier.ts';
import type { SqlValue } from '../../sql/literal.ts';
import { splitStatements } from '../../sql/split.ts';
import type { Cell } from './cell.ts';
import { isInternal } from './context.ts';
import { InsertWriter, STATEMENT_CHARS } from './insert.ts';
import { withoutUnistr } from './unistr.ts';

const INTERNAL = /(?<!\w)(_dosql_|_cf_|__miniflare_|sqlite_(?!sequence\b|stat\d))/i;
/** FTS5 names its own tables `<name>_…`. */
const VIRTUAL = /\bvirtual\b/i;
const PREFIX = /(?<!\w)(_dosql|_cf|__miniflare)(?!\w)/i;
/** As a table, a pragma would show what is internal. */
const PRAGMA = /\bselect\b.*(?<!\w)pragma_/is;

/**
 * Runs statements of a dump; to be called in a transaction. The database's own triggers do not fire: what they wrote is
 * in the dump. What a dump holds no statement of is refused.
 * @throws UNSUPPORTED_STATEMENT, NOT_AUTHORIZED, DATABASE_CHANGED, and what the statements throw
 */
export function loadStatements(engine: Engine, texts: readonly string[]): void {
  const { sql } = engine;
  // In this transaction only: nobody else ever sees the tables without them.
  const triggers = drain(sql.exec(TRIGGERS)) as [string, string][];
  for (const [name] of triggers) sql.exec(`DROP TRIGGER ${quoteIdentifier(name)}`);
  for (const text of texts) loadStatement(engine, text);
  if (!triggers.length) return;
  // Extensions have triggers that must be newer than these.
  engine.changeSchema(analyze(triggers[0]![1]), () => {
    for (const [name, text] of triggers) {
      if (drain(sql.exec(`${TRIGGERS} AND name=?`, name)).length === 0) sql.exec(text);
    }
  });
}

function loadStatement(engine: Engine, unit: string): void {
  const plain = plainInsert(engine, unit);
  if (plain) {
    engine.all(...plain, 'number');
    return;
  }
  const [span, more] = splitStatements(unit);
  if (!span) return;
  const text = withoutUnistr(unit.slice(span.start, span.end));
  const plan = makePlan(text, engine.planHooks);
  const { kind, verb, pragma, tables } = plan.statement;
  if (more)
    throw new DosqlError('MULTIPLE_STATEMENTS', `Statements are not told apart: ${text.slice(0, 60)}`);
  const target = tables.find(({ role }) => role === 'write');
  const own = target && foldName(target.name);
  if (kind === 'transaction') {
    if (verb !== 'ROLLBACK') return;
    throw new DosqlError(
      'DATABASE_CHANGED',
      'This dump ends in ROLLBACK: the database was written to while it was exported. Export it again.',
    );
  }
  if (pragma?.name === 'foreign_keys' || verb === 'ANALYZE' || /^sqlite_stat\d$/.test(own ?? '')) return;
  if (own === 'sqlite_sequence' && /^(INSERT|REPLACE|DELETE|UPDATE)$/.test(verb)) {
    sequence(engine, plan);
    return;
  }
  if (verb === 'CREATE') {
    if (INTERNAL.test(text) || PRAGMA.test(text) || (VIRTUAL.test(text) && PREFIX.test(text)))
      throw internal(text);
    create(engine, plan);
    return;
  }
  if (verb !== 'INSERT' && verb !== 'REPLACE')
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `A dump creates and inserts: ${verb || text.slice(0, 20)} is not imported. Use a migration, or /query.`,
    );
  for (const { name, cte } of tables) if (!cte && isInternal(engine, name)) throw internal(name);
  engine.all(plan, [], 'number');
}

const NAME = '(?:"(?:[^"]|"")+"|\\w+)';
// Each character can be matched in one way only: a list that ends otherwise is seen in one pass.
const HEAD = new RegExp(
  `^\\s*(INSERT(?: OR REPLACE)? INTO ${NAME}\\s*(?:\\(\\s*${NAME}(?:\\s*,\\s*${NAME})*\\s*\\)\\s*)?VALUES)\\s*\\(`,
  'i',
);
/** What rows are made of: no names, hence no sub-selects; no comments, which could hide where a string ends. */
const PIECE =
  /x'[\da-f]*'|'[^']*'(?:'[^']*')*|[(),\s.*+|]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|-(?!-)|\/(?!\*)|NULL|;\s*$/iy;
/** A literal from this length on is bound: a statement has at most 100,000 bytes and 100 values. */
const LARGE = STATEMENT_CHARS / 10;
const MAX_VALUES = 100;

/**
 * An INSERT of nothing but literals, as dumps hold them: analysed by its head alone, since the tokens of a million
 * literals take time, and ten times the memory of the text.
 */
function plainInsert(engine: Engine, text: string): [Plan, SqlValue[]] | undefined {
  const head = HEAD.exec(text)?.[1];
  if (head === undefined) return undefined;
  const values: SqlValue[] = [];
  const long = text.length * 3 > MAX_SQL_BYTES;
  let sql = '';
  let from = 0;
  PIECE.lastIndex = text.indexOf(head) + head.length;
  for (let at = PIECE.lastIndex; at < text.length; at = PIECE.lastIndex) {
    if (!PIECE.test(text)) return undefined;
    if (!long || PIECE.lastIndex - at < LARGE || !/['x]/i.test(text[at]!)) continue;
    sql += `${text.slice(from, at)}?`;
    from = PIECE.lastIndex;
    values.push(
      text[at] === "'" ? text.slice(at + 1, from - 1).replaceAll("''", "'") : bytesOf(text, at + 2, from - 1),
    );
  }
  sql += text.slice(from);
  if (values.length > MAX_VALUES || sql.length * 3 > MAX_SQL_BYTES) return undefined;
  const plan = engine.plan(`${head}(NULL)`);
  const internal = plan.statement.tables.some(({ name }) => isInternal(engine, name));
  return plan.plain && !internal ? [{ ...plan, sql }, values] : undefined;
}

/** The bytes of hexadecimal digits. */
function bytesOf(text: string, start: number, end: number): Uint8Array {
  // '0' to '9' end in their value, letters in one less than ten below theirs.
  const digit = (code: number) => (code & 15) + 9 * (code >> 6);
  const bytes = new Uint8Array((end - start) / 2);
  for (let i = 0, at = start; i < bytes.length; i++, at += 2)
    bytes[i] = 16 * digit(text.charCodeAt(at)) + digit(text.charCodeAt(at + 1));
  return bytes;
}

/** The tables of SQLite cannot be changed through the engine's extensions, nor need they see it. */
function sequence(engine: Engine, { sql, statement }: Plan): void {
  if (statement.tables.some(({ name }) => foldName(name) !== 'sqlite_sequence')) throw internal(sql);
  const exists = "SELECT 1 FROM sqlite_master WHERE name='sqlite_sequence'";
  if (drain(engine.sql.exec(exists)).length > 0) engine.sql.exec(sql);
}

/** Makes a table, view, index or trigger, unless the same one is there. */
function create(engine: Engine, plan: Plan): void {
  try {
    engine.all(plan, [], 'number');
  } catch (error) {
    const same = 'SELECT 1 FROM sqlite_master WHERE sql=?';
    if (!/already exists|already another/.test((error as Error).message)) throw error;
    if (drain(engine.sql.exec(same, plan.sql)).length === 0)
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `${(error as Error).message}, and it is declared in other words: ${plan.sql.slice(0, 200)}`,
        { cause: error },
      );
  }
}

function internal(text: string): DosqlError {
  return new DosqlError('NOT_AUTHORIZED', `An import cannot touch internal tables: ${text.slice(0, 60)}`);
}

/** Inserts rows as an application would: triggers fire, keys are checked. To be called in a transaction. */
export function loadRows(
  engine: Engine,
  table: string,
  rows: Iterable<[columns: string[], cells: Cell[]]>,
): void {
  let names: string[] = [];
  let held: Cell[][] = [];
  const run = (text: string, values: readonly SqlValue[] = []) =>
    void engine.all(makePlan(text, engine.planHooks), values, 'number');
  const flush = () => {
    for (const text of new InsertWriter(table, names).write(held)) run(text);
    held = [];
  };
  for (const [columns, cells] of rows) {
    if (columns.length !== names.length || columns.some((name, i) => name !== names[i])) {
      flush();
      names = columns;
    }
    if (cells.some((cell) => isLarge(cell))) {
      flush();
      const marks = cells.map(() => '?').join(',');
      run(
        `INSERT INTO ${quoteIdentifier(table)}(${names.map(quoteIdentifier).join(',')}) VALUES(${marks})`,
        cells as SqlValue[],
      );
    } else held.push(cells);
  }
  flush();
}

function isLarge(cell: Cell): boolean {
  return (
    (typeof cell === 'string' ? cell.length : cell instanceof Uint8Array ? 2 * cell.length : 0) >
    STATEMENT_CHARS
  );
}
