import type { Database } from '../../../src/index.ts';
import { issueToken } from '../../../src/server/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { type Served, served } from './served.ts';

export const SECRET = 'a secret of the tests, with more than 32 bytes';
/** In an internal table only. */
export const CANARY = 'what nobody may see';

const SCHEMA = [
  'CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, price REAL, data BLOB)',
  "INSERT INTO items (name, price, data) VALUES ('a', 1.5, x'00'), ('b', NULL, NULL)",
  'CREATE TABLE _dosql_secret (text TEXT UNIQUE)',
];

/** Everything that a statement could have changed. */
export async function contents(db: Database): Promise<unknown> {
  const rows = async (sql: string) => (await db.query(sql, [], { rows: 'values' })).rows;
  const tables = await rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'");
  return {
    schema: await rows('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2'),
    tables: await Promise.all(
      (tables as unknown as [string][]).map(async ([name]) => [name, await rows(`SELECT * FROM "${name}"`)]),
    ),
    settings: await Promise.all(
      ['foreign_keys', 'recursive_triggers', 'legacy_alter_table', 'defer_foreign_keys'].map((name) =>
        rows(`PRAGMA ${name}`),
      ),
    ),
  };
}

/** A database with internal tables, and a client with a token that may read. */
export function guarded<T>(
  work: (
    client: Served & { ask(path: string, body: unknown): Promise<{ status: number; text: string }> },
  ) => Promise<T>,
): Promise<T> {
  return served(
    async (client) => {
      await client.db.run('INSERT INTO _dosql_secret VALUES (?)', [CANARY]);
      const token = await issueToken(SECRET, { database: 'served', access: 'read' });
      const ask = async (path: string, body: unknown) => {
        const response = await client.handler.fetch(
          new Request(`https://object.example${path}`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}` },
            body: JSON.stringify(body),
          }),
        );
        return { status: response.status, text: new TextDecoder().decode(await response.arrayBuffer()) };
      };
      return work({ ...client, ask });
    },
    { auth: { secret: SECRET } },
    { schema: SCHEMA, extensions: [changeLog({ tables: '*' })] },
  );
}
