import type { Scope } from '../engine/scope.ts';
import type { SqlValue } from '../sql/literal.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import type { RelationProvider } from './provider.ts';

/**
 * Says whether a reference of a new statement is a relation of this feature; `end` is where the reference ends, for a
 * call behind its parenthesis. Asked once per SQL text, for what is no common table expression and has no schema in
 * front. What it throws refuses the statement.
 */
export type Resolver = (reference: TableReference, statement: Statement, end: number) => Foreign | undefined;

/** A relation as a statement names it. References of one text (for `shadows`, of one name) are one relation. */
export interface Foreign {
  /**
   * The rows of `main.<name>` belong to the relation too and come first; columns have the table's names. With
   * `tier: 'hot'`, in views and as the target of INSERT it is the table alone.
   */
  readonly shadows?: boolean;
  /**
   * The relation for one execution; undefined: leave the reference as it is. With `shadows` the same answer must come
   * again, without a promise, in the synchronous turn in which the statement runs; else it is loaded anew.
   */
  open(context: OpenContext): Opened | undefined | Promise<Opened | undefined>;
}

export interface OpenContext {
  /** The user's values, in binding order. */
  readonly values: readonly SqlValue[];
  /** Nothing but the plan is wanted. */
  readonly explain: boolean;
  /** Whose statement it is. What is open outside of a transaction makes no progress before the transaction has ended. */
  readonly scope: Scope;
}

/** A relation that is being read for one execution. */
export interface Opened {
  readonly provider: RelationProvider;
  /** Most rows and bytes of text that it may bring; defaults 250,000 and 16 MB. */
  readonly maxRows?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** False when the rows have moved since: asked in the synchronous turn in which the statement runs. */
  valid?(): boolean;
  /**
   * For UPDATE and DELETE of a shadowed table: puts the foreign rows that the statement may change into the table, in
   * the transaction of the statement, right before it. The statement then runs on the table alone; when it also reads
   * the table, every foreign row matches.
   */
  rehydrate?(matching: Matching): void;
}

/**
 * Runs `<head> FROM <foreign rows that meet the statement's WHERE> <tail>` with all columns of the provider:
 * `matching('INSERT INTO main."t"("a","b") SELECT "a","b"')`. Rows as arrays, integers beyond ±(2^53-1) as bigint.
 */
export type Matching = (head: string, tail?: string) => unknown[][];
