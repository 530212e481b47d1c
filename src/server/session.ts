import { drain } from '../engine/cursor.ts';
import type { Database } from '../engine/database.ts';
import type { Engine } from '../engine/engine.ts';
import { DosqlError } from '../errors/index.ts';
import { BoundedCache } from '../sql/cache.ts';
import { foldName } from '../sql/identifier.ts';
import { splitStatements } from '../sql/split.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Grant, Limits } from './grant.ts';
import { type Inspection, inspect, isForeignKeys } from './inspect.ts';

const INSPECTIONS = new BoundedCache<string, Inspection>(512);
const MAX_CACHED_TEXT = 20_000;
const TABLES = "SELECT name FROM sqlite_master WHERE type IN('table','view')";

/** One request's rights on one database. */
export class Session {
  readonly engine: Engine;

  constructor(
    readonly db: Database,
    readonly grant: Grant,
    readonly limits: Limits,
    /** Normalised texts, when only these may run. */
    readonly allowed?: ReadonlySet<string>,
  ) {
    this.engine = db.scope.engine;
  }

  /** What the statement is, once it is known that it may run. @throws NOT_AUTHORIZED, READ_ONLY, MULTIPLE_STATEMENTS */
  check(sql: string): Inspection {
    if (typeof sql !== 'string') throw new DosqlError('INVALID_ARGUMENT', 'sql must be a string.');
    let seen = INSPECTIONS.get(sql);
    if (!seen) {
      seen = inspect(sql);
      if (sql.length < MAX_CACHED_TEXT) INSPECTIONS.set(sql, seen);
    }
    const { refusal, access, names, tables } = seen;
    if (refusal) throw new DosqlError(refusal[0], refusal[1]);
    if (this.allowed && !this.allowed.has(normalise(sql)))
      throw denied('It is not one of the statements that this server allows.');
    const { read, write } = this.grant;
    if (access !== 'read' && !write) throw new DosqlError('READ_ONLY', 'This access is read-only.');
    if (!read) throw denied('This access may not read.');
    for (const name of this.engine.internal)
      if (names.has(name.toLowerCase())) throw denied(`${name} is internal.`);
    if (this.grant.tables) this.#within(this.grant.tables, access, names, tables);
    return seen;
  }

  /** {@link check} for each statement of a script, whose own settings of foreign keys do not count. */
  checkScript(sql: string): void {
    for (const { start, end } of splitStatements(String(sql))) {
      const text = String(sql).slice(start, end);
      if (!isForeignKeys(text)) this.check(text);
    }
  }

  /**
   * Names count wherever they stand: no way of writing a statement reaches a table without naming it.
   * @throws NOT_AUTHORIZED
   */
  #within(
    granted: readonly string[],
    access: Inspection['access'],
    names: ReadonlySet<string>,
    tables: readonly string[],
  ): void {
    const own = new Set(granted.map(foldName));
    if (access === 'schema') throw denied('Access to some tables is none to the schema.');
    const strange = tables.find(
      (name) => !own.has(name) && !/^json_(each|tree)$|^jsonb_(each|tree)$/.test(name),
    );
    if (strange !== undefined) throw denied(`It names ${strange}, which this access does not include.`);
    // Read anew each time: a socket's session is older than some tables.
    for (const [table] of drain(this.engine.sql.exec(TABLES))) {
      const name = foldName(table as string);
      if (!own.has(name) && names.has(name))
        throw denied(`It names ${name}, which this access does not include.`);
    }
  }
}

function denied(reason: string): DosqlError {
  return new DosqlError('NOT_AUTHORIZED', reason);
}

/** The statement without comments, white space and letter case where SQLite sees no difference. */
export function normalise(sql: string): string {
  const t = tokenize(sql);
  const parts: string[] = [];
  for (let i = 0; i < t.length; i += 3) {
    const text = sql.slice(t[i + 1], t[i + 2]);
    parts.push(isName(t[i]!) && t[i]! <= Token.STRING && t[i] !== Token.WORD ? text : foldName(text));
  }
  while (parts[parts.length - 1] === ';') parts.pop();
  return parts.join(' ');
}
