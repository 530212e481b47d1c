import { quoteStrictly } from '../src/sql/identifier.ts';

/** What of drizzle-kit's description of a schema is read. */
export interface Described {
  readonly tables: Readonly<
    Record<string, { name: string; foreignKeys: Readonly<Record<string, ForeignKey>> }>
  >;
}

interface ForeignKey {
  readonly tableTo: string;
  readonly columnsFrom: readonly string[];
  readonly columnsTo: readonly string[];
  readonly onUpdate?: string;
  readonly onDelete?: string;
}

const ADDED = /^(ALTER TABLE `(.+?)` ADD `(.+?)` .*?)(?: REFERENCES [^()]+\([^()]+\))?$/s;

/**
 * Adds a column with the key that the schema says. drizzle-kit's push may give it that of another one or none, and never
 * writes its rules, nor quotes around the names.
 */
export function withRules(statements: readonly string[], { tables }: Described): string[] {
  return statements.map((text) => {
    const [, head, table, column] = ADDED.exec(text) ?? [];
    if (head === undefined) return text;
    const keys = Object.values(tables).find(({ name }) => name === table)?.foreignKeys ?? {};
    const key = Object.values(keys).find(
      ({ columnsFrom }) => columnsFrom.length === 1 && columnsFrom[0] === column,
    );
    if (!key) return head;
    const { tableTo, columnsTo, onUpdate = 'no action', onDelete = 'no action' } = key;
    return `${head} REFERENCES ${quoteStrictly(tableTo)}(${quoteStrictly(columnsTo[0]!)}) ON UPDATE ${onUpdate} ON DELETE ${onDelete}`;
  });
}
