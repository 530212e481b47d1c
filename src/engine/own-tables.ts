import { fromSqlite } from '../errors/index.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';

/** Statements of a feature on tables of its own, which no plan, hook or lock has to know of. */
export class OwnTables {
  constructor(readonly engine: Engine) {}

  /** All rows of a statement. @throws DosqlError */
  all(sql: string, ...values: unknown[]): unknown[][] {
    try {
      return drain(this.engine.sql.exec(sql, ...(values as SqlStorageValue[])));
    } catch (error) {
      throw fromSqlite(error, sql);
    }
  }

  /** A write: results whose `changes()` were not read yet are void. @throws DosqlError */
  run(sql: string, ...values: unknown[]): void {
    this.engine.writes++;
    this.all(sql, ...values);
  }
}
