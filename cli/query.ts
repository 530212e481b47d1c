import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import type { Value } from '../src/engine/values.ts';
import { paramsFromJson } from '../src/server/json.ts';
import { parseExact } from '../src/sql/json.ts';
import { hex } from '../src/sql/literal.ts';
import { clientOf, jsonOf, type RemoteOptions, remote } from './remote.ts';
import type { Output } from './run.ts';

/** `dosql query <url> <sql>`: one statement, its rows as a table or as the server's JSON. */
export function queryCommand(output: Output): Command {
  return remote(new Command('query'))
    .description('run one statement')
    .argument('<url>', 'address of the database')
    .argument('<sql>', 'the statement; `-` reads it from standard input')
    .option('--params <json>', 'values for its parameters: a JSON array, or an object by name', json)
    .action(async (url: string, sql: string, options: RemoteOptions & { params?: unknown }) => {
      const text = sql === '-' ? readFileSync(0, 'utf8') : sql;
      const client = clientOf(url, options);
      if (options.json) {
        const body = JSON.stringify({ sql: text, params: options.params });
        const answer = await jsonOf(client, 'query', 'rows', { method: 'POST', body });
        output.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
        return;
      }
      const { columns, rows, changes } = await client.run<Value[]>(text, paramsFromJson(options.params), {
        rows: 'values',
      });
      if (columns.length > 0) {
        const table = new Table({ head: columns, style: { head: [], border: [] } });
        for (const row of rows) table.push(row.map(cell));
        output.stdout.write(`${table.toString()}\n`);
      }
      output.stdout.write(columns.length > 0 ? `${rows.length} row(s)\n` : `${changes} row(s) changed\n`);
    });
}

/** What a terminal could take for a command is shown as an escape. */
function cell(value: Value): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `x'${hex(value)}'`;
  return `${value}`.replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${hex(Uint8Array.of(c.charCodeAt(0)))}`);
}

function json(text: string): unknown {
  try {
    // What a number cannot hold goes as the server's exact form.
    const value = parseExact(text, (digits) => ({ $int: digits }));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('It must be a JSON array or object.');
}
