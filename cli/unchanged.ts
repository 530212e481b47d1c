/** A row of sqlite_master. */
export interface Present {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

export const REBUILD = /^CREATE TABLE `__new_(.+?)` /;
const INDEX = /^CREATE (?:UNIQUE )?INDEX `(.+?)` ON `(.+?)` \(/;
const LIST = /^(`.*?`)(\)(?: WHERE .*)?)$/s;

const GENERATED = /^ALTER TABLE `(.+?)` ADD (`(.+?)` .*\bGENERATED ALWAYS AS .*)$/s;

/** The key of a column, declared beside it. */
const INLINE = /^(`(.+?)` .*) REFERENCES (.+?)\s*\((.+?)\)(.*)$/s;

/** Texts, names, and what stands between them. */
const PIECE = /'(?:[^']|'')*'|`[^`]*`|[(),]|[^'`(),]+/g;

/**
 * What a table declares, in an order of its own: a new column stands behind the constraints, and a rename has quoted
 * names in another way.
 */
function declared(create = ''): string {
  const body = create.replace(/^CREATE TABLE (`[^`]*`|"(?:[^"]|"")*")\s*/i, '').replaceAll('"', '`');
  const parts = [''];
  let depth = 0;
  for (const [piece] of body.matchAll(PIECE)) {
    if (piece === '(') depth++;
    if (piece === ')') depth--;
    if (piece === ',' && depth === 1) parts.push('');
    else if (depth > 1 || !/^[()]$/.test(piece) || (piece === ')' && depth === 1))
      parts[parts.length - 1] += piece;
  }
  return parts
    .flatMap((part) => {
      const text = part.trim();
      const [, column, name, table, to, rules] = INLINE.exec(text) ?? [];
      if (column === undefined) return text;
      const quoted = (id = '') => `\`${id.replaceAll('`', '')}\``;
      const key = `FOREIGN KEY (${quoted(name)}) REFERENCES ${quoted(table)}(${quoted(to)})`;
      return [column, `${key}${rules || ' ON UPDATE no action ON DELETE no action'}`];
    })
    .sort()
    .join(',\n');
}

/** Each once: drizzle-kit makes the indexes of a rebuilt table several times, and only the last ones stay. */
export function withoutRepeated(statements: readonly string[]): string[] {
  return statements.filter((text, i) =>
    INDEX.test(text) ? statements.lastIndexOf(text) === i : statements.indexOf(text) === i,
  );
}

/** Behind a rebuilt table drizzle-kit quotes an expression of an index as if it were a column's name. */
export function expressionsOf(statements: readonly string[]): string[] {
  return statements.map((text) => {
    const [head, , table] = INDEX.exec(text) ?? [''];
    const [, list, end] = LIST.exec(text.slice(head.length)) ?? [];
    const create = statements.find((other) => other.startsWith(`CREATE TABLE \`__new_${table}\` `));
    if (list === undefined || create === undefined) return text;
    const parts = list.slice(1, -1).split('`,`');
    const isColumn = (part: string) => create.includes(`\n\t\`${part}\` `);
    return `${head}${parts.map((part) => (isColumn(part) ? `\`${part}\`` : part)).join(',')}${end}`;
  });
}

/**
 * The plan without what would make a table or an index as it is: drizzle-kit does not read conditions and expressions of
 * indexes, nor all names of keys and calls in generated columns, and takes what has some for changed each time.
 */
export function withoutUnchanged(statements: readonly string[], present: readonly Present[]): string[] {
  const drop = new Set<string>();
  const rebuilt = new Set<string>();
  // A rename has quoted names in another way.
  const plain = (text: string | null) => (text ?? '').replaceAll('"', '`');
  const texts = (table: string, all: readonly string[]) =>
    all
      .map(plain)
      .filter((text) => INDEX.exec(text)?.[2] === table)
      .sort()
      .join(';');
  const now = present.map(({ sql }) => plain(sql));
  for (const text of statements) {
    const table = REBUILD.exec(text)?.[1];
    if (table === undefined) continue;
    const fresh = text
      .replaceAll(`\`__new_${table}\``, `\`${table}\``)
      .replaceAll(`"__new_${table}"`, `"${table}"`);
    const old = present.find(({ type, name }) => type === 'table' && name === table)?.sql;
    const altered = statements.some((other) => other.startsWith(`ALTER TABLE \`${table}\` `));
    // An index that is to go, goes with the old table only.
    if (altered || declared(old) !== declared(fresh) || texts(table, now) !== texts(table, statements)) {
      rebuilt.add(table);
      continue;
    }
    drop
      .add(text)
      .add(`DROP TABLE \`${table}\``)
      .add(`ALTER TABLE \`__new_${table}\` RENAME TO \`${table}\``);
    for (const other of statements) if (other.startsWith(`INSERT INTO \`__new_${table}\``)) drop.add(other);
  }
  for (const text of statements) {
    const [, name, table] = INDEX.exec(text) ?? [];
    if (name === undefined || rebuilt.has(table!) || !now.includes(plain(text))) continue;
    drop.add(text).add(`DROP INDEX \`${name}\``);
  }
  for (const text of statements) {
    const [, table, column, name] = GENERATED.exec(text) ?? [];
    const create = present.find((other) => other.type === 'table' && other.name === table)?.sql;
    if (column && declared(create).split(',\n').includes(column.replaceAll('"', '`')))
      drop.add(text).add(`ALTER TABLE \`${table}\` DROP COLUMN \`${name}\``);
  }
  return statements.filter((text) => !drop.has(text));
}
