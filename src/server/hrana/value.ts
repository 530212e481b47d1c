import { encodeValue, type Params, type SqlValueInput } from '../../engine/values.ts';
import { DosqlError } from '../../errors/index.ts';
import { base64 } from '../../sql/base64.ts';
import type { Statement } from '../../sql/types.ts';
import { fromBase64, fromDecimal } from '../json.ts';
import type { Stmt, Value } from './proto.ts';

/** JSON has no text for these, yet every reader of JSON makes 1e999 infinite. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** `known`: the exact decimal where it is an integer, the number where it is a float. */
export function toHrana(value: unknown, known?: unknown): Value {
  switch (typeof value) {
    case 'string':
      return { type: 'text', value };
    case 'bigint':
      return { type: 'integer', value: `${value}` };
    case 'number':
      if (typeof known === 'string') return { type: 'integer', value: known };
      if (Number.isFinite(value) && !Object.is(value, -0)) return { type: 'float', value };
      return { type: 'float', value: rawJSON(value ? (value > 0 ? '1e999' : '-1e999') : '-0.0') };
    default:
      return value ? { type: 'blob', base64: base64(value as Uint8Array) } : { type: 'null' };
  }
}

function fromHrana(value: Value): SqlValueInput {
  switch (value?.type) {
    case 'null':
      return null;
    case 'integer':
      return fromDecimal(value.value);
    case 'float':
      if (typeof value.value === 'number') return value.value;
      break;
    case 'text':
      if (typeof value.value === 'string') return value.value;
      break;
    case 'blob':
      return fromBase64(value.base64);
  }
  throw new DosqlError('INVALID_PARAMETER', 'An argument is no value of Hrana.');
}

/** Values in binding order; what is given by name takes the place of what is given by position. @throws PARAMETER_COUNT */
export function paramsOf({ args, named_args }: Stmt, statement: Statement): Params {
  const lists = [args ?? [], named_args ?? []];
  if (!lists.every(Array.isArray) || !(named_args ?? []).every(Boolean))
    throw new DosqlError('INVALID_PARAMETER', 'Arguments are arrays.');
  const values: SqlValueInput[] = (args ?? []).map(fromHrana);
  for (const { name, value } of named_args ?? []) {
    const found = statement.parameters.filter(
      (parameter) =>
        parameter.name === name || parameter.name?.slice(1) === name || `?${parameter.index}` === name,
    );
    if (found.length === 0)
      throw new DosqlError(
        'PARAMETER_COUNT',
        'An argument is given for a name that the statement does not have.',
      );
    for (const { index } of found) values[index - 1] = encodeValue(fromHrana(value), name) as SqlValueInput;
  }
  for (let i = 0; i < Math.max(values.length, statement.parameterCount); i++) {
    if (values[i] === undefined || i >= statement.parameterCount)
      throw new DosqlError(
        'PARAMETER_COUNT',
        `The statement has ${statement.parameterCount} parameters; argument ${i + 1} is ${values[i] === undefined ? 'missing' : 'one too many'}.`,
      );
  }
  return values;
}
