import { drain } from '../../engine/cursor.ts';
import { checkForeignKeys } from '../../engine/pragmas.ts';
import { enter } from '../../engine/scope.ts';
import { DosqlError, isDosqlError } from '../../errors/index.ts';
import { atomically } from '../../migration/migrate.ts';
import { withoutForeignKeys } from '../../migration/rebuild.ts';
import { foldName } from '../../sql/identifier.ts';
import { allowTable, oneOf, onlyTable, type TransferContext } from './context.ts';
import { FORMATS } from './formats.ts';
import { deleteState, type ImportState, readState, writeState } from './ledger.ts';
import { loadRows, loadStatements } from './load.ts';
import { rowReader } from './row-reader.ts';
import { readUnits, type Unit } from './units.ts';

/** What one transaction takes: everybody else waits for it. */
const BATCH_BYTES = 128_000;

/**
 * `POST /import?id=…&format=sql|ndjson|csv&table=…&offset=…&more=1`: the body is the file from byte `offset` on (default
 * 0), up to its end or, with `more=1`, a part of it. Every eighth of a megabyte is one transaction together with its
 * place in the ledger, so that what is sent again is skipped. Answers with the {@link ImportState}, whose `offset` is
 * where to go on. `GET` answers with the state alone, `DELETE` forgets it.
 * @throws READ_ONLY, NOT_AUTHORIZED, INVALID_ARGUMENT, NOT_FOUND, TRANSACTION_CONFLICT, FOREIGN_KEY_VIOLATION, and what
 * the statements throw, with the byte at which the file stands
 */
export async function importDatabase(request: Request, context: TransferContext): Promise<Response> {
  const { db, grant } = context;
  const { engine } = db.scope;
  const url = new URL(request.url);
  if (!grant.write) throw new DosqlError('READ_ONLY', 'This token may not write.');
  const id = url.searchParams.get('id') ?? '';
  if (!/^.{1,100}$/.test(id))
    throw new DosqlError('INVALID_ARGUMENT', 'Give the import an id=… of at most 100 characters.');
  const known = await enter(db.scope, () => readState(engine, id));
  // What of a table may not be used, may not be loaded twice either.
  if (known && grant.tables) allowTable(context, known.table ?? '');
  if (request.method === 'DELETE') {
    await enter(db.scope, () => deleteState(engine, id));
    return Response.json({ id });
  }
  if (request.method === 'GET') {
    if (known) return Response.json(known);
    throw new DosqlError('NOT_FOUND', `There is no import ${id}.`);
  }
  const format = oneOf(url, 'format', FORMATS);
  const table = format === 'sql' ? null : onlyTable(url, format);
  if (table === null && grant.tables)
    throw new DosqlError('NOT_AUTHORIZED', 'A SQL dump can write anywhere; this token may not.');
  if (table !== null) allowTable(context, table);
  const state: ImportState = known ?? { id, format, table, offset: 0, units: 0, header: null, done: false };
  if (state.format !== format || foldName(state.table ?? '') !== foldName(table ?? ''))
    throw new DosqlError(
      'INVALID_ARGUMENT',
      `Import ${id} is of ${state.format}${state.table ? ` into ${state.table}` : ''}.`,
    );
  const start = Number(url.searchParams.get('offset') ?? 0);
  if (!Number.isSafeInteger(start) || start < 0 || start > state.offset)
    throw new DosqlError('INVALID_ARGUMENT', `Import ${id} goes on at offset=${state.offset}.`);
  if (state.done) return Response.json(state);
  const final = url.searchParams.get('more') !== '1';
  return Response.json(
    await new Import(context, state).load(from(bytesOf(request.body), start, state.offset), final),
  );
}

const CHUNK_BYTES = 65_536;

/** The chunks of a body, each valid until the next: one buffer is used for all, as new ones would wait for the collector. */
async function* bytesOf(body: Request['body']): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(CHUNK_BYTES);
  try {
    while (reader) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      yield value;
      buffer = value.buffer as ArrayBuffer;
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

/** The bytes from offset `to` on, of a body that begins at `at`. */
async function* from(body: AsyncIterable<Uint8Array>, at: number, to: number): AsyncGenerator<Uint8Array> {
  let offset = at;
  for await (const chunk of body) {
    const end = offset + chunk.length;
    if (end > to) yield chunk.subarray(Math.max(0, to - offset));
    offset = end;
  }
}

class Import {
  constructor(
    private readonly context: TransferContext,
    private state: ImportState,
  ) {}

  async load(body: AsyncIterable<Uint8Array>, final: boolean): Promise<ImportState> {
    let batch: Unit[] = [];
    for await (const unit of readUnits(body, this.state.format as 'sql', this.state.offset, final)) {
      batch.push(unit);
      if (unit.end - this.state.offset < BATCH_BYTES) continue;
      await this.#apply(batch, false);
      batch = [];
      // Requests that wait have their turn.
      await scheduler.wait(0);
      this.context.signal?.throwIfAborted();
    }
    if (batch.length > 0 || final) await this.#apply(batch, final);
    return this.state;
  }

  /** Loads units and notes how far the import is, in one transaction. */
  async #apply(batch: readonly Unit[], done: boolean): Promise<void> {
    const { db } = this.context;
    const { engine } = db.scope;
    const { state } = this;
    const next: ImportState = {
      ...state,
      offset: batch[batch.length - 1]?.end ?? state.offset,
      units: state.units + batch.length,
      header: state.header ?? (state.format === 'csv' ? (batch[0]?.text ?? null) : null),
      done,
    };
    const work = () => {
      if ((readState(engine, state.id)?.offset ?? 0) !== state.offset)
        throw new DosqlError(
          'TRANSACTION_CONFLICT',
          `Import ${state.id} is being written by another request.`,
        );
      const texts = batch.map(({ text }) => text);
      if (state.table === null) loadStatements(engine, texts);
      else {
        const rows = rowReader(engine, state.table, state.format, next.header);
        loadRows(
          engine,
          state.table,
          rows(state.header === null && state.format === 'csv' ? texts.slice(1) : texts),
        );
      }
      writeState(engine, next);
      // Until here a child may come before its parent.
      if (done && state.table === null) checkForeignKeys(engine);
    };
    try {
      if (state.table === null && this.#mentionsKeys(batch))
        await db.scope.lock.exclusive(() =>
          withoutForeignKeys(engine, this.context.ctx, () => atomically(engine, work)),
        );
      else await enter(db.scope, () => engine.transactionSync(work));
    } catch (error) {
      throw located(error, state, next);
    }
    this.state = next;
  }

  /** Without foreign keys in the schema there is nothing to switch off. */
  #mentionsKeys(batch: readonly Unit[]): boolean {
    const { sql } = this.context.db.scope.engine;
    const declared = "SELECT 1 FROM sqlite_master WHERE type='table' AND sql LIKE '%references%' LIMIT 1";
    return drain(sql.exec(declared)).length > 0 || batch.some(({ text }) => /\breferences\b/i.test(text));
  }
}

/** The error with the part of the file that was not kept. */
function located(error: unknown, { offset }: ImportState, next: ImportState): unknown {
  if (!isDosqlError(error)) return error;
  const { code, message, statement, table, columns, constraint, limit } = error;
  return new DosqlError(code, `The import stopped between bytes ${offset} and ${next.offset}: ${message}`, {
    statement,
    table,
    columns,
    constraint,
    limit,
    cause: error,
  });
}
