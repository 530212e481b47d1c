import { DosqlError, fromSqlite } from '../errors/index.ts';
import { quoteIdentifier } from '../sql/identifier.ts';
import type { Statement } from '../sql/types.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';

/** Connection settings that outlive a request, and the values the engine stands for. Eviction resets them anyway. */
const STICKY: Readonly<Record<string, number>> = {
  recursive_triggers: 0,
  legacy_alter_table: 0,
  case_sensitive_like: 0,
  ignore_check_constraints: 0,
  reverse_unordered_selects: 0,
  defer_foreign_keys: 0,
};

/** The tables `m` of the object. The platform's own, there since its first KV value or alarm, may not be looked into. */
export const TABLES = "sqlite_master m WHERE m.type='table' AND m.name NOT GLOB '_cf_*'";
/** Every foreign key `f` of every table `m`. */
export const FOREIGN_KEYS = TABLES.replace(' m ', ' m,pragma_foreign_key_list(m.name) f ');

/** Keeps pragmas that a statement changed from leaking into the next transaction. */
export class Pragmas {
  /** `PRAGMA defer_foreign_keys = ON` ran in the open transaction. */
  deferForeignKeys = false;
  readonly #dirty = new Set<string>();

  constructor(private readonly engine: Engine) {}

  /** Sets what was changed back to the engine's values; called before each outermost transaction. */
  assert(): void {
    if (this.#dirty.size === 0) return;
    for (const name of this.#dirty) this.engine.sql.exec(`PRAGMA ${name}=${STICKY[name]}`);
    this.#dirty.clear();
  }

  /** Ends with its transaction what `defer_foreign_keys` began: the platform's own transaction may still be open. */
  checkAgain(): void {
    if (this.deferForeignKeys) this.engine.sql.exec('PRAGMA defer_foreign_keys=OFF');
    this.deferForeignKeys = false;
  }

  /** @throws UNSUPPORTED_STATEMENT for settings that would lose data or have no effect */
  before({ pragma, sql }: Statement): void {
    if (pragma?.name === 'foreign_keys' && pragma.assigns) {
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        'PRAGMA foreign_keys is ignored by SQLite while a write is open, and deletes child rows when a table is then ' +
          'rebuilt. The engine keeps enforcement on; put table rebuilds into a migration, which does them safely.',
        { statement: sql },
      );
    }
    if (pragma?.name === 'defer_foreign_keys' && pragma.assigns && this.engine.depth === 0) {
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        'PRAGMA defer_foreign_keys acts on one transaction: run it inside db.transaction or db.batch.',
        {
          statement: sql,
        },
      );
    }
  }

  after({ pragma }: Statement): void {
    if (!pragma?.assigns || !(pragma.name in STICKY)) return;
    this.#dirty.add(pragma.name);
    if (pragma.name === 'defer_foreign_keys') this.deferForeignKeys = true;
  }
}

/** The rows without their parent in one table, or in all: table, rowid, parent, number of the key. @throws DosqlError */
export function brokenKeys({ sql }: Engine, table?: string): unknown[][] {
  const check = `PRAGMA foreign_key_check${table === undefined ? '' : `(${quoteIdentifier(table)})`}`;
  try {
    return drain(sql.exec(check));
  } catch (error) {
    // A key whose parent columns are not unique.
    throw fromSqlite(error, check);
  }
}

/**
 * Checks the foreign keys of one table, or of all; `known` are the rows that had no parent before.
 * @throws FOREIGN_KEY_VIOLATION naming the first row without its parent
 */
export function checkForeignKeys(engine: Engine, table?: string, known: readonly unknown[][] = []): void {
  // Counted, because rows of a table WITHOUT ROWID all look alike.
  const old = new Map<string, number>();
  const count = (row: unknown[], by: number) =>
    old.set(`${row}`, (old.get(`${row}`) ?? 0) + by).get(`${row}`)!;
  for (const row of known) count(row, 1);
  const broken = brokenKeys(engine, table).filter((row) => count(row, -1) < 0);
  const first = broken[0];
  if (!first) return;
  const [child, rowid, parent] = first;
  throw new DosqlError(
    'FOREIGN_KEY_VIOLATION',
    `FOREIGN KEY constraint failed: ${broken.length} row(s) without parent, first in ${child} (rowid ${rowid}), which refers to ${parent}.`,
    { table: String(child) },
  );
}
