import {
  Column,
  getTableName,
  is,
  One,
  type Relation,
  SQL,
  Subquery,
  type TablesRelationalConfig,
} from 'drizzle-orm';
import type { IntegerMode } from '../src/engine/integers.ts';
import { type RowFactory, rowFactory } from '../src/engine/rows.ts';
import { type ColumnDecoder, decoderOf, relationDecoder, settle } from './decoders.ts';

type Rows = unknown[][];

/** One selected column and the path of its value in the row object. */
export interface Field {
  readonly path: readonly string[];
  readonly field: unknown;
}

/** One selected column of a relational query, as drizzle's dialect describes it. */
export interface Selection {
  readonly tsKey: string;
  readonly field: unknown;
  readonly isJson: boolean;
  readonly relationTableTsKey: string | undefined;
  readonly selection: readonly Selection[];
}

/** Compiled once per query: decodes columns in place, then builds the row objects. */
export interface Mapper {
  /** Integers beyond ±(2^53-1) are to be read as bigint: a decoder keeps them exact. */
  readonly exact: boolean;
  readonly decoders: readonly (ColumnDecoder | undefined)[];
  readonly make: RowFactory;
}

/** Rows as objects; the arrays are used up. */
export function mapRows(mapper: Mapper, rows: Rows, mode: IntegerMode, exact = mapper.exact): unknown[] {
  const { decoders, make } = mapper;
  for (let c = 0; c < decoders.length; c++) {
    const decoder = decoders[c];
    if (exact && !decoder?.exact) settle(rows, c, mode);
    if (decoder !== undefined) decoder(rows, c, mode, exact);
  }
  const out = new Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = make(rows[i] as unknown[]);
  return out;
}

/** The mapper for a select or a RETURNING list. `notNull` says which joined tables are always there. */
export function compileFields(
  fields: readonly Field[],
  notNull: Readonly<Record<string, boolean>> | undefined,
): Mapper {
  const root: Node = { keys: [], parts: [] };
  const decoders = fields.map(({ path, field }, index) => {
    let node = root;
    for (let depth = 0; depth < path.length - 1; depth++) node = child(node, path[depth] as string);
    node.keys.push(path[path.length - 1] as string);
    node.parts.push(index);
    return decoderOf(sourceOf(field));
  });
  if (notNull) {
    root.keys.forEach((key, i) => {
      const part = root.parts[i];
      if (typeof part === 'object') part.nullIf = nullColumn(fields, key, notNull);
    });
  }
  return mapper(decoders, build(root));
}

function mapper(decoders: (ColumnDecoder | undefined)[], make: RowFactory): Mapper {
  return { decoders, make, exact: decoders.some((decoder) => decoder?.exact) };
}

/** The mapper for a relational query. */
export function compileSelection(
  selection: readonly Selection[],
  tables: TablesRelationalConfig,
  tsName: string,
): Mapper {
  const decoders = selection.map((item) => {
    if (!item.isJson) return decoderOf(sourceOf(item.field));
    const relation = tables[tsName]?.relations[item.tsKey] as Relation;
    const inner = compileSelection(item.selection, tables, item.relationTableTsKey as string);
    return relationDecoder((rows, mode, exact) => mapRows(inner, rows, mode, exact), is(relation, One));
  });
  return mapper(decoders, rowFactory(selection.map(({ tsKey }) => tsKey)));
}

/** What decodes a field: a column or the decoder of an SQL expression. */
function sourceOf(field: unknown): Decodes {
  if (is(field, Column)) return field;
  if (is(field, SQL)) return (field as unknown as { decoder: Decodes }).decoder;
  const { sql } = (is(field, Subquery) ? field._ : field) as { sql: { decoder: Decodes } };
  return sql.decoder;
}

export interface Decodes {
  mapFromDriverValue(value: unknown): unknown;
}

interface Node {
  readonly keys: string[];
  /** Column index, or an object inside the object. */
  readonly parts: (number | Node)[];
  nullIf?: number | undefined;
}

function child(node: Node, key: string): Node {
  const at = node.keys.indexOf(key);
  if (at >= 0) return node.parts[at] as Node;
  const made: Node = { keys: [], parts: [] };
  node.keys.push(key);
  node.parts.push(made);
  return made;
}

/**
 * The column that tells whether a joined table is missing from a row: as in drizzle, the first column selected from
 * it, unless columns of another table share its object or the join always finds a row.
 */
function nullColumn(
  fields: readonly Field[],
  key: string,
  notNull: Readonly<Record<string, boolean>>,
): number | undefined {
  let found: number | undefined;
  let table: string | undefined;
  for (let i = 0; i < fields.length; i++) {
    const { path, field } = fields[i] as Field;
    if (path.length !== 2 || path[0] !== key || !is(field, Column)) continue;
    const name = getTableName(field.table);
    found ??= i;
    table ??= name;
    if (name !== table) return undefined;
  }
  return table === undefined || notNull[table] ? undefined : found;
}

function build({ keys, parts, nullIf }: Node): RowFactory {
  const from = parts[0] as number;
  let whole: RowFactory;
  if (parts.every((part, i) => part === from + i)) whole = rowFactory(keys, from);
  else {
    const make = rowFactory(keys);
    const readers = parts.map((part) =>
      typeof part === 'number' ? (r: readonly unknown[]) => r[part] : build(part),
    );
    whole = (r) => make(readers.map((read) => read(r)));
  }
  return nullIf === undefined ? whole : (r) => (r[nullIf] === null ? (null as never) : whole(r));
}
