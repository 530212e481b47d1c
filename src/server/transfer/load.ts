import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { makePlan, type Plan } from '../../engine/plan.ts';
import { DosqlError } from '../../errors/index.ts';
import { MAX_SQL_BYTES } from '../../sql/adapt.ts';
import { foldName, quoteIdentifier } from '../../sql/identifier.ts';
import type { SqlValue } from '../../sql/literal.ts';
import { splitStatements } from '../../sql/split.ts';
import { Token } from '../../sql/token.ts';
import { tokenize } from '../../sql/tokenizer.ts';
import type { Cell } from './cell.ts';
import { isInternal } from './context.ts';
import { InsertWriter, STATEMENT_CHARS } from './insert.ts';

const TRIGGERS = "SELECT name,sql FROM sqlite_master WHERE type='trigger' AND name NOT GLOB '_dosql_*'";
const INTERNAL = /(?<!\w)(_dosql_|_cf_|__miniflare_|sqlite_(?!sequence\b|stat\d))/i;

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
  for (const [name, text] of triggers) {
    if (drain(sql.exec(`${TRIGGERS} AND name=?`, name)).length === 0) sql.exec(text);
  }
}

function loadStatement(engine: Engine, unit: string): void {
  const known = ownInsert(engine, unit);
  if (known) {
    engine.all(known, [], 'number');
    return;
  }
  const [span, more] = splitStatements(unit);
  if (!span) return;
  const text = unit.slice(span.start, span.end);
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
    if (INTERNAL.test(text)) throw internal(text);
    create(engine, plan);
    return;
  }
  if (verb !== 'INSERT' && verb !== 'REPLACE')
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `A dump creates and inserts: ${verb || text.slice(0, 20)} is not imported. Use a migration, or /query.`,
    );
  for (const { name, cte } of tables) if (!cte && isInternal(engine, name)) throw internal(name);
  const [small, values] = withoutLarge(text);
  engine.all(values.length > 0 ? makePlan(small, engine.planHooks) : plan, values, 'number');
}

const HEAD = /^\s*(INSERT(?: OR REPLACE)? INTO "(?:[^"]|"")+"\((?:"(?:[^"]|"")+"[,)])+ VALUES)\(/;
/** What its literals are made of: no names, hence no sub-selects; no comments, which could hide where a string ends. */
const LITERALS = /(?:[(),\s\d.*+|]+|-(?!-)|\/(?!\*)|NULL|9e999|x?'[^']*')+;?\s*/iy;

/**
 * The plan of an INSERT as {@link InsertWriter} writes it: analysed by its head alone, since the tokens of a million
 * literals take time, and ten times the memory of the text.
 */
function ownInsert(engine: Engine, text: string): Plan | undefined {
  const head = text.length * 3 <= MAX_SQL_BYTES ? HEAD.exec(text)?.[1] : undefined;
  if (head === undefined) return undefined;
  LITERALS.lastIndex = text.indexOf(head) + head.length;
  if (!LITERALS.test(text) || LITERALS.lastIndex < text.length) return undefined;
  const plan = engine.plan(`${head}(NULL)`);
  const internal = plan.statement.tables.some(({ name }) => isInternal(engine, name));
  return plan.plain && !internal ? { ...plan, sql: text } : undefined;
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

/** Literals that would make one row's statement too long are bound instead. */
function withoutLarge(text: string): [sql: string, values: SqlValue[]] {
  if (text.length * 3 <= MAX_SQL_BYTES) return [text, []];
  const tokens = tokenize(text);
  const values: SqlValue[] = [];
  let sql = '';
  let from = 0;
  for (let i = 0; i < tokens.length; i += 3) {
    const [kind, start, end] = [tokens[i], tokens[i + 1]!, tokens[i + 2]!];
    if (end - start < STATEMENT_CHARS / 10 || (kind !== Token.STRING && kind !== Token.BLOB)) continue;
    // Rows of one statement share its 100 parameters; statements of many rows are split by the engine.
    if (values.length === 100) return [text, []];
    values.push(
      kind === Token.BLOB
        ? bytesOf(text, start + 2, end - 1)
        : text.slice(start + 1, end - 1).replaceAll("''", "'"),
    );
    sql += `${text.slice(from, start)}?`;
    from = end;
  }
  return [sql + text.slice(from), values];
}

function bytesOf(text: string, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array((end - start) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.substr(start + 2 * i, 2), 16);
  return bytes;
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
