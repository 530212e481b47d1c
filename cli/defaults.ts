import { REBUILD } from './unchanged.ts';

const ADDED = /^ALTER TABLE `(.+?)` ADD `(.+?)` .*\bDEFAULT .* NOT NULL/s;
const WARNING = /add not-null (.+) column without default value/;

interface Said {
  statements: string[];
  warnings: string[];
}

/**
 * A default of 0 or false is none to drizzle-kit's push: where it adds such a column that is NOT NULL, it warns, and
 * deletes all rows. Where a column really has no default, all stays as it is.
 */
export function withDefaults({ statements, warnings }: Said): Said {
  const warned = warnings.flatMap((text) => WARNING.exec(text)?.[1] ?? []);
  /** Deletions of rows, and the columns they are for. */
  const spared = new Set<string>();
  const columns = new Set<string>();
  const spare = (deletion: string, column = '') => {
    if (!warned.includes(column)) return;
    spared.add(deletion);
    columns.add(column);
  };
  for (const text of statements) {
    const [, table, column] = ADDED.exec(text) ?? [];
    spare(`delete from ${table}`, column);
    const rebuilt = REBUILD.exec(text)?.[1];
    if (rebuilt === undefined) continue;
    for (const [, name] of text.matchAll(/^\t`(.+?)` .*\bDEFAULT .* NOT NULL/gm))
      spare(`DELETE FROM \`${rebuilt}\``, name);
  }
  // Columns of two tables may have one name, which is all that a warning says.
  const others = statements.some((text) => /^delete from /i.test(text) && !spared.has(text));
  if (others || spared.size === 0 || !warned.every((name) => columns.has(name)))
    return { statements, warnings };
  const fixed = statements.flatMap((text) => {
    if (spared.has(text)) return [];
    const table = REBUILD.exec(text)?.[1];
    if (table === undefined || !spared.has(`DELETE FROM \`${table}\``)) return [text];
    // It does not copy the rows that it has deleted.
    const list = [...text.matchAll(/^\t`(.+?)` /gm)].map(([, name]) => `"${name}"`).join(', ');
    const copy = `INSERT INTO \`__new_${table}\`(${list}) SELECT ${list} FROM \`${table}\``;
    return statements.some((other) => other.startsWith(`INSERT INTO \`__new_${table}\`(`))
      ? [text]
      : [text, copy];
  });
  return { statements: fixed, warnings: warnings.filter((text) => !WARNING.test(text)) };
}
