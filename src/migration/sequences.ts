import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';

const SEQUENCE = 'FROM sqlite_sequence WHERE name=?1 COLLATE NOCASE';

/**
 * Notes what AUTOINCREMENT has given out. The function it returns makes tables that were made anew since then go on from
 * there: SQLite goes by the rows that were copied, and would give the keys of deleted rows again.
 */
export function keepSequences({ sql }: Engine): () => void {
  const exists = drain(sql.exec("SELECT 1 FROM sqlite_master WHERE name='sqlite_sequence'")).length > 0;
  const noted = exists ? drain(sql.exec('SELECT name,CAST(seq AS TEXT) FROM sqlite_sequence')) : [];
  return () => {
    for (const [name, seq] of noted) {
      sql.exec(`DELETE ${SEQUENCE} AND seq<CAST(?2 AS INTEGER)`, name, seq);
      sql.exec(
        `INSERT INTO sqlite_sequence SELECT name,CAST(?2 AS INTEGER) FROM sqlite_master WHERE type='table' AND name=?1 COLLATE NOCASE AND sql LIKE '%autoincrement%' AND NOT EXISTS(SELECT 1 ${SEQUENCE})`,
        name,
        seq,
      );
    }
  };
}
