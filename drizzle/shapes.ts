import { Column, Name, noopDecoder, Param, Placeholder, SQL, StringChunk, Table } from 'drizzle-orm';
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
const OBJECT = Symbol('object');
const EXPRESSION = Symbol('expression');
const NAME = Symbol('name');
const ALIAS = Symbol('alias');
const END = Symbol('end');
const JOIN_PARTS = ['joinType', 'table', 'alias', 'on'];

/** Decoders that stay the same between queries. A closure made for each query would make each a shape of its own. */
const PLAIN = new Set<unknown>([noopDecoder.mapFromDriverValue, Number, String, Boolean, BigInt]);

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

  /** The named parts of a configuration, which are to be given in the order of the SQL text. */
  parts(config: object, keys: readonly string[]): boolean {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const part = (config as Record<string, unknown>)[key];
      if (part === undefined) continue;
      this.step(key);
      let ok: boolean;
      // The only number that drizzle binds; zero has no text.
      if (key === 'offset' && typeof part === 'number' && part) ok = this.value(part);
      else ok = key === 'joins' && Array.isArray(part) ? this.#list(part, this.#join) : this.part(part);
      if (!ok) return false;
    }
    return true;
  }

  /** The table may be SQL with parameters, which stand before those of the condition. */
  #join(join: unknown): boolean {
    return this.parts(join as object, JOIN_PARTS);
  }

  /** Any part of a configuration: what is not SQL is text. */
  part(part: unknown): boolean {
    if (typeof part !== 'object' || part === null) {
      this.step(part);
      return typeof part !== 'function';
    }
    const kind = part.constructor;
    if (kind === Param) return this.chunk(part);
    if (kind === SQL) return this.#expression(part as SQL);
    if (Array.isArray(part)) return this.#list(part, this.part);
    if (part instanceof Column || part instanceof Table) return this.chunk(part);
    if (part instanceof SQL.Aliased) {
      this.step(NAME);
      this.step(part.fieldAlias);
      this.step((part as unknown as { isSelectionField: boolean }).isSelectionField);
      return this.#expression(part.sql);
    }
    if (part instanceof SQL) return this.#expression(part);
    if (Object.getPrototypeOf(part) !== Object.prototype) return this.chunk(part);
    this.step(OBJECT);
    const ok = this.parts(part, Object.keys(part));
    this.step(END);
    return ok;
  }

  /** An expression and its decoder, which belongs to the shape because the mapper is kept with it. */
  #expression(sql: SQL): boolean {
    const { decoder } = sql as unknown as { decoder: { mapFromDriverValue: unknown } };
    this.step(EXPRESSION);
    if (decoder instanceof Column) this.#column(decoder);
    else if (PLAIN.has(decoder.mapFromDriverValue)) this.step(decoder.mapFromDriverValue);
    else return false;
    const ok = this.chunk(sql);
    this.step(END);
    return ok;
  }

  /** A piece of SQL, of any kind that drizzle's `sql` template takes. */
  chunk(chunk: unknown): boolean {
    if (typeof chunk !== 'object' || chunk === null) {
      return chunk === undefined || (typeof chunk !== 'function' && this.value(chunk));
    }
    // By constructor first: `instanceof` climbs the whole chain of a column to say no.
    const kind = chunk.constructor;
    if (kind === StringChunk) {
      const { value } = chunk as StringChunk;
      for (let i = 0; i < value.length; i++) if (value[i] !== '') this.step(value[i]);
      return true;
    }
    if (kind === Param) {
      const { value, encoder } = chunk as Param;
      if (value === null) return this.value(null);
      if (value instanceof Placeholder) return false;
      const encoded = encoder.mapToDriverValue(value);
      return !(encoded instanceof SQL) && this.value(encoded);
    }
    if (kind === SQL || chunk instanceof SQL) {
      const { queryChunks, shouldInlineParams } = chunk as unknown as {
        queryChunks: unknown[];
        shouldInlineParams: boolean;
      };
      if (shouldInlineParams) return false;
      for (let i = 0; i < queryChunks.length; i++) if (!this.chunk(queryChunks[i])) return false;
      return true;
    }
    if (chunk instanceof Column) return this.#column(chunk);
    if (Array.isArray(chunk)) return this.#list(chunk, this.chunk);
    if (chunk instanceof Table) return this.#named(chunk, chunk, Symbols.ExtraConfigColumns);
    if (chunk instanceof SQL.Aliased || chunk instanceof Name) {
      this.step(NAME);
      this.step(chunk instanceof Name ? chunk.value : chunk.fieldAlias);
      return true;
    }
    return (chunk instanceof Date || chunk instanceof Uint8Array) && this.value(chunk);
  }

  #list(list: readonly unknown[], walk: (this: Walk, element: unknown) => boolean): boolean {
    if (list.length > MAX_LIST) return false;
    this.step(LIST);
    for (const element of list) {
      if (!walk.call(this, element)) return false;
      this.step(END);
    }
    this.step(END);
    return true;
  }

  #column(column: Column): true {
    return this.#named(column, column.table, 'config');
  }

  /** A table or column itself; of an alias, where every access makes a new proxy, its name and what is behind it. */
  #named(thing: object, table: Table, behind: string | symbol): true {
    if ((table as unknown as Internals)[Symbols.IsAlias] === true) {
      this.step(ALIAS);
      this.step((table as unknown as Internals)[Symbols.Name]);
      this.step((thing as Internals)[behind]);
    } else this.step(thing);
    return true;
  }
}

const { Symbol: Symbols } = Table as unknown as {
  Symbol: Record<'IsAlias' | 'Name' | 'ExtraConfigColumns', symbol>;
};
type Internals = Record<string | symbol, unknown>;
