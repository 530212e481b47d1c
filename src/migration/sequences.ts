import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';

const SEQUENCE = 'FROM sqlite_sequence WHERE name=?1 COLLATE NOCASE';

/**
 * What AUTOINCREMENT has given out. Tables that were made anew go on from there: SQLite goes by the rows that were
 * copied, and would give the keys of deleted rows again.
 */
export class Sequences {
  readonly #noted: Map<string, string>;

  constructor(private readonly engine: Engine) {
    this.#noted = new Map(this.#read());
  }

  /** Notes a table before it is dropped: it may have been renamed, or made anew already. */
  note(table: string): void {
    for (const [name, seq] of this.#read(' WHERE name=? COLLATE NOCASE', table))
      if (BigInt(seq) > BigInt(this.#noted.get(name) ?? -1)) this.#noted.set(name, seq);
  }

  restore(): void {
    const { sql } = this.engine;
    for (const [name, seq] of this.#noted) {
      sql.exec(`DELETE ${SEQUENCE} AND seq<CAST(?2 AS INTEGER)`, name, seq);
      sql.exec(
        `INSERT INTO sqlite_sequence SELECT name,CAST(?2 AS INTEGER) FROM sqlite_master WHERE type='table' AND name=?1 COLLATE NOCASE AND sql LIKE '%autoincrement%' AND NOT EXISTS(SELECT 1 ${SEQUENCE})`,
        name,
        seq,
      );
    }
  }

  #read(where = '', ...names: string[]): [string, string][] {
    const { sql } = this.engine;
    const exists = drain(sql.exec("SELECT 1 FROM sqlite_master WHERE name='sqlite_sequence'")).length > 0;
    if (!exists) return [];
    return drain(sql.exec(`SELECT name,CAST(seq AS TEXT) FROM sqlite_sequence${where}`, ...names)) as [
      string,
      string,
    ][];
  }
}
