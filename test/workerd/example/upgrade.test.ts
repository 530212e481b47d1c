import { expect, test } from 'vitest';
import { migrations } from '../../../examples/flights/src/migrations.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

const [initial, , ...rebuild] = migrations;

test('a tenant that loaded flights before the routes table was rebuilt keeps all of them', () =>
  inObject(async (storage, ctx) => {
    expect(rebuild).toHaveLength(1);
    const before = await DB('tenant', { storage, ctx, migrations: [initial!] });
    await before.batch([
      [
        "INSERT INTO airports VALUES ('HNL', 'Honolulu', 'Honolulu', 'HI', 'USA', '{}'), ('OGG', 'Kahului', 'Kahului', 'HI', 'USA', '{}')",
      ],
      ["INSERT INTO routes VALUES ('HNL', 'OGG', 100, 2)"],
      [
        "INSERT INTO flights (origin, destination, departs_at, delay, late) VALUES ('HNL', 'OGG', 0, 1, 0), ('HNL', 'OGG', 60, 20, 1)",
      ],
    ]);

    const after = await DB('tenant', { storage, ctx, migrations });
    expect((await after.query('SELECT count(*) AS flights FROM flights')).rows).toEqual([{ flights: 2 }]);
    await expect(after.run("INSERT INTO routes VALUES ('OGG', 'HNL', 0, 0)")).rejects.toMatchObject({
      code: 'CHECK_VIOLATION',
    });
    await expect(after.run("INSERT INTO flights VALUES (9, 'OGG', 'HNL', 0, 0, 0)")).rejects.toMatchObject({
      code: 'FOREIGN_KEY_VIOLATION',
    });
  }));
