/** What a statement does, as far as its text can tell. */
export type StatementKind = 'read' | 'write' | 'ddl' | 'pragma' | 'transaction' | 'other';

/** One place where a statement names a table. Offsets are UTF-16 code units into the analysed text. */
export interface TableReference {
  /** Unquoted name as written (case kept). */
  readonly name: string;
  /** Unquoted schema qualifier, when written. */
  readonly schema?: string;
  /** Unquoted alias, when written. */
  readonly alias?: string;
  /** Span of `schema.name` (without alias). */
  readonly start: number;
  readonly end: number;
  /** `read`: FROM, JOIN, IN table; `write`: the target of INSERT, UPDATE, DELETE, or of DDL. */
  readonly role: 'read' | 'write';
  /** The name resolves to a common table expression in scope, not to a table of the database. */
  readonly cte: boolean;
  /** Written as a 'string' (legal in SQLite; how `FROM 'https://…'` is recognised). */
  readonly string: boolean;
  /** Table-valued function call: `json_each(…)`, `pragma_table_info(…)`. */
  readonly call: boolean;
}

/** One parameter token. */
export interface ParameterToken {
  readonly start: number;
  readonly end: number;
  /** Binding position, 1-based, numbered as SQLite numbers it. */
  readonly index: number;
  /** Name with its prefix character (`:id`, `@id`, `$id`); absent for `?` and `?N`. */
  readonly name?: string;
}

/** The analysis of one statement. Immutable, cached per SQL text. */
export interface Statement {
  /** The analysed text, exactly as given. */
  readonly sql: string;
  readonly kind: StatementKind;
  /** First keyword, upper case (`SELECT`, `WITH` resolves to its main verb: `SELECT`, `INSERT`, …); '' when empty. */
  readonly verb: string;
  readonly tables: readonly TableReference[];
  /** Read from the text anew at each access. */
  readonly parameters: readonly ParameterToken[];
  /** Number of values SQLite expects (the largest binding index). */
  readonly parameterCount: number;
  /** Has RETURNING at statement level. */
  readonly returning: boolean;
  /** Contains `OR REPLACE` or is `REPLACE INTO`. */
  readonly replace: boolean;
  /** Contains `OR ROLLBACK`, `ON CONFLICT ROLLBACK` or `RAISE(ROLLBACK`: resets the object when it fires. */
  readonly rollbackConflict: boolean;
  /** Largest number of terms in one compound SELECT (1 when there is none; multi-row VALUES counts as one term). */
  readonly compoundTerms: number;
  /** Pragma name, lower case, and whether it is assigned (`=` or call form with an argument), for kind `pragma`. */
  readonly pragma?: { readonly name: string; readonly assigns: boolean };
}
