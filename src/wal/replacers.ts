import { foldName, nameAt } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

/** A trigger, by its table and text. */
export type Trigger = readonly [table: string, sql: string];

/**
 * What may make a trigger run a REPLACE on one of these tables, directly or through other triggers and cascading keys
 * (`[parent, child]`): `insert name`, `update name`, `delete name`, folded.
 */
export function replacersOf(
  triggers: readonly Trigger[],
  keys: () => readonly (readonly string[])[],
  tracked: (name: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>();
  const edges: [from: string, to: string][] = [];
  for (const [table, sql] of triggers) {
    const { event, writes } = writesOf(sql);
    const from = `${event} ${foldName(table)}`;
    for (const [to, name, replaces] of writes) {
      edges.push([from, `${to} ${name}`]);
      if (!replaces) continue;
      edges.push([from, `delete ${name}`]);
      if (tracked(name)) found.add(from);
    }
  }
  if (found.size === 0) return found;
  for (const [parent, child] of keys())
    for (const to of ['update', 'delete']) {
      edges.push([`delete ${foldName(parent!)}`, `${to} ${foldName(child!)}`]);
      edges.push([`update ${foldName(parent!)}`, `${to} ${foldName(child!)}`]);
    }
  // A set yields what is added while it is walked.
  for (const to of found) for (const edge of edges) if (edge[1] === to) found.add(edge[0]);
  return found;
}

const VERBS = new Map<number, string>([
  [Token.INSERT, 'insert'],
  [Token.REPLACE, 'insert'],
  [Token.UPDATE, 'update'],
  [Token.DELETE, 'delete'],
]);

/** What a trigger stands behind, and what it writes. */
function writesOf(sql: string) {
  const t = tokenize(sql);
  let event = '';
  let body = false;
  let name = '';
  const writes: [verb: string, name: string, replaces: boolean][] = [];
  for (let i = 0; i < t.length; i += 3) {
    const verb = VERBS.get(t[i]!);
    if (!body) {
      event ||= verb ?? '';
      body = event !== '' && t[i] === Token.BEGIN;
      continue;
    }
    // replace(…) is a function.
    if (!verb || (t[i] === Token.REPLACE && t[i + 3] !== Token.INTO)) continue;
    let replaces = t[i] === Token.REPLACE;
    if (t[i + 3] === Token.OR) {
      i += 6;
      replaces = t[i] === Token.REPLACE;
    }
    i += 3;
    if (t[i] === Token.INTO || t[i] === Token.FROM) i += 3;
    // ON CONFLICT … DO UPDATE SET means the table of the INSERT.
    if (isName(t[i] ?? 0)) name = nameAt(sql, t, i);
    writes.push([verb, name, replaces]);
  }
  return { event, writes };
}
