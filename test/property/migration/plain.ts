import { DatabaseSync } from 'node:sqlite';
import { quoteIdentifier } from '../../../src/sql/identifier.ts';
import { sqlLiteral } from '../../../src/sql/literal.ts';

/** Old name of a column of a table that has another one now. */
export type OldColumn = (table: string, column: string) => string | undefined;

/** The same database as plain SQLite, migrated as drizzle-kit means it: with foreign keys really off. */
export class PlainSqlite {
  readonly #db = new DatabaseSync(':memory:', {
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: true,
  });

  constructor() {
    // As the change log has it where rows are replaced.
    this.#db.exec('PRAGMA recursive_triggers=ON');
  }

  rows(sql: string): unknown[][] {
    return this.#db
      .prepare(sql)
      .all()
      .map((row) => Object.values(row));
  }

  /** What went wrong, if something did. */
  write(sql: string): string | undefined {
    try {
      this.#db.exec('SAVEPOINT s');
      this.#db.exec(sql);
      // SQLite alone lets REPLACE break a key that refers to its own table.
      if (sql.includes(' OR REPLACE') && this.#broken() > 0) throw new Error('FOREIGN KEY');
      this.#db.exec('RELEASE s');
      return undefined;
    } catch (error) {
      this.#db.exec('ROLLBACK TO s; RELEASE s');
      return (error as Error).message;
    }
  }

  /** What went wrong, if something did: then nothing is kept. Triggers come back with their table. */
  migrate(statements: readonly string[]): string | undefined {
    const broken = this.#broken();
    const lost: string[] = [];
    return this.#withoutForeignKeys((end) => {
      for (const text of statements) {
        const dropped = /^DROP TABLE `(.+)`;?$/.exec(text)?.[1];
        const theirs = `SELECT sql FROM sqlite_master WHERE type='trigger' AND tbl_name=${sqlLiteral(dropped ?? '')}`;
        lost.push(...(this.rows(theirs).flat() as string[]));
        // Names, never texts.
        this.#run(text.startsWith('INSERT INTO `__new_') ? text.replaceAll('"', '`') : text);
      }
      for (const text of lost) {
        const error = this.write(text);
        if (error && !error.includes('no such table')) throw new Error(error);
      }
      if (this.#broken() > broken) throw new Error('FOREIGN KEY constraint failed');
      end('COMMIT');
    });
  }

  /** The statements as a user corrects them: drizzle-kit also copies columns that the old table does not have. */
  corrected(statements: readonly string[], oldColumn: OldColumn): string[] {
    const result: string[] = [];
    const failed = this.#withoutForeignKeys((end) => {
      for (const text of statements) {
        const [, to, from] = /^INSERT INTO `(__new_.+?)`\(.*FROM `(.+?)`;$/s.exec(text) ?? [];
        let fixed = text;
        if (to !== undefined && from !== undefined) {
          const there = this.#columns(from);
          const pairs = this.#columns(to)
            .map((name) => ({ name, old: there.includes(name) ? name : (oldColumn(from, name) ?? '') }))
            .filter(({ old }) => there.includes(old));
          if (pairs.length === 0) continue;
          const [names, olds] = [
            pairs.map(({ name }) => quoteIdentifier(name)),
            pairs.map(({ old }) => quoteIdentifier(old)),
          ];
          fixed = `INSERT INTO \`${to}\`(${names}) SELECT ${olds} FROM \`${from}\`;`;
        }
        this.#run(fixed);
        result.push(fixed);
      }
      end('ROLLBACK');
    });
    return failed ? [...statements] : result;
  }

  setSequences(rows: readonly unknown[][]): void {
    this.#db.exec('DELETE FROM sqlite_sequence');
    for (const [name, seq] of rows)
      this.#db.exec(`INSERT INTO sqlite_sequence VALUES (${sqlLiteral(`${name}`)}, ${seq})`);
  }

  #broken(): number {
    return this.rows('PRAGMA foreign_key_check').length;
  }

  #columns(table: string): string[] {
    return this.rows(`SELECT name FROM pragma_table_info(${sqlLiteral(table)})`).flat() as string[];
  }

  #run(text: string): void {
    if (/^pragma/i.test(text)) return;
    // The renamed table may not be looked for in views and triggers: they mention the one that is gone.
    const aside = text.startsWith('ALTER TABLE `__new_')
      ? this.rows(
          "SELECT type,name,sql FROM sqlite_master WHERE type IN('view','trigger') ORDER BY type DESC",
        )
      : [];
    for (const [type, name] of aside) this.#db.exec(`DROP ${type} IF EXISTS ${quoteIdentifier(`${name}`)}`);
    this.#db.exec(text);
    for (const [, , sql] of aside) this.#db.exec(sql as string);
  }

  #withoutForeignKeys(work: (end: (how: string) => void) => void): string | undefined {
    this.#db.exec('PRAGMA foreign_keys=OFF');
    this.#db.exec('BEGIN');
    try {
      work((how) => this.#db.exec(how));
      return undefined;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      return (error as Error).message;
    } finally {
      this.#db.exec('PRAGMA foreign_keys=ON');
    }
  }
}
