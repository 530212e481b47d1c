import { DosqlError } from '../../errors/index.ts';
import { foldName, unquoteIdentifier } from '../../sql/identifier.ts';
import { tokenize } from '../../sql/tokenizer.ts';
import { Budget } from '../budget.ts';
import { isForeignKeys } from '../inspect.ts';
import type { Session } from '../session.ts';
import type { Outside } from './outside.ts';
import type { HranaError, Stmt, StmtResult } from './proto.ts';
import type { Rebuild } from './rebuild.ts';
import { DONE, execute, hranaError, UNSURE } from './statement.ts';
import type { Stream } from './stream.ts';

/** A statement that somebody wants run, and what came of it. */
export interface Ask {
  readonly stmt: Stmt;
  readonly sql: string;
}
export type Answer = { readonly ok: StmtResult } | { readonly error: HranaError };

/** Work that asks for statements one after the other. */
export type Work<T> = Generator<Ask, T, Answer>;

/** BEGIN, SAVEPOINT and their like. `name`, of a savepoint, is folded. */
interface Control {
  readonly verb: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'to';
  readonly name: string;
}

const OK: Answer = { ok: DONE };
/** Ends of a frame other than its own. */
const UNDO = { undo: true };
const SUSPEND = { suspend: true };
interface Back {
  readonly back: string;
}

/** A transaction over several requests may have this many statements: each request repeats them. */
const MOST_STATEMENTS = 1_000;

/** Reads what steers transactions; undefined for any other statement. */
export function controlOf(sql: string): Control | undefined {
  // A comment may stand before it.
  const word = /\b(begin|commit|end|rollback|savepoint|release)\b/i.test(sql) ? tokens(sql) : [];
  const [verb = '', ...rest] = word.map((text) => foldName(text));
  // Nothing may hide behind it.
  if (!/^(begin|commit|end|rollback|savepoint|release)$/.test(verb) || word.includes(';')) return undefined;
  const last = foldName(unquoteIdentifier(word[word.length - 1] ?? ''));
  if (verb === 'savepoint' || verb === 'release') return { verb, name: last };
  if (verb === 'rollback' && rest.includes('to')) return { verb: 'to', name: last };
  return { verb: verb === 'begin' || verb === 'rollback' ? verb : 'commit', name: '' };
}

function tokens(sql: string): string[] {
  const t = tokenize(sql);
  const words: string[] = [];
  for (let i = 0; i < t.length; i += 3) words.push(sql.slice(t[i + 1], t[i + 2]));
  while (words[words.length - 1] === ';') words.pop();
  return words;
}

/** A number of 53 bits that tells answers apart; `sure`: without a rowid that may be of somebody's insert before. */
function fingerprint(answer: Answer, sure = false): number {
  const {
    rows_read: _r,
    rows_written: _w,
    last_insert_rowid: id,
    ...told
  } = 'ok' in answer ? answer.ok : { ...DONE, ...answer.error };
  const text = JSON.stringify(sure ? told : { ...told, id });
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 2654435761);
    b = Math.imul(b ^ c, 1597334677);
  }
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** What the answers to one statement have in common, where the rowid they tell may be of somebody's insert before. */
function unsurePrint(answer: Answer): number | undefined {
  return 'ok' in answer && UNSURE.has(answer.ok) ? fingerprint(answer, true) : undefined;
}

/**
 * Carries out `work` on a stream. Durable Objects refuse BEGIN, so what stands between BEGIN and COMMIT runs inside a
 * synchronous transaction. One that is still open when the work is over is rolled back and remembered; the next
 * request repeats it first. Each repeated statement must give the client exactly what it was given before, else
 * somebody else's write came between: the transaction fails with SQLITE_BUSY, and what commits is serializable.
 */
export class Transactions<T> {
  #step: IteratorResult<Ask, T>;
  /** Entries of the log that were repeated already. */
  #at = 0;
  #open = false;

  constructor(
    private readonly session: Session,
    private readonly stream: Stream,
    private readonly budget: Budget,
    work: (autocommit: () => boolean) => Work<T>,
    /** Foreign keys are off. */
    private readonly rebuild?: Rebuild,
    private readonly outside?: Outside,
  ) {
    this.#work = work(() => !this.#open && !this.stream.failed && this.stream.log.length === 0);
    this.#step = this.#work.next();
  }

  readonly #work: Work<T>;

  /** To be called in the caller's turn. */
  run(): T {
    const { stream } = this;
    for (;;) {
      if (stream.failed) {
        const ask = this.#step.value as Ask;
        if (this.#step.done) return this.#step.value;
        const over = controlOf(ask.sql)?.verb === 'rollback';
        const answer: Answer = over ? OK : { error: hranaError(stream.failed) };
        if (over) stream.failed = undefined;
        this.#step = this.#work.next(answer);
        continue;
      }
      // A transaction that is only remembered waits for somebody to go on with it.
      if (this.#step.done) return this.#step.value;
      const ask = this.#current() as Ask;
      const control = controlOf(ask.sql);
      if (control?.verb === 'begin' || control?.verb === 'savepoint') this.#transaction(control);
      else if (control) this.#reply(control.verb === 'rollback' ? OK : refused('no transaction is active'));
      else this.#reply(this.#single(ask));
    }
  }

  #current(): Ask | undefined {
    return this.stream.log[this.#at] ?? (this.#step.done ? undefined : this.#step.value);
  }

  /** @throws TRANSACTION_CONFLICT when a repeated statement answers otherwise than before */
  #reply(answer: Answer): void {
    const { log } = this.stream;
    const known = log[this.#at];
    if (known) {
      this.#at++;
      if (known.print !== fingerprint(answer) && (known.unsure ?? Number.NaN) !== unsurePrint(answer))
        throw conflict();
      return;
    }
    if (this.#open) {
      const { stmt, sql } = this.#step.value as Ask;
      log.push({ stmt, sql, print: fingerprint(answer), unsure: unsurePrint(answer) });
      this.#at++;
    }
    this.#step = this.#work.next(answer);
  }

  /** A statement outside any transaction. */
  #single(ask: Ask): Answer {
    const { rebuild } = this;
    if (!rebuild) return this.#attempt(ask);
    try {
      return rebuild.transaction(this.session.engine, () => this.#attempt(ask));
    } catch (error) {
      return { error: hranaError(error) };
    }
  }

  #attempt({ stmt, sql }: Ask): Answer {
    try {
      if (isForeignKeys(sql)) {
        if (!this.session.grant.write) throw new DosqlError('READ_ONLY', 'This access is read-only.');
        return OK;
      }
      const { session, stream, budget } = this;
      // What is repeated was counted before.
      const counted = stream.log[this.#at] ? new Budget(session.limits, session.grant) : budget;
      const item = this.outside?.get(stmt) ?? this.outside?.get(sql);
      if (item && 'error' in item) throw item.error;
      return { ok: (this.rebuild?.execute ?? execute).call(this.rebuild, session, stmt, sql, counted, item) };
    } catch (error) {
      return { error: hranaError(error) };
    }
  }

  #transaction(control: Control): void {
    const { stream } = this;
    this.#open = true;
    let end: Answer | undefined = OK;
    try {
      this.#frame(control.verb === 'savepoint' ? control.name : undefined, []);
    } catch (error) {
      if (error === SUSPEND) end = undefined;
      else if (this.#step.done || this.#at < stream.log.length || isConflict(error)) {
        stream.failed = error as DosqlError;
        end = undefined;
        stream.log = [];
        this.#at = 0;
      } else if (error !== UNDO) end = { error: hranaError(error) };
    }
    this.#open = false;
    if (end) {
      stream.log = [];
      this.#at = 0;
      this.#reply(end);
    }
  }

  /**
   * One BEGIN (without a name) or SAVEPOINT, up to the statement that ends it, which is still to be answered.
   * @returns the savepoint to release, where an outer one is meant; '' for COMMIT
   */
  #frame(name: string | undefined, outer: readonly (string | undefined)[]): string | undefined {
    for (;;) {
      try {
        const { rebuild } = this;
        const { engine } = this.session;
        const body = () => this.#body([...outer, name]);
        return rebuild && outer.length === 0
          ? rebuild.transaction(engine, body)
          : engine.transactionSync(body);
      } catch (error) {
        if ((error as Back).back !== name || name === undefined) throw error;
      }
    }
  }

  #body(names: readonly (string | undefined)[]): string | undefined {
    // Of BEGIN or SAVEPOINT; the second time, of ROLLBACK TO.
    this.#reply(OK);
    for (;;) {
      const ask = this.#current();
      if (!ask) {
        if (this.stream.log.length > MOST_STATEMENTS)
          throw new DosqlError('LIMIT_EXCEEDED', `A transaction may have ${MOST_STATEMENTS} statements.`);
        throw SUSPEND;
      }
      const control = controlOf(ask.sql);
      if (!control) {
        this.#reply(this.#attempt(ask));
        continue;
      }
      const { verb } = control;
      if (verb === 'commit') return '';
      if (verb === 'rollback') throw UNDO;
      if (verb === 'begin') this.#reply(refused('cannot start a transaction within a transaction'));
      else if (verb === 'savepoint') {
        const released = this.#frame(control.name, names);
        if (released !== control.name) return released;
        this.#reply(OK);
      } else if (!names.includes(control.name)) this.#reply(refused(`no such savepoint: ${control.name}`));
      else if (verb === 'to') throw { back: control.name } satisfies Back;
      else return control.name;
    }
  }
}

function refused(message: string): Answer {
  return { error: { message, code: 'SQLITE_ERROR' } };
}

function conflict(): DosqlError {
  return new DosqlError(
    'TRANSACTION_CONFLICT',
    'Another write has changed what this transaction read, or a statement of it gives something else each time; it was rolled back. Run it again.',
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof DosqlError && error.code === 'TRANSACTION_CONFLICT';
}
