import { drain } from '../engine/cursor.ts';
import { FOREIGN_KEYS } from '../engine/pragmas.ts';
import { DosqlError } from '../errors/index.ts';
import type { Affinity } from '../relation/provider.ts';
import { foldName, quoteIdentifier, unquoteIdentifier } from '../sql/identifier.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

/** A column as the archive knows it. */
export interface TierColumn {
  /** Stays the same when the column is renamed. */
  id: number;
  name: string;
  affinity: Affinity;
  /** Collating sequence other than BINARY. */
  collate?: string;
  /** SQL of the default value. */
  fallback?: string;
  /** Computed from other columns. */
  generated?: true;
}

/** A table as the archive knows it, today or in an earlier version. */
export interface TierTable {
  name: string;
  columns: TierColumn[];
  /** Positions of the primary key's columns, in its order. */
  key: number[];
  /** A name that reaches the rowid and is no column; '' for WITHOUT ROWID tables. */
  rowid: string;
  /** The key is another name of the rowid. */
  integerKey?: true;
  /** SQLite itself gives no rowid twice. */
  autoincrement?: true;
}

/** workerd: 100 columns in a result; the archive reads the rowid and the storage classes beside those of the table. */
const MAX_COLUMNS = 98;

/** @throws UNSUPPORTED_STATEMENT, LIMIT_EXCEEDED for a table whose rows cannot be archived; undefined when there is none */
export function describeTier(sql: SqlStorage, name: string): TierTable | undefined {
  const all = (text: string) => drain(sql.exec(text, name)) as (string | number | null)[][];
  const [found] = all(
    "SELECT l.type,l.wr,m.sql,l.name,l.strict FROM pragma_table_list(?) l LEFT JOIN main.sqlite_master m ON m.type='table' AND m.name=l.name",
  );
  if (!found) return undefined;
  const [type, withoutRowid, ddl, table, strict] = found as [string, number, string, string, number];
  const refuse = (why: string, code: 'UNSUPPORTED_STATEMENT' | 'LIMIT_EXCEEDED' = 'UNSUPPORTED_STATEMENT') =>
    new DosqlError(code, `Table ${name} cannot be tiered: ${why}`, { table: name });
  if (type !== 'table') throw refuse(`it is a ${type} table.`);
  const rows = all(
    'SELECT name,type,dflt_value,pk,hidden FROM pragma_table_xinfo(?) WHERE hidden<>1 ORDER BY cid',
  );
  if (rows.length > MAX_COLUMNS)
    throw refuse(`it has ${rows.length} columns; at most ${MAX_COLUMNS} can be archived.`, 'LIMIT_EXCEEDED');
  const collations = collationsIn(ddl);
  const columns = rows.map(([column, declared, fallback, , hidden], id): TierColumn => {
    const collate = collations.get(foldName(column as string));
    return {
      id,
      name: column as string,
      affinity: affinityOf(declared as string, strict > 0),
      ...(collate && { collate }),
      ...(fallback !== null && { fallback: String(fallback) }),
      ...(Number(hidden) > 0 && { generated: true }),
    };
  });
  const key = rows
    .map(([, , , pk], at) => [Number(pk), at] as const)
    .filter(([pk]) => pk)
    .sort(([a], [b]) => a - b)
    .map(([, at]) => at);
  if (!key.length) throw refuse('it has no primary key, by which its archived rows could be told apart.');
  const [parent] = all(`SELECT m.name FROM ${FOREIGN_KEYS} AND f."table"=? COLLATE NOCASE LIMIT 1`);
  if (parent)
    throw refuse(`${parent[0]} has a foreign key to it, whose actions would run when rows are archived.`);
  for (const [column, collation] of all(
    "SELECT x.name,x.coll FROM pragma_index_list(?) i,pragma_index_xinfo(i.name) x WHERE i.origin='pk' AND x.key",
  )) {
    if ((collations.get(foldName(column as string)) ?? 'BINARY') !== String(collation).toUpperCase())
      throw refuse(`its primary key compares ${column} by another collation than the column.`);
  }
  const names = new Set(columns.map((column) => foldName(column.name)));
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !names.has(alias));
  if (!rowid && !withoutRowid) throw refuse('its columns hide the rowid.');
  const [indexed] = all("SELECT 1 FROM pragma_index_list(?) WHERE origin='pk'");
  return {
    name: table,
    columns,
    key,
    rowid: withoutRowid ? '' : rowid!,
    ...(!withoutRowid && key.length === 1 && !indexed && { integerKey: true }),
    ...(/\bautoincrement\b/i.test(ddl) && { autoincrement: true }),
  };
}

/** SQLite's rules for the affinity of a declared type; ANY of STRICT tables leaves every value as it is. */
function affinityOf(type: string, strict: boolean): Affinity {
  if (/INT/i.test(type)) return 'INTEGER';
  if (/CHAR|CLOB|TEXT/i.test(type)) return 'TEXT';
  if (type === '' || /BLOB/i.test(type) || (strict && /^ANY$/i.test(type))) return '';
  return /REAL|FLOA|DOUB/i.test(type) ? 'REAL' : 'NUMERIC';
}

/** Collations of the columns in a CREATE TABLE, by folded name: no pragma tells them. */
function collationsIn(ddl: string): Map<string, string> {
  const t = tokenize(ddl);
  const found = new Map<string, string>();
  const text = (i: number) => unquoteIdentifier(ddl.slice(t[i + 1], t[i + 2]));
  let depth = 0;
  let column = '';
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] === Token.RIGHT_PAREN) depth--;
    else if (t[i] === Token.LEFT_PAREN && ++depth > 1) continue;
    if (depth !== 1) continue;
    if (t[i] === Token.LEFT_PAREN || t[i] === Token.COMMA) column = foldName(text(i + 3));
    else if (t[i] === Token.WORD && foldName(text(i)) === 'collate') {
      const collation = text(i + 3).toUpperCase();
      if (collation !== 'BINARY') found.set(column, collation);
    }
  }
  return found;
}

/** `main."name"`. */
export function qualified({ name }: TierTable): string {
  return `main.${quoteIdentifier(name)}`;
}
