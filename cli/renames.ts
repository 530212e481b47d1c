import { stripVTControlCharacters } from 'node:util';

/** A column that drizzle-kit was told to be another one's new name. */
interface Renamed {
  readonly table: string;
  readonly from: string;
  readonly to: string;
}

const COLUMN = /^~ (.+) › (.+) column will be renamed$/;
const TABLE = /^--- all columns conflicts in (.+) table resolved ---$/;

/** Reads the answers from what drizzle-kit printed: it returns them nowhere. */
export function renamesIn(printed: string): Renamed[] {
  const found: Renamed[] = [];
  let open: Omit<Renamed, 'table'>[] = [];
  for (const line of stripVTControlCharacters(printed).split('\n')) {
    const [, from, to] = COLUMN.exec(line.trim()) ?? [];
    if (from !== undefined && to !== undefined) open.push({ from, to });
    const table = TABLE.exec(line.trim())?.[1];
    if (table === undefined) continue;
    found.push(...open.map((names) => ({ table, ...names })));
    open = [];
  }
  return found;
}

/**
 * drizzle-kit forgets the new name of a column when its `push` makes the table anew: the values would go with the old
 * name, and all rows where the column is NOT NULL.
 */
export function withRenames(
  { statements, warnings }: { statements: readonly string[]; warnings: readonly string[] },
  renames: readonly Renamed[],
): { statements: string[]; warnings: string[] } {
  const fixed = [...statements];
  const kept = new Set<string>();
  let left = [...warnings];
  for (const { table, from, to } of renames) {
    const rename = `ALTER TABLE \`${table}\` RENAME COLUMN "${from}" TO "${to}"`;
    const create = fixed.findIndex((text) => text.startsWith(`CREATE TABLE \`__new_${table}\` `));
    if (create < 0 || fixed.includes(rename)) continue;
    const insert = `INSERT INTO \`__new_${table}\`(`;
    if (!fixed.some((text) => text.startsWith(insert))) {
      // Where a column is new and NOT NULL, it fails, and no row is lost.
      const columns = [...fixed[create]!.matchAll(/^\t`(.+?)` /gm)].map(([, name]) => `"${name}"`).join(', ');
      fixed.splice(create + 1, 0, `${insert}${columns}) SELECT ${columns} FROM \`${table}\``);
    }
    fixed.splice(create, 0, rename);
    kept.add(`DELETE FROM \`${table}\``);
    left = left.filter(
      (text) =>
        !text.includes(` delete ${from} column in ${table} table `) &&
        !text.includes(` add not-null ${to} column without default value to table`),
    );
  }
  return { statements: fixed.filter((text) => !kept.has(text)), warnings: left };
}
