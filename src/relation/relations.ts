import type { Engine } from '../engine/engine.ts';
import type { EngineHost, Loaded, LoadOptions, Rewrite } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import type { Edit } from '../sql/edit.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import { type Template, templateOf, textOf } from './bind.ts';
import { Chunks } from './chunks.ts';
import { columnsFor, limitFor, predicatesFor } from './predicates.ts';
import type { RelationColumn, Scan, ScanReport } from './provider.ts';
import { Needed, type Needs } from './pushdown.ts';
import type { Foreign, Opened, Resolver } from './resolver.ts';

const MAX_ROWS = 250_000;
const MAX_BYTES = 16_000_000;
/** No configuration allows more for one statement: the isolate's 128 MB are shared by all objects in it. */
const HARD_BYTES = 32_000_000;
const MAX_PARAMETERS = 100;

const RESOLVERS = new WeakMap<Engine, Resolver[]>();

/** Makes the statements of an engine ask `resolver`. The features of one engine share their relations. */
export function addResolver({ engine, onPlan }: EngineHost, resolver: Resolver): void {
  let resolvers = RESOLVERS.get(engine);
  if (!resolvers) {
    const list: Resolver[] = [];
    resolvers = list;
    RESOLVERS.set(engine, list);
    engine.loads = true;
    onPlan((statement) => rewriteOf(engine, statement, list));
  }
  resolvers.push(resolver);
  engine.clearPlans();
}

/** A relation of a statement. */
interface Named {
  readonly foreign: Foreign;
  /** What the statement calls it. */
  readonly label: string;
  /** What SQLite calls it, quoted. */
  readonly name: string;
  readonly references: TableReference[];
  /** Where the first reference ends. */
  readonly end: number;
}

function rewriteOf(
  engine: Engine,
  statement: Statement,
  resolvers: readonly Resolver[],
): Rewrite | undefined {
  const { sql } = statement;
  const tokens = tokenize(sql);
  const relations = new Map<string, Named>();
  const edits: Edit[] = [];
  for (const reference of statement.tables) {
    const { name, start, cte, call, schema, role, string } = reference;
    if (cte || schema !== undefined) continue;
    const end = call ? closing(tokens, reference.end) : reference.end;
    let foreign: Foreign | undefined;
    for (const resolver of resolvers) foreign ??= resolver(reference, statement, end);
    if (!foreign || (role === 'write' && foreign.shadows && !/^(UPDATE|DELETE)$/.test(statement.verb)))
      continue;
    const label = sql.slice(start, end);
    if (role === 'write' && !foreign.shadows) {
      throw new DosqlError('READ_ONLY', `${label} is outside the object and cannot be written.`, {
        statement: sql,
      });
    }
    const generated = string || call;
    const key = !generated ? foldName(name) : /\?(?!\d)/.test(label) ? `${label}\0${start}` : label;
    let relation = relations.get(key);
    if (!relation) {
      const own = generated ? `_dosql_r${relations.size}` : name;
      relation = { foreign, label, name: quoteIdentifier(own), references: [], end };
      relations.set(key, relation);
    }
    relation.references.push(reference);
    if (generated) edits.push({ start, end, text: relation.name });
  }
  if (relations.size === 0) return undefined;
  const named = [...relations.values()];
  const needed = new Needed(statement, tokens);
  const needs = named.map(({ references, end }) => needed.of(references, end));
  const template = templateOf(statement, tokens, edits);
  return {
    load: (values, options) => new Load(engine, statement, template, values, options).run(named, needs),
    optional: named.every(({ foreign }) => foreign.shadows),
  };
}

/** End of the parenthesis that opens behind offset `at`. */
function closing(t: Int32Array, at: number): number {
  let i = 0;
  while (t[i + 1]! < at) i += 3;
  for (let depth = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN && --depth === 0) return t[i + 2]!;
  }
  return at;
}

/** One execution of a statement. */
class Load {
  readonly #texts: string[] = [];
  readonly #chunks: string[] = [];
  readonly #opened: Opened[] = [];
  readonly #report: ScanReport[] = [];
  #bytes = 0;

  constructor(
    readonly engine: Engine,
    readonly statement: Statement,
    readonly template: Template,
    readonly values: readonly SqlValue[],
    readonly options: LoadOptions,
  ) {}

  async run(relations: readonly Named[], needs: readonly Needs[]): Promise<Loaded> {
    const { engine, template, values, options } = this;
    for (const [index, relation] of relations.entries()) {
      if (relation.foreign.shadows && options.tier === 'hot') continue;
      const opened = await relation.foreign.open({ values, explain: options.explain === true });
      if (opened) await this.#read(relation, opened, needs[index] as Needs);
    }
    const opened = this.#opened;
    const valid = opened.some((one) => one.valid)
      ? { valid: () => opened.every((one) => !one.valid || one.valid()) }
      : {};
    const report = this.#report;
    if (this.#texts.length === 0) return { ...valid, report };
    return {
      ...valid,
      report,
      sql: textOf(template, this.#texts),
      values: [...values, ...this.#chunks],
      around: (run) => {
        const result = run();
        if (engine.names.some((name) => name.includes('?'))) engine.names = template.names(engine.names);
        return result;
      },
    };
  }

  async #read(relation: Named, opened: Opened, needs: Needs): Promise<void> {
    const { provider } = opened;
    this.#opened.push(opened);
    const columns = await provider.columns();
    const limit = limitFor(needs, this.values);
    const scan: Scan = {
      columns: columnsFor(needs, columns, opened.where),
      predicates: predicatesFor(needs, columns, this.values),
      ...(limit !== undefined && { limit }),
    };
    const used = scan.columns.map((c) => columns[c]!);
    const chunks = new Chunks(used, true);
    let idle = true;
    if (this.options.explain) {
      const report = await provider.inspect(scan);
      this.#report.push(report);
      idle = report.filesRead === 0;
    } else {
      for await (const rows of provider.scan(scan)) {
        chunks.add(rows);
        this.#check(relation, opened, chunks);
        if (limit !== undefined && chunks.rows >= limit) break;
      }
      idle = chunks.rows === 0;
    }
    if (idle && relation.foreign.shadows) return;
    this.#bytes += chunks.bytes;
    this.#add(relation, opened, used, chunks);
  }

  /** @throws LIMIT_EXCEEDED */
  #check({ label }: Named, { maxRows = MAX_ROWS, maxBytes = MAX_BYTES }: Opened, chunks: Chunks): void {
    const bytes = Math.min(maxBytes, HARD_BYTES - this.#bytes);
    const over = chunks.rows > maxRows ? 'rows' : chunks.bytes > bytes ? 'bytes' : '';
    if (!over) return;
    const value = over === 'rows' ? maxRows : bytes;
    throw new DosqlError(
      'LIMIT_EXCEEDED',
      `${label} brings more than ${value} ${over} into one statement. Select fewer columns, restrict it by conditions that compare a column with a value, or raise the limit of the source.`,
      { statement: this.statement.sql, limit: { name: `relation ${over}`, value } },
    );
  }

  #add(
    { name, foreign }: Named,
    { where }: Opened,
    columns: readonly RelationColumn[],
    chunks: Chunks,
  ): void {
    const { template, values } = this;
    const texts = chunks.take();
    // A value behind the user's: some of those may stand nowhere in the text any more.
    if (texts.length === 0) texts.push('[]');
    const id = this.#opened.length;
    const first = values.length + this.#chunks.length + 1;
    this.#chunks.push(...texts);
    const count = values.length + this.#chunks.length;
    if (count > MAX_PARAMETERS) {
      throw new DosqlError(
        'LIMIT_EXCEEDED',
        `The statement would bind ${count} values, ${this.#chunks.length} of them with foreign rows. The limit is ${MAX_PARAMETERS}.`,
        {
          statement: this.statement.sql,
          limit: { name: 'bound parameters', value: MAX_PARAMETERS, actual: count },
        },
      );
    }
    const list = columns.map((column) => quoteIdentifier(column.name)).join() || '_dosql_n';
    const marks = texts.map((_, i) => `(?${first + i})`).join();
    const expressions = columns.map((_, c) => chunks.expression(c)).join() || '1';
    const rows = `SELECT ${expressions} FROM _dosql_c${id},json_each(_dosql_c${id}.j)r`;
    const once = template.joins ? 'MATERIALIZED' : '';
    this.#texts.push(`_dosql_c${id}(j)AS(VALUES${marks})`);
    if (!foreign.shadows && !where) {
      this.#texts.push(`${name}(${list})AS ${once}(${rows})`);
      return;
    }
    const chosen = columns.length ? list : '1';
    const hot = foreign.shadows ? `SELECT ${chosen} FROM main.${name} UNION ALL ` : '';
    this.#texts.push(
      `_dosql_f${id}(${list})AS ${once}(${rows})`,
      `${name}(${list})AS(${hot}SELECT ${chosen} FROM _dosql_f${id}${where ? ` WHERE ${where}` : ''})`,
    );
  }
}
