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

const ADDED = /^(ALTER TABLE `(.+?)` ADD `(.+?)` .*) REFERENCES .+\(.+\)$/s;

/** drizzle-kit says neither the rules of a key whose column it adds, nor the names it refers to in quotes. */
export function withRules(statements: readonly string[], { tables }: Described): string[] {
  return statements.map((text) => {
    const [, head, table, column] = ADDED.exec(text) ?? [];
    const keys = Object.values(tables).find(({ name }) => name === table)?.foreignKeys ?? {};
    const key = Object.values(keys).find(({ columnsFrom }) => String(columnsFrom) === column);
    if (!key) return text;
    const { tableTo, columnsTo, onUpdate = 'no action', onDelete = 'no action' } = key;
    return `${head} REFERENCES ${quoteStrictly(tableTo)}(${quoteStrictly(columnsTo[0]!)}) ON UPDATE ${onUpdate} ON DELETE ${onDelete}`;
  });
}
