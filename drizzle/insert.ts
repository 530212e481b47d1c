import type { SQL } from 'drizzle-orm';
import { MAX_PARAMETERS } from '../src/sql/adapt.ts';
import { effect } from './builders.ts';
import { Bulk } from './bulk.ts';
import type { InsertBuilder } from './internals.ts';
import type { Query } from './query.ts';
import { buildInsert, insertColumns, statementOf, valuesOf } from './row-values.ts';

/** drizzle's own `values()` wraps every value at once; here that waits until a statement is built from it. */
export function insertSql(this: InsertBuilder): SQL {
  const columns = insertColumns(this.config.table);
  return statementOf(
    this,
    columns,
    this.rows.map((row) => valuesOf(columns, row)),
  );
}

export function prepareInsert(this: InsertBuilder, oneTime = true): Query {
  const { session, config, rows } = this;
  const columns = insertColumns(config.table);
  const built =
    rows.length * columns.length > MAX_PARAMETERS && Bulk.takes(this, columns)
      ? { form: new Bulk(this, columns).form, params: [] }
      : buildInsert(
          this,
          columns,
          rows.map((row) => valuesOf(columns, row)),
          oneTime,
        );
  return effect(session, built, config, 'insert');
}
