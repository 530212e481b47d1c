import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Engine } from '../../../src/engine/engine.ts';
import type { EngineHost, LoadOptions, Rewrite } from '../../../src/engine/extension.ts';
import type {
  Cell,
  RelationColumn,
  RelationProvider,
  Scan,
  ScanReport,
} from '../../../src/relation/provider.ts';
import { addResolver } from '../../../src/relation/relations.ts';
import type { Foreign } from '../../../src/relation/resolver.ts';
import { analyze } from '../../../src/sql/analyze.ts';
import type { SqlValue } from '../../../src/sql/literal.ts';
import type { Statement } from '../../../src/sql/types.ts';

export type Rows = readonly (readonly Cell[])[];

/** A database whose statements may name relations; SQLite is that of Node. */
export class Host {
  readonly db = new DatabaseSync(':memory:');
  #hook: ((statement: Statement) => Rewrite | undefined) | undefined;

  constructor(find: (name: string) => Foreign | undefined) {
    const engine = {
      loads: false,
      names: [],
      clearPlans() {},
      plan: (sql: string) => sql,
      // As the engine gives rows: integers are numbers while those are exact.
      all: (sql: string, values: SqlValue[]) =>
        this.rows(sql, values).map((row) =>
          row.map((cell) =>
            typeof cell === 'bigint' && Number.isSafeInteger(Number(cell)) ? Number(cell) : cell,
          ),
        ),
      sql: { exec: (sql: string, ...values: SqlValue[]) => this.#cursor(sql, values) },
    };
    addResolver(
      {
        engine: engine as unknown as Engine,
        onPlan: (hook: (statement: Statement) => Rewrite | undefined) => {
          this.#hook = hook;
        },
      } as EngineHost,
      ({ name }) => find(name),
    );
  }

  #cursor(sql: string, values: readonly SqlValue[]): object {
    const rows = this.rows(sql, values);
    return { raw: () => rows, columnNames: [] };
  }

  /** SQLite's rows. node:sqlite binds every number as REAL, as the platform does. */
  rows(sql: string, values: readonly SqlValue[] = []): unknown[][] {
    const statement = this.db.prepare(sql);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    return statement.all(...(values as SQLInputValue[])) as unknown as unknown[][];
  }

  /** Runs a statement with the rows it needs from outside. */
  async query(sql: string, values: readonly SqlValue[] = []): Promise<unknown[][]> {
    const loaded = await this.#hook?.(analyze(sql))?.load?.(values, {} as LoadOptions);
    return this.rows(loaded?.sql ?? sql, loaded?.values ?? values);
  }
}

const classOf = (cell: Cell): string =>
  cell === null ? '' : typeof cell === 'string' ? 'text' : cell instanceof Uint8Array ? 'blob' : 'number';

/** The order of two cells of one class as SQLite compares them without a collation. */
function order(a: Cell, b: Cell): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

/** A provider that leaves out all it may; with `push` false nothing. */
export class StrictProvider implements RelationProvider {
  pushed = 0;

  constructor(
    readonly all: readonly RelationColumn[],
    readonly rows: Rows,
    readonly push = true,
    readonly batch = 7,
  ) {}

  async columns(): Promise<readonly RelationColumn[]> {
    return this.all;
  }

  async *scan({ columns, predicates, limit }: Scan): AsyncGenerator<Rows> {
    const usable = this.push ? predicates.filter((predicate) => this.#comparable(predicate)) : [];
    this.pushed += usable.length;
    let rows = this.rows.filter((row) =>
      usable.every((predicate) => keeps(predicate, row[predicate.column]!)),
    );
    if (this.push && limit !== undefined) rows = rows.slice(0, limit);
    for (let at = 0; at < rows.length; at += this.batch)
      yield rows
        .slice(at, at + this.batch)
        .map((row) => columns.map((c) => (this.push ? row[c]! : this.rows[this.rows.indexOf(row)]![c]!)));
  }

  async inspect(): Promise<ScanReport> {
    return {
      relation: 'strict',
      filesRead: 1,
      filesSkipped: 0,
      rowGroupsRead: 0,
      rowGroupsSkipped: 0,
      bytesRead: 0,
    };
  }

  /** All cells of the column are of the class of the values. */
  #comparable({ column, op, values }: Scan['predicates'][number]): boolean {
    if (op === 'not null') return true;
    const type = typeof values[0] === 'string' ? 'text' : 'number';
    return this.rows.every((row) => row[column] === null || classOf(row[column]!) === type);
  }
}

function keeps({ op, values }: Scan['predicates'][number], cell: Cell): boolean {
  if (cell === null) return false;
  const against = (index: number) => order(cell, values[index] as Cell);
  switch (op) {
    case 'not null':
      return true;
    case '=':
      return against(0) === 0;
    case '<':
      return against(0) < 0;
    case '<=':
      return against(0) <= 0;
    case '>':
      return against(0) > 0;
    case '>=':
      return against(0) >= 0;
    case 'between':
      return against(0) >= 0 && against(1) <= 0;
    case 'in':
      return values.some((_, index) => against(index) === 0);
  }
}
