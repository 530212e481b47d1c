import type { SchemaElement, SchemaTree } from 'hyparquet';
import { hex } from '../../sql/literal.ts';

type Render = (value: unknown) => unknown;

/**
 * Makes what `JSON.stringify` takes of one nested value. To be asked for before anything is decoded: like
 * `columnsOf`, it puts the annotations of the schema where the library looks.
 */
export function renderer(
  node: SchemaTree,
  decoderOf: (element: SchemaElement) => Render | undefined,
): Render {
  const { element, children } = node;
  const kind = element.logical_type?.type;
  if (kind === 'VARIANT') return jsonable;
  if (kind === 'LIST' || kind === 'MAP') element.converted_type ??= kind;
  const render = children.length ? groupRenderer(node, decoderOf) : leafRenderer(element, decoderOf(element));
  const each: Render = (value) => (value == null ? null : render(value));
  return element.repetition_type === 'REPEATED' ? every(each) : each;
}

const every =
  (render: Render): Render =>
  (value) =>
    Array.isArray(value) ? value.map(render) : render(value);

function leafRenderer(element: SchemaElement, decode: Render | undefined): Render {
  if (element.converted_type === 'JSON') return (value) => parsed(value as string);
  return (value) => jsonable(decode ? decode(value) : value);
}

function groupRenderer(
  { element, children }: SchemaTree,
  decoderOf: (e: SchemaElement) => Render | undefined,
): Render {
  const [only] = children;
  if (element.converted_type === 'LIST' && children.length === 1 && only!.children.length < 2) {
    // The library drops the level between a list and its elements, where there is one.
    const inner = only!.children[0];
    return every(renderer(inner ?? only!, decoderOf));
  }
  const parts = children.map((child) => renderer(child, decoderOf));
  if (element.converted_type === 'MAP' && children.length === 1 && only!.children.length === 2) {
    const render = renderer(only!.children[1]!, decoderOf);
    return (value) => Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, render(v)]));
  }
  const names = children.map((child) => child.element.name);
  return (value) =>
    Object.fromEntries(names.map((name, i) => [name, parts[i]!((value as Record<string, unknown>)[name])]));
}

/** JSON inside JSON is no text but what it says. */
function parsed(text: string): unknown {
  try {
    JSON.parse(text);
    return raw(text.trim());
  } catch {
    return text;
  }
}

/** Text that becomes part of the JSON as it is: digits that a number would round. */
function raw(text: string): unknown {
  // rawJSON takes primitives only.
  if (/^[[{]/.test(text)) return JSON.parse(text);
  return JSON.rawJSON(text);
}

/** Any decoded value: BLOBs as hexadecimal digits, exact integers, infinities as numbers too large to hold. */
function jsonable(value: unknown): unknown {
  if (value == null) return null;
  if (typeof value === 'bigint') return raw(`${value}`);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return Number.isNaN(value) ? null : raw(value > 0 ? '9e999' : '-9e999');
  }
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(jsonable);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, jsonable(part)]));
  return value;
}
