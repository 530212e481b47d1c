import { Column, Name, Param, Placeholder, SQL, StringChunk, Table } from 'drizzle-orm';
import type { Form } from './query.ts';

/**
 * The shapes of queries seen before. Two queries of one shape have the same SQL text and differ in parameters only, so
 * walking a builder's configuration by identity is enough to find the text again: no SQL is built, no mapper compiled.
 * Steps of structure are symbols, because a column may be called anything.
 */
export interface ShapeNode {
  next: Map<unknown, ShapeNode> | undefined;
  form: Form | undefined;
}

/** Shapes are forgotten, all at once, when an endless variety of SQL texts would fill the memory. */
const MAX_NODES = 20_000;
/** More elements than one statement can bind are no shape worth keeping. */
const MAX_LIST = 100;

const VALUE = Symbol('value');
const LIST = Symbol('list');
const NAME = Symbol('name');
const ALIAS = Symbol('alias');
export const END = Symbol('end');

/** The shapes under one way of casing column names. */
export class Shapes {
  #root = node();
  nodes = 0;

  /** A walk from the root; `kind` tells what is walked. */
  walk(kind: symbol): Walk {
    if (this.nodes > MAX_NODES) {
      this.#root = node();
      this.nodes = 0;
    }
    const walk = new Walk(this, this.#root);
    walk.step(kind);
    return walk;
  }
}

const SHAPES = new Map<string | undefined, Shapes>();

/** Shared by all objects of an isolate: what is kept is bound to tables, not to a database. */
export function shapesFor(casing: string | undefined): Shapes {
  let shapes = SHAPES.get(casing);
  if (!shapes) {
    shapes = new Shapes();
    SHAPES.set(casing, shapes);
  }
  return shapes;
}

function node(): ShapeNode {
  return { next: undefined, form: undefined };
}

/** One query on its way through the shapes. Methods answer false for what has no shape: then drizzle builds the SQL. */
export class Walk {
  /** Parameters in the order of the SQL text. */
  readonly params: unknown[] = [];

  constructor(
    readonly shapes: Shapes,
    public at: ShapeNode,
  ) {}

  step(token: unknown): void {
    const { at } = this;
    at.next ??= new Map();
    let next = at.next.get(token);
    if (next === undefined) {
      next = node();
      at.next.set(token, next);
      this.shapes.nodes++;
    }
    this.at = next;
  }

  value(value: unknown): true {
    this.params.push(value);
    this.step(VALUE);
    return true;
  }

  /** A piece of SQL, of any kind that drizzle's `sql` template takes. */
  chunk(chunk: unknown): boolean {
    if (typeof chunk !== 'object' || chunk === null) {
      return chunk === undefined || (typeof chunk !== 'function' && this.value(chunk));
    }
    if (chunk instanceof StringChunk) {
      for (const text of chunk.value) if (text !== '') this.step(text);
      return true;
    }
    if (chunk instanceof Param) return this.param(chunk.value, chunk.encoder);
    if (chunk instanceof Column) return this.column(chunk);
    if (chunk instanceof SQL) return this.sql(chunk);
    if (Array.isArray(chunk)) return this.list(chunk);
    if (chunk instanceof Table) return this.table(chunk);
    if (chunk instanceof SQL.Aliased || chunk instanceof Name) {
      this.step(NAME);
      this.step(chunk instanceof Name ? chunk.value : chunk.fieldAlias);
      return true;
    }
    return (chunk instanceof Date || chunk instanceof Uint8Array) && this.value(chunk);
  }

  sql(sql: SQL): boolean {
    const { queryChunks, shouldInlineParams } = sql as unknown as {
      queryChunks: unknown[];
      shouldInlineParams: boolean;
    };
    if (shouldInlineParams) return false;
    for (let i = 0; i < queryChunks.length; i++) if (!this.chunk(queryChunks[i])) return false;
    return true;
  }

  param(value: unknown, encoder: { mapToDriverValue(value: unknown): unknown }): boolean {
    if (value === null) return this.value(null);
    if (value instanceof Placeholder) return false;
    const encoded = encoder.mapToDriverValue(value);
    return !(encoded instanceof SQL) && this.value(encoded);
  }

  list(chunks: readonly unknown[]): boolean {
    if (chunks.length > MAX_LIST) return false;
    this.step(LIST);
    for (const chunk of chunks) {
      if (!this.chunk(chunk)) return false;
      this.step(END);
    }
    this.step(END);
    return true;
  }

  column(column: Column): true {
    const { table } = column;
    if (isAlias(table)) {
      // Every access to a column of an alias makes a new proxy; the configuration behind it stays the same.
      this.#alias(table);
      this.step((column as unknown as { config: object }).config);
    } else this.step(column);
    return true;
  }

  table(table: Table): true {
    if (isAlias(table)) {
      this.#alias(table);
      this.step((table as unknown as TableInternals)[Symbols.ExtraConfigColumns]);
    } else this.step(table);
    return true;
  }

  #alias(table: Table): void {
    this.step(ALIAS);
    this.step((table as unknown as TableInternals)[Symbols.Name]);
  }
}

const { Symbol: Symbols } = Table as unknown as {
  Symbol: Record<'IsAlias' | 'Name' | 'ExtraConfigColumns', symbol>;
};
type TableInternals = Record<symbol, unknown>;

function isAlias(table: Table): boolean {
  return (table as unknown as TableInternals)[Symbols.IsAlias] === true;
}
