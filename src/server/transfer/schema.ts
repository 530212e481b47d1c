import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { foldName, quoteIdentifier } from '../../sql/identifier.ts';
import { type Affinity, affinityOf } from './cell.ts';
import { isInternal } from './context.ts';

export interface TransferColumn {
  readonly name: string;
  readonly affinity: Affinity;
}

/** A table whose rows can be read in pages, in the order of a key. */
export interface TransferTable {
  readonly name: string;
  readonly sql: string;
  /** The module of a virtual table, lower case. */
  readonly module: string | undefined;
  /** Columns that hold something: generated ones are computed anew. Empty when the rows live elsewhere. */
  readonly columns: readonly TransferColumn[];
  /** The FROM clause. */
  readonly from: string;
  /** Expressions that are unique and ordered. */
  readonly key: readonly string[];
  /** The name of the rowid, where no column shows it. */
  readonly rowid: string | undefined;
}

/** Everything that a dump holds, in the order in which it was made. */
export interface Schema {
  readonly tables: readonly TransferTable[];
  /** Texts of indexes, views and triggers, in this order. */
  readonly rest: readonly { readonly table: string; readonly sql: string }[];
  /** Changes with every statement that changes the schema. */
  readonly fingerprint: string;
}

const OBJECTS = `SELECT m.type,m.name,m.tbl_name,m.sql,l.type,l.wr,l.strict FROM sqlite_master m
LEFT JOIN pragma_table_list l ON l.name=m.name AND l.schema='main' WHERE m.sql IS NOT NULL ORDER BY m.rowid`;

type Row = [
  type: string,
  name: string,
  table: string,
  sql: string,
  kind: string | null,
  wr: number,
  strict: number,
];

const REST = ['index', 'view', 'trigger'];

/** Reads the schema. @throws UNSUPPORTED_STATEMENT for a table whose rows cannot be read in order */
export function readSchema(engine: Engine, wanted: (table: string) => boolean): Schema {
  const rows = drain(engine.sql.exec(OBJECTS)) as Row[];
  const own = rows.filter(
    ([, name, table, , kind]) =>
      kind !== 'shadow' && !isInternal(engine, name) && !isInternal(engine, table) && wanted(table),
  );
  return {
    tables: own.filter(([type]) => type === 'table').map((row) => tableOf(engine, row)),
    rest: REST.flatMap((type) => own.filter((row) => row[0] === type)).map(([, , table, sql]) => ({
      table,
      sql,
    })),
    fingerprint: JSON.stringify(rows.filter(([, name]) => !isInternal(engine, name))),
  };
}

function tableOf(engine: Engine, [, name, , sql, kind, wr, strict]: Row): TransferTable {
  const info = drain(engine.sql.exec('SELECT name,type,hidden,pk FROM pragma_table_xinfo(?)', name)) as [
    string,
    string,
    number,
    number,
  ][];
  const columns = info
    .filter(([, , hidden]) => hidden === 0)
    .map(([column, type]) => ({ name: column, affinity: affinityOf(type, strict === 1) }));
  const from = quoteIdentifier(name);
  const table = { name, sql, module: undefined, columns, from, key: ['rowid'], rowid: undefined };
  if (kind === 'virtual') return virtualTable(table, sql);
  if (wr === 1) return { ...table, key: primaryKey(engine, name, sql) };
  const shown = new Set(info.map(([column]) => foldName(column)));
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !shown.has(alias));
  const keys = info.filter(([, , , pk]) => pk > 0);
  const alias =
    keys.length === 1 && /^integer$/i.test(keys[0]![1]) && pkIndex(engine, name) === undefined
      ? quoteIdentifier(keys[0]![0])
      : undefined;
  const key = alias ?? rowid;
  if (!key)
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `Table ${name} has columns named rowid, _rowid_ and oid, which hide the order of its rows. Rename one of them.`,
      { table: name },
    );
  return { ...table, key: [key], rowid: alias ? undefined : rowid };
}

/** An FTS5 table whose rows are not its own, or a view of another table's index, has nothing to be copied. */
function virtualTable(table: TransferTable, sql: string): TransferTable {
  const module = /\busing\s+["'`[]?(\w+)/i.exec(sql)?.[1]?.toLowerCase() ?? '';
  if (module === 'fts5') {
    const content = contentOf(sql);
    if (content === '')
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `Table ${table.name} is a contentless FTS5 table: its texts are not stored, so they cannot be exported. Name the other tables with table=….`,
        { table: table.name },
      );
    return {
      ...table,
      module,
      from: `${table.from} t`,
      columns: content ? [] : table.columns,
      rowid: 'rowid',
    };
  }
  if (module !== 'rtree' && module !== 'rtree_i32') return { ...table, module, columns: [] };
  // An R-tree has no order: the table of its rowids has.
  const from = `${quoteIdentifier(`${table.name}_rowid`)} s CROSS JOIN ${table.from} t ON t.${quoteIdentifier(table.columns[0]!.name)}=s.rowid`;
  return { ...table, module, from, key: ['s.rowid'] };
}

/** The table that an FTS5 table indexes; '' when nothing keeps the texts, undefined when it keeps them itself. */
export function contentOf(sql: string): string | undefined {
  const found = /[(,]\s*content\s*=\s*(?:'([^']*)'|"([^"]*)"|`([^`]*)`|\[([^\]]*)\]|(\w*))/i.exec(sql);
  return found?.slice(1).find((text) => text !== undefined);
}

function pkIndex(engine: Engine, table: string): string | undefined {
  return drain(engine.sql.exec("SELECT name FROM pragma_index_list(?) WHERE origin='pk'", table))[0]?.[0] as
    | string
    | undefined;
}

function primaryKey(engine: Engine, table: string, sql: string): string[] {
  // A written collation keeps SQLite from searching by several columns, so it is left out where none is declared.
  const collated = /\bcollate\b/i.test(sql);
  const index = pkIndex(engine, table);
  const parts = drain(
    engine.sql.exec(
      `SELECT name,coll FROM pragma_index_xinfo(?) WHERE seqno<(SELECT count(*) FROM pragma_table_info(?) WHERE pk)`,
      index ?? '',
      table,
    ),
  ) as [string, string][];
  return parts.map(([name, coll]) => `${quoteIdentifier(name)}${collated ? ` COLLATE ${coll}` : ''}`);
}
