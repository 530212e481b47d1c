import { DosqlError } from '../errors/index.ts';
import { unquoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ParameterToken } from '../sql/types.ts';
import type { ColumnType, Format, ReadOptions, SourceOptions } from './options.ts';

/** Table functions, by the format they read; undefined: what the file says. */
const FUNCTIONS: Readonly<Record<string, Format | 'auto'>> = {
  read_source: 'auto',
  read_parquet: 'parquet',
  parquet_scan: 'parquet',
  read_json: 'json',
  read_json_auto: 'json',
  read_ndjson: 'ndjson',
  read_ndjson_auto: 'ndjson',
  read_csv: 'csv',
  read_csv_auto: 'csv',
};

export function isReadFunction(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name.toLowerCase());
}

const FORMATS: Readonly<Record<string, Format>> = {
  parquet: 'parquet',
  csv: 'csv',
  json: 'json',
  array: 'json',
  unstructured: 'json',
  ndjson: 'ndjson',
  newline_delimited: 'ndjson',
  nd: 'ndjson',
};

/** A call as written; the values of parameters come with each execution. */
export interface Call {
  readonly name: string;
  readonly values: readonly (readonly [key: string, value: Given])[];
}

type Given = Plain | { readonly parameter: number };
type Plain = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/**
 * Reads `(…)` of a call: the address first, or a list of them, then options as `name = value`.
 * @param sql the text from the parenthesis on, `offset` its place in the statement
 * @throws INVALID_ARGUMENT
 */
export function parseCall(
  name: string,
  sql: string,
  offset: number,
  parameters: readonly ParameterToken[],
): Call {
  const tokens = tokenize(sql);
  const text = (i: number) => sql.slice(tokens[i + 1], tokens[i + 2]);
  const wrong = (i: number) =>
    new DosqlError(
      'INVALID_ARGUMENT',
      `${name}(…) cannot be read near ${JSON.stringify(text(i) || ')')}: it takes an address and options like name = value.`,
    );
  const values: [string, Given][] = [];
  let i = 3;
  const value = (): Given => {
    const kind = tokens[i]!;
    const word = text(i);
    if (kind === Token.STRING) return unquote(word);
    if (kind === Token.NUMBER) return Number(word);
    if (kind === Token.PARAMETER) {
      const at = offset + tokens[i + 1]!;
      return { parameter: parameters.find(({ start }) => start === at)!.index };
    }
    // SQLite's names in brackets are DuckDB's lists.
    if (kind === Token.NAME && word.startsWith('['))
      return [...word.matchAll(/'((?:[^']|'')*)'/g)].map(([, one]) => one!.replaceAll("''", "'"));
    if (/^(true|false)$/i.test(word)) return word.toLowerCase() === 'true';
    if (word.startsWith('{')) {
      const start = tokens[i + 1]!;
      while (i < tokens.length && text(i) !== '}') i += 3;
      return Object.fromEntries(
        [
          ...sql
            .slice(start, tokens[i + 2])
            .matchAll(/(?:'((?:[^']|'')*)'|"([^"]*)"|([\w$]+))\s*:\s*'([^']*)'/g),
        ].map(([, a, b, c, type]) => [a?.replaceAll("''", "'") ?? b ?? c!, type!]),
      );
    }
    throw wrong(i);
  };
  for (; tokens[i] !== Token.RIGHT_PAREN; ) {
    let key = values.length ? '' : 'url';
    if (key === '') {
      key = unquoteIdentifier(text(i)).toLowerCase();
      i += 3;
      while (tokens[i] !== undefined && /^(=|:=?|=>|>)$/.test(text(i))) i += 3;
    }
    values.push([key, value()]);
    i += 3;
    if (tokens[i] === Token.COMMA) i += 3;
    else if (tokens[i] !== Token.RIGHT_PAREN) throw wrong(i);
  }
  return { name, values };
}

const unquote = (text: string) => text.slice(1, -1).replaceAll("''", "'");

/** What a call reads, with the values of one execution. @throws INVALID_ARGUMENT */
export function optionsOf({ name, values }: Call, bound: readonly SqlValue[]): SourceOptions {
  const given: Record<string, unknown> = {};
  for (const [key, value] of values)
    given[key] =
      typeof value === 'object' && 'parameter' in value ? bound[(value.parameter as number) - 1] : value;
  const format = FUNCTIONS[name.toLowerCase()];
  if (format !== 'auto')
    given['format'] = given['format'] === undefined || given['format'] === 'auto' ? format : given['format'];
  return checkOptions(name, given);
}

type Check = (value: unknown) => unknown;
const text: Check = (value) => (typeof value === 'string' ? value : undefined);
const flag: Check = (value) =>
  typeof value === 'boolean' ? value : value === 1 || value === 0 ? value === 1 : undefined;

const CHECKS: Readonly<Record<keyof SourceOptions, Check>> = {
  url: (value) => (typeof value === 'string' || (isList(value) && value.length > 0) ? value : undefined),
  format: (value) =>
    typeof value === 'string' && Object.hasOwn(FORMATS, value) ? FORMATS[value] : undefined,
  columns: (value) => columnTypes(value),
  path: text,
  header: flag,
  delim: text,
  quote: text,
  nullstr: text,
  all_varchar: flag,
  hive_partitioning: flag,
  union_by_name: flag,
  filename: flag,
  epoch_ms: flag,
};

const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

/** DuckDB's other names for options. */
const ALIASES: Readonly<Record<string, keyof ReadOptions>> = {
  sep: 'delim',
  delimiter: 'delim',
  types: 'columns',
  null: 'nullstr',
};

/** Options as somebody wrote them, checked. @throws INVALID_ARGUMENT */
export function checkOptions(name: string, given: object): SourceOptions {
  const options: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const key = ALIASES[written] ?? written;
    const checked = Object.hasOwn(CHECKS, key) ? CHECKS[key as keyof SourceOptions](value) : undefined;
    if (checked === undefined)
      throw new DosqlError(
        'INVALID_ARGUMENT',
        Object.hasOwn(CHECKS, key)
          ? `${name}: the option ${written} cannot be ${JSON.stringify(value)}.`
          : `${name}: there is no option ${written}; there are ${Object.keys(CHECKS).slice(1).join(', ')}.`,
      );
    options[key] = checked;
  }
  if (options['url'] === undefined)
    throw new DosqlError('INVALID_ARGUMENT', `${name}: the address is missing.`);
  return options as unknown as SourceOptions;
}

/** DuckDB's and SQLite's names of types, in the order in which they are tried. */
const TYPES: readonly [RegExp, ColumnType][] = [
  [/^EPOCH_M?S$/, 'EPOCH_MS'],
  [/BOOL/, 'BOOLEAN'],
  [/^INTERVAL/, 'TEXT'],
  [/INT/, 'INTEGER'],
  [/CHAR|CLOB|TEXT|STRING|DATE|TIME|JSON|UUID|ENUM/, 'TEXT'],
  [/BLOB|BYTEA|BINARY/, 'BLOB'],
  [/REAL|FLOA|DOUB/, 'REAL'],
  [/DEC|NUM/, 'NUMERIC'],
];

function columnTypes(value: unknown): Record<string, ColumnType> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).map(([name, type]) => {
    const upper = String(type).toUpperCase();
    const known = TYPES.find(([pattern]) => pattern.test(upper))?.[1];
    if (!known)
      throw new DosqlError(
        'INVALID_ARGUMENT',
        `Column ${name} cannot have the type ${JSON.stringify(type)}.`,
      );
    return [name, upper === 'EPOCH_S' ? 'EPOCH_S' : known] as const;
  });
  return entries.length ? Object.fromEntries(entries) : undefined;
}
