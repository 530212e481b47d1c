import { drain } from '../src/engine/cursor.ts';
import type { Engine } from '../src/engine/engine.ts';
import { FOREIGN_KEYS } from '../src/engine/pragmas.ts';
import { unquoteIdentifier } from '../src/sql/identifier.ts';
import { isName } from '../src/sql/token.ts';
import { tokenize } from '../src/sql/tokenizer.ts';

/** Name in lower case → names whose contents, once changed, may change its own. */
export type Influences = ReadonlyMap<string, ReadonlySet<string>>;

const OBJECTS = "SELECT type,tbl_name,sql FROM sqlite_master WHERE type IN('view','trigger')";
const CASCADES = `SELECT m.name,f."table" FROM ${FOREIGN_KEYS} AND NOT(f.on_update IN('NO ACTION','RESTRICT') AND f.on_delete IN('NO ACTION','RESTRICT'))`;

/**
 * What the schema says of one table changing with another: a view with what it reads, a table with the tables whose
 * triggers write it or whose foreign keys cascade into it. Every name in the text of a view or trigger counts: too
 * many influences only cost a reading.
 */
export function influencesOf(engine: Engine): Influences {
  const influences = new Map<string, Set<string>>();
  const add = (on: string, from: string) => {
    const known = influences.get(on);
    if (known) known.add(from);
    else influences.set(on, new Set([from]));
  };
  for (const [type, table, sql] of drain(engine.sql.exec(OBJECTS)) as [string, string, string][]) {
    const name = table.toLowerCase();
    for (const other of namesIn(sql)) {
      if (type === 'view') add(name, other);
      else add(other, name);
    }
  }
  for (const [child, parent] of drain(engine.sql.exec(CASCADES)) as [string, string][])
    add(child.toLowerCase(), parent.toLowerCase());
  return influences;
}

/** The names themselves and everything that influences them, directly or through others. */
export function reachOf(influences: Influences, names: Iterable<string>): ReadonlySet<string> {
  const reach = new Set(names);
  // A set yields what is added while it is walked.
  for (const name of reach) for (const other of influences.get(name) ?? []) reach.add(other);
  return reach;
}

function namesIn(sql: string): Set<string> {
  const names = new Set<string>();
  const tokens = tokenize(sql);
  for (let i = 0; i < tokens.length; i += 3) {
    if (isName(tokens[i]!))
      names.add(unquoteIdentifier(sql.slice(tokens[i + 1], tokens[i + 2])).toLowerCase());
  }
  return names;
}
