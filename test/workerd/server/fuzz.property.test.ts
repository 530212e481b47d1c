import { expect, test } from 'vitest';
import { Random } from '../wal/random.ts';
import { ATTACKS, PEEKS } from './attacks.ts';
import { CANARY, contents, guarded } from './guarded.ts';

/** Set by vitest.workerd.config.ts. */
declare const DOSQL_RUNS: number;
const STATEMENTS = Math.min(2_000 * DOSQL_RUNS, 20_000);

const READS = [
  'SELECT * FROM items',
  'SELECT name FROM items WHERE id = 1',
  'WITH a AS (SELECT * FROM items) SELECT * FROM a JOIN items USING (id)',
  'SELECT json_group_array(name) FROM items GROUP BY price HAVING count(*) > 0 ORDER BY 1 LIMIT 3',
  'VALUES (1), (2)',
];
const GAPS = [' ', '\n', '\t', '/**/', '/* ; */', '-- x\n', '\f', ' \r\n', '/*', '\0', ';', ''];
const PIECES = [
  '_dosql_secret',
  '"_dosql_secret"',
  "'_dosql_secret'",
  '[_dosql_secret]',
  '`_dosql_secret`',
  'main._dosql_secret',
  'DELETE FROM items',
  'DROP TABLE items',
  "INSERT INTO items (name) VALUES ('x')",
  'UPDATE items SET name = 1',
  'sqlite_master',
  'pragma_table_list',
  'FROM',
  'UNION ALL SELECT text, 1, 2, 3 FROM _dosql_secret',
  'WITH',
  'AS',
  '(',
  ')',
  ',',
  ';',
  "'",
  '"',
  '`',
  '[',
  ']',
  'IN',
  'JOIN',
  'RETURNING *',
  'EXPLAIN',
  'REPLACE INTO',
  'PRAGMA foreign_keys = 0',
  '?',
  ':a',
  '1',
  'NULL',
  '*',
  'SELECT',
  'NOT',
  'EXISTS',
  'FROM items',
  'WHERE 1',
  'OR REPLACE',
  "x'5f'",
  '||',
  '=',
];

/** Some statement made of others: cut, joined, requoted, with comments and strange spaces between its words. */
function statement(random: Random): string {
  const all = [...ATTACKS, ...PEEKS, ...READS];
  const words = (sql: string) => sql.replaceAll('_dosql_log', '_dosql_secret').split(/(?<=\W)|(?=\W)/);
  const parts = words(random.pick(random.once(2) ? READS : all));
  for (let i = random.int(4); i > 0; i--) {
    const at = random.int(parts.length + 1);
    const kind = random.int(6);
    if (kind === 0) parts.splice(at, random.int(3));
    else if (kind === 1) parts.splice(at, 0, random.pick(PIECES));
    else if (kind === 2) parts.splice(at, 0, ...words(random.pick(all)));
    else if (kind === 3) parts.splice(at, 1, random.pick(GAPS));
    else if (kind === 4) parts.splice(0, 0, '(');
    else parts[at] = (parts[at] ?? '').toUpperCase();
  }
  return parts.map((part) => (/^\s$/.test(part) && random.int(6) === 0 ? random.pick(GAPS) : part)).join('');
}

test(
  'no statement of chance with a read-only token writes, or reads an internal table',
  { timeout: 300_000 },
  () =>
    guarded(async ({ ask, db }) => {
      const before = await contents(db);
      const random = new Random(20_261_122);
      let answered = 0;
      for (let i = 0; i < STATEMENTS; i++) {
        const sql = statement(random);
        const route = random.int(3);
        const { status, text } =
          route === 0
            ? await ask('/query', { sql })
            : await ask('/v2/pipeline', {
                requests: [
                  route === 1 ? { type: 'execute', stmt: { sql } } : { type: 'sequence', sql },
                  { type: 'close' },
                ],
              });
        expect(status, `${sql}: ${text}`).not.toBe(500);
        if (text.includes(CANARY)) expect.fail(sql);
        if (route === 0 && status === 200) answered++;
        if (i % 500 === 499) expect(await contents(db)).toEqual(before);
      }
      // They are not all nonsense.
      expect(answered).toBeGreaterThan(STATEMENTS / 30);
      expect(await contents(db)).toEqual(before);
    }),
);
