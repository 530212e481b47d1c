import { quoteIdentifier } from '../../sql/identifier.ts';
import { type Cell, cellLiteral } from './cell.ts';

/** workerd: a statement has at most 100,000 bytes, and a code unit takes up to three. */
export const STATEMENT_CHARS = 30_000;

/** INSERT statements of many rows each, every value exact. A row that is too large for one stands alone. */
export class InsertWriter {
  readonly #head: string;

  constructor(table: string, columns: readonly string[], verb = 'INSERT INTO') {
    this.#head = `${verb} ${quoteIdentifier(table)}(${columns.map(quoteIdentifier).join(',')}) VALUES`;
  }

  *write(rows: Iterable<readonly Cell[]>): Generator<string> {
    let parts: string[] = [];
    let size = 0;
    for (const row of rows) {
      const text = `(${row.map(cellLiteral).join(',')})`;
      if (parts.length > 0 && size + text.length > STATEMENT_CHARS) {
        yield this.#head + parts.join(',');
        parts = [];
        size = 0;
      }
      parts.push(text);
      size += text.length + 1;
    }
    if (parts.length > 0) yield this.#head + parts.join(',');
  }
}
