import { Param, Placeholder, SQL } from 'drizzle-orm';
import { inOneStatement } from '../src/engine/oversize.ts';
import { lastChange } from '../src/engine/statements.ts';
import { MAX_PARAMETERS } from '../src/sql/adapt.ts';
import type { Built } from './builders.ts';
import type { InsertBuilder } from './internals.ts';
import { bindValues, type Form, type Placeholders, type Query, slotsOf } from './query.ts';
import { buildInsert, type InsertColumn, type RowValue, valuesOf } from './row-values.ts';

export interface BulkResult {
  readonly rows: unknown[][];
  readonly change: { changes: number; lastInsertRowid: number | bigint };
}

/**
 * An insert of any number of rows: statements of at most 100 parameters in one transaction, encoded straight from the
 * rows as they go, so that memory stays bounded. Rows of one pattern share one SQL text.
 */
export class Bulk {
  readonly form: Form;
  readonly #query: InsertBuilder;
  readonly #columns: readonly InsertColumn[];
  /** Parameters behind the rows: those of ON CONFLICT and RETURNING. */
  readonly #tail: number;

  /** False for values that read tables: in one statement, no row would see the rows inserted before it. */
  static takes({ rows, session }: InsertBuilder, columns: readonly InsertColumn[]): boolean {
    const reads = (value: unknown) =>
      value instanceof SQL && /\bselect\b/i.test(session.options.dialect.sqlToQuery(value).sql);
    return !rows.some((row) => columns.some(({ key }) => reads(row[key])));
  }

  constructor(query: InsertBuilder, columns: readonly InsertColumn[]) {
    this.#query = query;
    this.#columns = columns;
    const row = columns.map(({ column }) => new Param(null, column));
    const { form, params } = buildInsert(query, columns, [row], true);
    this.#tail = params.length - columns.length;
    this.form = { ...form, plan: undefined, bulk: this };
  }

  run(query: Query, placeholders: Placeholders): BulkResult {
    const { engine } = query.session;
    return inOneStatement(engine, engine.plan(this.form.sql).statement, () => {
      const rows: unknown[][] = [];
      const change: BulkResult['change'] = { changes: 0, lastInsertRowid: 0 };
      let rowsRead = 0;
      let rowsWritten = 0;
      for (const { form, params } of this.#statements()) {
        const found = query.rowsOf(form, bindValues(params, slotsOf(params), placeholders));
        rowsRead += engine.rowsRead;
        rowsWritten += engine.rowsWritten;
        for (const row of found) rows.push(row);
        const { changes, lastInsertRowid } = lastChange(engine);
        change.changes += changes;
        change.lastInsertRowid = lastInsertRowid;
      }
      engine.counts = { rowsRead, rowsWritten };
      return { rows, change };
    });
  }

  *#statements(): Generator<Built> {
    const { rows } = this.#query;
    let built: Built | undefined;
    let pattern: RowValue[] = [];
    let size = 0;
    let carried: RowValue[] | undefined;
    for (let at = 0; at < rows.length; ) {
      const first = carried ?? this.#values(at);
      const room = this.#room(first);
      const chunk = [first];
      carried = undefined;
      while (chunk.length < room && at + chunk.length < rows.length) {
        const next = this.#values(at + chunk.length);
        if (!samePattern(first, next)) {
          carried = next;
          break;
        }
        chunk.push(next);
      }
      at += chunk.length;
      const params: unknown[] = [];
      if (
        built &&
        chunk.length === size &&
        samePattern(first, pattern) &&
        chunk.every((row) => encode(row, params))
      ) {
        if (this.#tail > 0) params.push(...built.params.slice(-this.#tail));
        yield { form: built.form, params };
      } else {
        built = buildInsert(this.#query, this.#columns, chunk, true);
        pattern = first;
        size = chunk.length;
        yield built;
      }
    }
  }

  /** Without a default, a missing value is bound as NULL: rows with and without it have one pattern. */
  #values(at: number): RowValue[] {
    const values = valuesOf(this.#columns, this.#query.rows[at] as Record<string, unknown>);
    for (let i = 0; i < values.length; i++) {
      const { column } = this.#columns[i] as InsertColumn;
      if (values[i] === undefined && !(column.default instanceof SQL)) values[i] = new Param(null, column);
    }
    return values;
  }

  /** How many rows like this one a statement can bind. */
  #room(row: readonly RowValue[]): number {
    if (row.some((value) => value instanceof SQL)) return 1;
    const parameters = row.filter((value) => value !== undefined).length;
    return Math.max(1, Math.floor((MAX_PARAMETERS - this.#tail) / Math.max(1, parameters)));
  }
}

/** Rows of one pattern have their parameters in the same places, and nothing but parameters differs. */
function samePattern(a: readonly RowValue[], b: readonly RowValue[]): boolean {
  return a.every(
    (value, i) =>
      (value === undefined) === (b[i] === undefined) && !(value instanceof SQL || b[i] instanceof SQL),
  );
}

/** Appends the parameters of a row; false when one of them is not a plain value. */
function encode(row: readonly RowValue[], params: unknown[]): boolean {
  for (const param of row as (Param | undefined)[]) {
    if (param === undefined) continue;
    const { value, encoder } = param;
    if (value instanceof Placeholder) return false;
    const encoded = value === null ? null : encoder.mapToDriverValue(value);
    if (encoded instanceof SQL) return false;
    params.push(encoded);
  }
  return true;
}
