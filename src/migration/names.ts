import { drain } from '../engine/cursor.ts';
import type { Plan } from '../engine/plan.ts';
import { analyze } from '../sql/analyze.ts';
import { foldName, unquoteIdentifier } from '../sql/identifier.ts';
import { splitStatements } from '../sql/split.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

/** What `ALTER TABLE … RENAME TO` gives a table as its new name, folded. */
export function renamedTo(plan: Plan): string | undefined {
  return lastName(plan, 'ALTER', /^alter table .+ rename to (.+)$/is);
}

/** The table or view that the statement drops. */
export function droppedTable({ statement: { verb, tables } }: Plan): string | undefined {
  return verb === 'DROP' ? tables[0]?.name : undefined;
}

/** The trigger that the statement drops, folded. */
export function droppedTrigger(plan: Plan): string | undefined {
  return lastName(plan, 'DROP', /^drop trigger (?:if exists )?(?:.+ \. )?(.+)$/is);
}

function lastName({ sql, statement }: Plan, verb: string, pattern: RegExp): string | undefined {
  if (statement.verb !== verb) return undefined;
  const t = tokenize(sql);
  const words: string[] = [];
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] !== Token.SEMICOLON) words.push(sql.slice(t[i + 1], t[i + 2]));
  }
  const name = pattern.exec(words.join(' '))?.[1];
  return name && foldName(unquoteIdentifier(name));
}

/** The first view or trigger whose body names a table. */
export function mentioning(sql: SqlStorage, table: string): string | undefined {
  const folded = foldName(table);
  const stored = drain(sql.exec("SELECT name,sql FROM sqlite_master WHERE type IN ('view','trigger')"));
  return (stored as string[][]).find(([, text = '']) => {
    const t = tokenize(text);
    let i = 3;
    const opening = t[i] === Token.VIEW ? Token.AS : Token.BEGIN;
    while (i < t.length && t[i] !== opening) i += 3;
    const body = text.slice(t[i + 2]);
    return splitStatements(body).some(({ start, end }) =>
      analyze(body.slice(start, end)).tables.some(({ name, cte }) => !cte && foldName(name) === folded),
    );
  })?.[0];
}
