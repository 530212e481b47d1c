import type { Engine } from '../engine/engine.ts';
import type { Loaded, LoadOptions } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import { quoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import { decompose } from './aggregate.ts';
import { type Template, textOf } from './bind.ts';
import { Chunks } from './chunks.ts';
import { readsExactly } from './doubles.ts';
import { columnsFor, limitFor, predicatesFor } from './predicates.ts';
import type { RelationColumn, Scan, ScanReport } from './provider.ts';
import type { Needs } from './pushdown.ts';
import type { Foreign, Opened } from './resolver.ts';
import { Stream } from './stream.ts';

const MAX_ROWS = 250_000;
const MAX_BYTES = 16_000_000;
/** No configuration allows more for one statement: the isolate's 128 MB are shared by all objects in it. */
const HARD_BYTES = 32_000_000;
/** A batch of an aggregation that goes beyond the caps. */
const BATCH_BYTES = 1_000_000;

/** A relation of a statement. */
export interface Named {
  readonly foreign: Foreign;
  /** What the statement calls it. */
  readonly label: string;
  /** What SQLite calls it, quoted. */
  readonly name: string;
  readonly references: TableReference[];
  /** Where the first reference ends. */
  readonly end: number;
  needs?: Needs;
  /** The table that UPDATE or DELETE changes: behind which name, under which condition. */
  target?: { readonly alias: string; readonly condition: string };
}

/** Common table expressions and the values they bind. */
interface Bound {
  readonly texts: string[];
  readonly chunks: string[];
}

/** One execution of a statement. */
export class Load {
  readonly #bound: Bound = { texts: [], chunks: [] };
  /** Relations read so far; each has a number in its generated names. */
  #count = 0;
  readonly #report: ScanReport[] = [];
  #streamed: { sql: string; values: readonly SqlValue[] } | undefined;
  #rehydrate: (() => void) | undefined;
  #bytes = 0;

  constructor(
    readonly engine: Engine,
    readonly statement: Statement,
    readonly template: Template,
    readonly values: readonly SqlValue[],
    readonly options: LoadOptions,
  ) {}

  async run(relations: readonly Named[]): Promise<Loaded> {
    const { engine, template, values, options } = this;
    const checks: (() => boolean)[] = [];
    // The table that is written comes last: its condition may read the others.
    for (const relation of [...relations].sort((a, b) => Number(!!a.target) - Number(!!b.target))) {
      if (relation.foreign.shadows && options.tier === 'hot') continue;
      const { foreign } = relation;
      const context = { values, explain: options.explain === true, scope: options.scope };
      const opened = await foreign.open(context);
      if (opened) await this.#read(relation, opened);
      if (opened?.valid) checks.push(() => opened.valid?.() === true);
      // What is nothing now may be something when the statement's turn comes.
      else if (!opened && foreign.shadows) checks.push(() => foreign.open(context) === undefined);
    }
    const { texts, chunks } = this.#bound;
    const rehydrate = this.#rehydrate;
    const names = (texts.length > 0 || this.#streamed) && values.length > 0;
    return {
      report: this.#report,
      ...(checks.length > 0 && { valid: () => checks.every((check) => check()) }),
      ...this.#streamed,
      ...(texts.length > 0 && { sql: textOf(template, texts), values: [...values, ...chunks] }),
      ...((names || rehydrate) && {
        around: <T>(run: () => T): T => {
          const work = () => {
            rehydrate?.();
            const result = run();
            if (engine.names.some((name) => name.includes('?'))) engine.names = template.names(engine.names);
            return result;
          };
          return rehydrate ? engine.transactionSync(work) : work();
        },
      }),
    };
  }

  async #read(relation: Named, opened: Opened): Promise<void> {
    const { provider } = opened;
    const { foreign, target } = relation;
    const needs = relation.needs as Needs;
    this.#count++;
    const columns = await provider.columns();
    const limit = limitFor(needs, this.values);
    const scan: Scan = {
      columns: columnsFor(needs, columns),
      predicates: predicatesFor(needs, columns, this.values),
      ...(limit !== undefined && { limit }),
    };
    const used = scan.columns.map((c) => columns[c]!);
    const chunks = new Chunks(used, readsExactly(this.engine));
    let idle = true;
    if (this.options.explain) {
      const report = await provider.inspect(scan);
      this.#report.push(report);
      idle = report.filesRead === 0;
    } else {
      let stream: Stream | undefined;
      for await (const rows of provider.scan(scan)) {
        chunks.add(limit === undefined ? rows : rows.slice(0, limit - chunks.rows));
        const over = stream && chunks.bytes > BATCH_BYTES ? 'bytes' : this.#over(opened, chunks);
        if (over) {
          stream ??= this.#stream(relation, used, chunks);
          if (!stream?.add(chunks)) throw this.#tooMuch(relation, opened, over);
        }
        if (limit !== undefined && chunks.rows >= limit) break;
      }
      if (stream) {
        if (chunks.rows > 0 && !stream.add(chunks)) throw this.#tooMuch(relation, opened, 'bytes');
        const { text, values } = stream.front(stream.rows, '_dosql_p');
        this.#streamed = { sql: text + stream.aggregation.final, values };
        return;
      }
      idle = chunks.rows === 0;
    }
    if (idle && foreign.shadows) return;
    this.#bytes += chunks.bytes;
    if (!target) {
      this.#add(this.#bound, relation, used, chunks);
      return;
    }
    const { texts, chunks: values } = this.#bound;
    const own = { texts: [...texts], chunks: [...values] };
    const from = this.#add(own, relation, used, chunks);
    const { engine, template } = this;
    this.#rehydrate = () =>
      opened.rehydrate?.((head, tail = '') => {
        const { recursive, expressions } = template;
        const sql = `WITH ${recursive ? 'RECURSIVE ' : ''}${own.texts.join()}${expressions} ${head} FROM ${from} AS ${target.alias} WHERE ${target.condition} ${tail}`;
        // What else it reads is in front, or has no foreign row.
        return engine.all(engine.bare(sql), [...this.values, ...own.chunks], 'bigint');
      });
  }

  /** Which cap is exceeded. */
  #over({ maxRows = MAX_ROWS, maxBytes = MAX_BYTES }: Opened, chunks: Chunks): 'rows' | 'bytes' | undefined {
    if (chunks.rows > maxRows) return 'rows';
    return chunks.bytes > Math.min(maxBytes, HARD_BYTES - this.#bytes) ? 'bytes' : undefined;
  }

  #tooMuch({ label }: Named, opened: Opened, over: 'rows' | 'bytes'): DosqlError {
    const { maxRows = MAX_ROWS, maxBytes = MAX_BYTES } = opened;
    const value = over === 'rows' ? maxRows : Math.min(maxBytes, HARD_BYTES - this.#bytes);
    return new DosqlError(
      'LIMIT_EXCEEDED',
      `${label} brings more than ${value} ${over} into one statement. Select fewer columns, restrict it by conditions that compare a column with a value, aggregate it alone, or raise the limit of the source.`,
      { statement: this.statement.sql, limit: { name: `relation ${over}`, value } },
    );
  }

  /** The statement as partial aggregates, when it is nothing but an aggregation of this relation. */
  #stream(relation: Named, used: readonly RelationColumn[], { exact }: Chunks): Stream | undefined {
    const { template, statement, values, engine } = this;
    const { tail } = template;
    const aggregation =
      statement.verb === 'SELECT' &&
      statement.tables.length === 1 &&
      !template.merge &&
      !relation.foreign.shadows
        ? decompose(tail, tokenize(tail), used)
        : undefined;
    if (!aggregation) return undefined;
    return new Stream(engine, aggregation, exact, (chunks, name = relation.name) => {
      const own: Bound = { texts: [], chunks: [] };
      this.#add(own, { ...relation, name }, chunks.columns, chunks);
      return {
        text: textOf({ ...template, head: '', tail: '' }, own.texts),
        values: [...values, ...own.chunks],
      };
    });
  }

  /** Adds a relation; returns the name of its foreign rows alone. */
  #add(
    { texts, chunks: bound }: Bound,
    { name, foreign, target }: Named,
    columns: readonly RelationColumn[],
    chunks: Chunks,
  ): string {
    const { template, values } = this;
    const rows = chunks.take();
    // A value behind the user's: some of those may stand nowhere in the text any more.
    if (rows.length === 0) rows.push('[]');
    const id = this.#count;
    const first = values.length + bound.length + 1;
    bound.push(...rows);
    const list = columns.map((column) => quoteIdentifier(column.name)).join() || '_dosql_n';
    const marks = rows.map((_, i) => `(?${first + i})`).join();
    const expressions = columns.map((_, c) => chunks.expression(c)).join() || '1';
    const own = foreign.shadows ? `_dosql_f${id}` : name;
    texts.push(
      `_dosql_c${id}(j)AS(VALUES${marks})`,
      `${own}(${list})AS ${template.joins ? 'MATERIALIZED' : ''}(SELECT ${expressions} FROM _dosql_c${id},json_each(_dosql_c${id}.j)r)`,
    );
    if (foreign.shadows && !target) {
      const chosen = columns.length ? list : '1';
      texts.push(
        `${name}(${list})AS(SELECT ${chosen} FROM main.${name} UNION ALL SELECT ${chosen} FROM ${own})`,
      );
    }
    return own;
  }
}
