import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { enter } from '../../engine/scope.ts';
import { DosqlError } from '../../errors/index.ts';
import { foldName } from '../../sql/identifier.ts';
import { ELSEWHERE } from '../../wal/store.ts';
import type { Cell } from './cell.ts';
import { allowTable, oneOf, onlyTable, type TransferContext } from './context.ts';
import { csvRecords, ndjsonRows, sqlDump } from './dump.ts';
import { CONTENT_TYPES, FORMATS } from './formats.ts';
import { pagerOf, readPage } from './page.ts';
import { readSchema, type Schema, type TransferTable } from './schema.ts';

const CONSISTENCY = ['checked', 'held', 'page'] as const;
const TIERS = ['all', 'hot'] as const;
type Consistency = (typeof CONSISTENCY)[number];

/** Other events of the object have their turn at least this often, in milliseconds. */
const TURN_MS = 10;
/** The longest time that everybody else waits for a `held` export, in milliseconds. */
const HOLD_MS = 20_000;
const BUFFER_BYTES = 65_536;

/**
 * `GET /export?format=sql|ndjson|csv&table=…&consistency=checked|held|page`: streams the database (sql), or the rows of
 * one table, in pages that others may come between. `checked`, the default, breaks the stream off when something was
 * written meanwhile; `held` makes everybody wait until the end; `page` accepts that pages are of different moments. With
 * `tier=hot` a table's archived rows are left out.
 * @throws NOT_AUTHORIZED, NO_SUCH_TABLE, INVALID_ARGUMENT, UNSUPPORTED_STATEMENT
 */
export async function exportDatabase(request: Request, context: TransferContext): Promise<Response> {
  const { db, grant } = context;
  const { engine } = db.scope;
  if (!grant.read) throw new DosqlError('NOT_AUTHORIZED', 'This token may not read.');
  const url = new URL(request.url);
  const format = oneOf(url, 'format', FORMATS);
  const consistency = oneOf(url, 'consistency', CONSISTENCY);
  const hot = oneOf(url, 'tier', TIERS) === 'hot';
  const wanted = format === 'sql' ? url.searchParams.getAll('table') : [onlyTable(url, format)];
  if (wanted.length === 0 && grant.tables)
    throw new DosqlError(
      'NOT_AUTHORIZED',
      'This token may not read every table: name those to export with table=….',
    );
  for (const table of wanted) allowTable(context, table);
  const folded = new Set(wanted.map(foldName));
  const read = () => readSchema(engine, (table) => folded.size === 0 || folded.has(foldName(table)));
  const schema = await enter(db.scope, read);
  for (const name of folded) {
    if (!schema.tables.some((table) => foldName(table.name) === name))
      throw new DosqlError('NO_SUCH_TABLE', `no such table: ${name}`, { table: name });
  }
  if (!hot) for (const { name } of schema.tables) requireHere(engine, name);
  const source = new Source(context, consistency, schema, hot);
  const [only] = schema.tables;
  if (format !== 'sql' && only!.columns.length === 0)
    throw new DosqlError('UNSUPPORTED_STATEMENT', `Table ${only!.name} has no own rows.`, {
      table: only!.name,
    });
  const text =
    format === 'sql'
      ? sqlDump(engine, schema, (table) => source.pages(table))
      : (format === 'csv' ? csvRecords : ndjsonRows)(only!, source.pages({ ...only!, rowid: undefined }));
  return new Response(stream(source.guard(text, format === 'sql')), {
    headers: {
      'content-type': `${CONTENT_TYPES[format]}; charset=utf-8`,
      'cache-control': 'no-store',
    },
  });
}

/** @throws UNSUPPORTED_STATEMENT for a table with archived rows, which would be missing */
function requireHere(engine: Engine, table: string): void {
  if (!ELSEWHERE.get(engine)?.(foldName(table))) return;
  throw new DosqlError(
    'UNSUPPORTED_STATEMENT',
    `Rows of ${table} are archived outside of the object and cannot be exported; tier=hot exports those in the object only.`,
    { table },
  );
}

/** Where an export reads, and what it watches while it does. */
class Source {
  readonly #engine: Engine;
  #turn = Date.now();
  #rows = 0;

  constructor(
    private readonly context: TransferContext,
    private readonly consistency: Consistency,
    private readonly schema: Schema,
    private readonly hot: boolean,
  ) {
    this.#engine = context.db.scope.engine;
  }

  async *pages(table: TransferTable): AsyncGenerator<readonly Cell[][]> {
    const pager = pagerOf(table);
    const { db, signal, grant } = this.context;
    let after: readonly Cell[] | undefined;
    do {
      signal?.throwIfAborted();
      const held = this.consistency === 'held';
      if (!held && Date.now() - this.#turn > TURN_MS) {
        await scheduler.wait(0);
        this.#turn = Date.now();
      }
      const read = () => readPage(this.#engine, pager, after);
      const page = held ? read() : await enter(db.scope, read);
      this.#rows += page.rows.length;
      if (grant.rowCap !== undefined && this.#rows > grant.rowCap)
        throw new DosqlError('LIMIT_EXCEEDED', `This token may read ${grant.rowCap} rows at once.`, {
          limit: { name: 'rows', value: grant.rowCap },
        });
      yield page.rows;
      after = page.last;
    } while (after);
    // They may have been moved meanwhile.
    if (!this.hot) requireHere(this.#engine, table.name);
  }

  /** The text, and behind it the answer to whether it is of one moment. */
  async *guard(text: AsyncGenerator<string>, sql: boolean): AsyncGenerator<string> {
    const before = changes(this.#engine);
    let last = '';
    for await (const piece of this.consistency === 'held' ? this.#held(text) : text) {
      // Held back: a dump that is of several moments must not be committed by whoever loads it.
      yield last;
      last = piece;
    }
    if (this.consistency !== 'page' && this.#moved(before)) {
      const reason =
        'The database was written to during the export. Repeat it, or ask for consistency=held or page.';
      if (sql) yield `ROLLBACK; -- DATABASE_CHANGED: ${reason}\n`;
      throw new DosqlError('DATABASE_CHANGED', reason);
    }
    yield last;
  }

  /** Everybody else waits from the first page to the last. */
  async *#held(text: AsyncGenerator<string>): AsyncGenerator<string> {
    const { lock } = this.context.db.scope;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: locked, resolve: entered } = Promise.withResolvers<void>();
    void lock.exclusive(() => {
      entered();
      return released;
    });
    await locked;
    const timer = setTimeout(release, HOLD_MS);
    const deadline = Date.now() + HOLD_MS;
    try {
      for await (const piece of text) {
        if (Date.now() >= deadline)
          throw new DosqlError(
            'TRANSACTION_TIMEOUT',
            `A held export may take ${HOLD_MS} ms. Use consistency=checked.`,
          );
        yield piece;
      }
    } finally {
      clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
      release();
    }
  }

  #moved(before: unknown): boolean {
    return (
      changes(this.#engine) !== before ||
      readSchema(this.#engine, () => false).fingerprint !== this.schema.fingerprint
    );
  }
}

/** Rows written since the object was woken, by whatever way. */
function changes({ sql }: Engine): unknown {
  return drain(sql.exec('SELECT total_changes()'))[0]?.[0];
}

/**
 * The text as bytes, made when they are asked for. One buffer is used again and again: of new ones, V8 would let 64 MB
 * come together before it looks for garbage.
 */
function stream(text: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  void pump(text, writer).catch((error) => writer.abort(error).catch(() => {}));
  return readable;
}

async function pump(
  text: AsyncGenerator<string>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(BUFFER_BYTES);
  let length = 0;
  const flush = async () => {
    // Resolves when the reader has all of it.
    await writer.write(buffer.subarray(0, length));
    length = 0;
  };
  try {
    for await (const piece of text) {
      for (let from = 0; from < piece.length; ) {
        const { read, written } = encoder.encodeInto(piece.slice(from), buffer.subarray(length));
        from += read;
        length += written;
        if (from < piece.length || length > BUFFER_BYTES / 2) await flush();
      }
    }
    if (length > 0) await flush();
    await writer.close();
  } catch (error) {
    // The last words of a dump tell why it ends.
    if (length > 0) await flush();
    throw error;
  }
}
