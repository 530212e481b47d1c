import type { Engine } from '../engine/engine.ts';
import type { SqlValue } from '../sql/literal.ts';
import type { Aggregation } from './aggregate.ts';
import { Chunks } from './chunks.ts';
import type { Cell } from './provider.ts';

/** What partial rows may take before those of one group are made one. */
const MERGE_BYTES = 4_000_000;

/** A relation in front of a text: `WITH …`, and the values it binds behind the user's. */
export interface Front {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

/** Aggregates a relation batch by batch, so that only partial rows stay in memory. */
export class Stream {
  readonly rows: Chunks;

  constructor(
    readonly engine: Engine,
    readonly aggregation: Aggregation,
    exact: boolean,
    /** Puts chunks in front of a text under the name of the relation, or of the partial rows. */
    readonly front: (chunks: Chunks, name?: string) => Front,
  ) {
    this.rows = new Chunks(aggregation.columns, exact);
  }

  /** Takes a batch of the relation. True while the partial rows are few enough. */
  add(chunks: Chunks): boolean {
    this.#collect(this.aggregation.partial, this.front(chunks));
    if (this.rows.bytes > MERGE_BYTES)
      this.#collect(this.aggregation.merge, this.front(this.rows, '_dosql_p'));
    return this.rows.bytes <= MERGE_BYTES;
  }

  #collect(sql: string, { text, values }: Front): void {
    const { engine, rows } = this;
    const found = engine.all(engine.plan(text + sql), values as SqlValue[], 'bigint');
    rows.add(
      found.map((row) => {
        const types = row.pop() as string;
        return row.map((value, c) =>
          // 5.0 arrives as 5.
          types[c] === 'r' && Number.isSafeInteger(value) && !Object.is(value, -0)
            ? JSON.rawJSON(`${value}.0`)
            : value,
        ) as Cell[];
      }),
    );
  }
}
