import { DosqlError } from '../errors/index.ts';
import { foldName, nameAt } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import type { Tokens } from '../sql/tokenizer.ts';
import type { TableReference } from '../sql/types.ts';
import type { TrackedTable } from '../wal/table.ts';

/** A term of a SELECT in parentheses, what is around it, and what it reads. */
interface Scope {
  readonly parent: Scope | undefined;
  readonly past: (readonly [TableReference, TrackedTable])[];
  readonly present: TableReference[];
}

const ROWID = new Set(['rowid', '_rowid_', 'oid']);

/** Behind them a name is an alias, or not the first part of a name. */
const ENDS = new Set([Token.DOT, Token.AS, Token.RIGHT_PAREN, Token.NAME, Token.NUMBER, Token.STRING]);

/**
 * A past table has no rowid and is in no schema. In a SELECT inside another one SQLite would look for such a name further
 * out, and find that of a present table. `sql`, whose tokens are `t`, has blanks for its clauses.
 * @throws NO_SUCH_COLUMN
 */
export function checkScopes(
  sql: string,
  t: Tokens,
  text: string,
  tables: readonly TableReference[],
  pastOf: ReadonlyMap<TableReference, TrackedTable>,
): void {
  const scope = (parent: Scope | undefined): Scope => ({ parent, past: [], present: [] });
  const open = [scope(undefined)];
  const names: { scope: Scope; name: string; table?: string }[] = [];
  const readers = new Map(tables.map((reference) => [reference.start, reference]));
  for (let i = 0; i < t.length; i += 3) {
    const kind = t[i]!;
    const top = open.at(-1)!;
    const reference = readers.get(t[i + 1]!);
    if (reference) {
      const past = pastOf.get(reference);
      // The columns of a table behind IN have no names there.
      if (t[i - 3] === Token.IN) continue;
      if (past) top.past.push([reference, past]);
      else if (!reference.cte && !reference.call) top.present.push(reference);
      while (t[i + 2]! < reference.end) i += 3;
    } else if (kind === Token.LEFT_PAREN) {
      const inner = t[i + 3];
      const select = inner === Token.SELECT || inner === Token.VALUES || inner === Token.WITH;
      open.push(select ? scope(top) : top);
    } else if (kind === Token.RIGHT_PAREN) {
      if (open.length > 1) open.pop();
    } else if (kind === Token.UNION || kind === Token.EXCEPT || kind === Token.INTERSECT) {
      open[open.length - 1] = scope(top.parent);
    } else if (isName(kind) && !ENDS.has(t[i - 3]!) && t[i - 6] !== Token.DOT) {
      if (t[i + 3] !== Token.DOT) {
        const name = nameAt(sql, t, i);
        if (ROWID.has(name)) names.push({ scope: top, name });
      } else if (t[i + 9] === Token.DOT)
        names.push({ scope: top, name: nameAt(sql, t, i + 12), table: nameAt(sql, t, i + 6) });
    }
  }
  for (const { scope, name, table } of names) {
    const named = ({ name, alias }: TableReference) => !table || (!alias && foldName(name) === table);
    // At the outermost SELECT there is nothing further out: SQLite says so itself.
    for (let at = scope; at.parent; at = at.parent) {
      const past = at.past.filter(([reference]) => named(reference));
      const isColumn = past.some(([, { columns }]) =>
        columns.some((column) => foldName(column.name) === name),
      );
      if (at.present.some(named) || (!table && isColumn)) break;
      const found = past.find(([, { collations }]) => table || !collations);
      if (!found) continue;
      const what = table ? `main.${table}.${name}` : name;
      throw new DosqlError(
        'NO_SUCH_COLUMN',
        `The past of ${found[0].name} has no ${what}: write ${table ? 'it without the schema' : 'which table it is of'}.`,
        { statement: text, table: found[0].name, columns: [what] },
      );
    }
  }
}
