import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { Statement } from '../src/trace.ts';

export const dim = (text: string) => styleText('dim', text);
export const bold = (text: string) => styleText('bold', text);
const number = (value: number) => value.toLocaleString('en');

export function heading(text: string): void {
  console.log(`\n${bold(text)}`);
}

/** One line with a tick or a cross. */
export function verdict(ok: boolean, text: string): void {
  console.log(ok ? `${styleText('green', '✓')} ${text}` : `${styleText('red', '✗')} ${text}`);
}

/** Rows as a table; an array inside a row is a table in its cell. */
export function rowsTable(rows: readonly unknown[]): string {
  const first = rows[0];
  if (typeof first !== 'object' || first === null) return dim('(no rows)');
  const columns = Object.keys(first);
  const table = new Table({ head: columns.map(bold), style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push(columns.map((column) => cell((row as Record<string, unknown>)[column])));
  return table.toString();
}

function cell(value: unknown): string {
  if (Array.isArray(value)) return rowsTable(value);
  if (typeof value === 'number') return String(Number(value.toFixed(2)));
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}: ${cell(inner)}`)
    .join('\n');
}

/** The statements' text; a long one is cut. */
export function sqlText(statements: readonly Statement[]): string {
  return statements.map(({ sql }) => indent(sql.length > 600 ? `${sql.slice(0, 600)} …` : sql)).join('\n');
}

export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** `3 statements, 1,234 rows read, 0 written, 5.1 ms round trip`. */
export function costs(statements: readonly Statement[], ms: number): string {
  const sum = (of: (statement: Statement) => number) =>
    number(statements.reduce((total, next) => total + of(next), 0));
  const count = `${statements.length} statement${statements.length === 1 ? '' : 's'}`;
  return `${count}, ${sum((s) => s.rowsRead)} rows read, ${sum((s) => s.rowsWritten)} written, ${ms.toFixed(1)} ms round trip`;
}
