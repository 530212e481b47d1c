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
    let text = '';
    for (const row of rows) {
      let values = '';
      for (let i = 0; i < row.length; i++) values += (i ? ',' : '') + cellLiteral(row[i]!);
      if (text && text.length + values.length > STATEMENT_CHARS) {
        yield this.#head + text;
        text = '';
      }
      text += `${text && ','}(${values})`;
    }
    if (text) yield this.#head + text;
  }
}
