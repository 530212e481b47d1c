import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { foldName, nameAt, quoteIdentifier, unquoteIdentifier } from '../../sql/identifier.ts';
import { Token } from '../../sql/token.ts';
import { tokenize } from '../../sql/tokenizer.ts';

/** libSQL's statement, which SQLite does not have. */
export function isAlterColumn(sql: string): boolean {
  return parse(sql) !== undefined;
}

interface Alteration {
  readonly table: string;
  readonly column: string;
  readonly to: string;
  /** Type and constraints, as written. */
  readonly definition: string;
}

function parse(sql: string): Alteration | undefined {
  if (!/^\s*alter\s+table\b/i.test(sql)) return undefined;
  const t = tokenize(sql);
  const word = (i: number) => (i < t.length ? sql.slice(t[i + 1], t[i + 2]) : '');
  const is = (i: number, text: string) => foldName(word(i)) === text;
  const name = t[9] === Token.DOT ? 12 : 6;
  let i = name + 3;
  if (!is(i, 'alter')) return undefined;
  i += is(i + 3, 'column') ? 6 : 3;
  if (!is(i + 3, 'to')) return undefined;
  return {
    table: unquoteIdentifier(word(name)),
    column: unquoteIdentifier(word(i)),
    to: unquoteIdentifier(word(i + 6)),
    definition: sql.slice(t[i + 8]).replace(/;\s*$/, ''),
  };
}

/** What a column keeps of its old declaration, unless the new one says it anew. */
const KEPT = ['primary', 'unique', 'check', 'collate', 'references'];
const CLAUSE = new Set([...KEPT, 'constraint', 'not', 'null', 'default', 'generated', 'as']);

/** The clauses of a column's declaration by their first words. */
function clauses(definition: string): Map<string, string> {
  const t = tokenize(definition);
  const found = new Map<string, string>();
  let [kind, from] = ['type', 0];
  let named = -1;
  let depth = 0;
  const close = (end: number) => found.set(kind, definition.slice(from, end));
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    if (t[i] === Token.RIGHT_PAREN) depth--;
    const word = foldName(definition.slice(t[i + 1], t[i + 2]));
    const before = i > 0 ? foldName(definition.slice(t[i - 2], t[i - 1])) : '';
    // Of REFERENCES: ON DELETE SET NULL, SET DEFAULT, NOT DEFERRABLE.
    if (depth > 0 || !CLAUSE.has(word) || before === 'set' || before === 'not') continue;
    if (word === 'not' && /^\s*deferrable/i.test(definition.slice(t[i + 2]))) continue;
    if (word === 'constraint') {
      if (named < 0) named = t[i + 1]!;
      continue;
    }
    close(named < 0 ? t[i + 1]! : named);
    [kind, from] = [word, named < 0 ? t[i + 1]! : named];
    named = -1;
  }
  close(definition.length);
  return found;
}

/**
 * The statements that rebuild a table with one column declared anew, as its rows are now: to be run with foreign keys
 * off. Undefined when `sql` is no such statement. @throws UNSUPPORTED_STATEMENT, NO_SUCH_TABLE, NO_SUCH_COLUMN
 */
export function alterColumn({ sql: storage }: Engine, sql: string): string[] | undefined {
  const asked = parse(sql);
  if (!asked) return undefined;
  const { table, column, to, definition } = asked;
  const unsupported = (reason: string) =>
    new DosqlError('UNSUPPORTED_STATEMENT', `Column ${column} of ${table} ${reason}`, { statement: sql });
  if (foldName(column) !== foldName(to)) throw unsupported('cannot be renamed here; use RENAME COLUMN.');
  const [row] = drain(
    storage.exec("SELECT name,sql FROM sqlite_master WHERE type='table' AND name=? COLLATE NOCASE", table),
  ) as [string, string][];
  if (!row) throw new DosqlError('NO_SUCH_TABLE', `no such table: ${table}`, { table });
  const [name, create] = row;
  const t = tokenize(create);
  let open = 0;
  while (open < t.length && t[open] !== Token.LEFT_PAREN) open += 3;
  if (/^create\s+virtual/i.test(create) || open >= t.length) throw unsupported('belongs to a virtual table.');
  const span = columnSpan(create, t, open, foldName(column));
  if (!span)
    throw new DosqlError('NO_SUCH_COLUMN', `no such column: ${table}.${column}`, { columns: [column] });
  const old = clauses(create.slice(span.behindName, span.end));
  const fresh = clauses(definition);
  if (old.has('generated') || old.has('as'))
    throw unsupported('is generated; rebuild the table in a migration.');
  const kept = KEPT.flatMap((kind) => (fresh.has(kind) ? [] : (old.get(kind)?.trim() ?? []))).join(' ');
  const fresher = `__new_${name}`;
  const columns = drain(storage.exec('SELECT name FROM pragma_table_xinfo(?) WHERE hidden=0', name))
    .map(([own]) => quoteIdentifier(own as string))
    .join(',');
  const quoted = quoteIdentifier(name);
  const indexes = drain(
    storage.exec("SELECT sql FROM sqlite_master WHERE type='index' AND tbl_name=? AND sql NOTNULL", name),
  ) as [string][];
  return [
    `CREATE TABLE ${quoteIdentifier(fresher)} ${create.slice(t[open + 1], span.behindName)}${definition} ${kept}${create.slice(span.end)}`,
    `INSERT INTO ${quoteIdentifier(fresher)} (${columns}) SELECT ${columns} FROM ${quoted}`,
    `DROP TABLE ${quoted}`,
    `ALTER TABLE ${quoteIdentifier(fresher)} RENAME TO ${quoted}`,
    ...indexes.map(([text]) => text),
  ];
}

/** Where the declaration of a column stands: from behind its name to the comma or parenthesis that ends it. */
function columnSpan(
  create: string,
  t: Int32Array,
  open: number,
  column: string,
): { behindName: number; end: number } | undefined {
  let depth = 0;
  let first = open + 3;
  for (let i = open; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    const ends = t[i] === Token.RIGHT_PAREN && --depth === 0;
    if (!ends && !(t[i] === Token.COMMA && depth === 1)) continue;
    if (nameAt(create, t, first) === column) return { behindName: t[first + 2]!, end: t[i + 1]! };
    if (ends) return undefined;
    first = i + 3;
  }
  return undefined;
}
