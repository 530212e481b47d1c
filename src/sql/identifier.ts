import { DosqlError } from '../errors/index.ts';

/** `name` as an identifier in SQL text, always in double quotes. Throws INVALID_IDENTIFIER for a NUL character, which would end the text for SQLite. */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) {
    throw new DosqlError('INVALID_IDENTIFIER', `A name cannot contain NUL: ${JSON.stringify(name)}.`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** `name` in backticks: SQLite takes an unknown name in double quotes for a string, where this is an error. */
export function quoteStrictly(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The name that an identifier token stands for: quotes of any of SQLite's four styles removed, case kept. */
export function unquoteIdentifier(text: string): string {
  // A bracket ends at the first `]`, so none is doubled.
  const quote = text.slice(-1);
  return /^["'`[]/.test(text) ? text.slice(1, -1).replaceAll(quote + quote, quote) : text;
}

/** Folds a name as SQLite compares names: ASCII letters only. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The folded name that token `i` stands for; '' behind the last one. */
export function nameAt(sql: string, tokens: Int32Array, i: number): string {
  return i < tokens.length ? foldName(unquoteIdentifier(sql.slice(tokens[i + 1], tokens[i + 2]))) : '';
}
