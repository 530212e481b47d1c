import { drizzle as drizzle045 } from 'drizzle-orm/durable-sqlite';
import { migrate as migrate045 } from 'drizzle-orm/durable-sqlite/migrator';
import { drizzle as drizzle1 } from 'drizzle-orm-v1/durable-sqlite';
import { migrate as migrate1 } from 'drizzle-orm-v1/durable-sqlite/migrator';
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { failure, ledger, migrate, sha256, tables } from './support.ts';

const texts = [
  'CREATE TABLE a (x);',
  'CREATE TABLE b (x);--> statement-breakpoint\nCREATE INDEX b_x ON b (x);',
  'CREATE TABLE c (x);',
];
const times = [Date.UTC(2024, 0, 1), Date.UTC(2024, 1, 1, 10, 20, 30), Date.UTC(2024, 2, 1)];
const tags = ['0000_first', '0001_second', '0002_third'];
const names = ['20240101000000_first', '20240201102030_second', '20240301000000_third'];

/** The first `count` migrations as drizzle-kit 0.3x writes them; it knows milliseconds. */
const kit03 = (count: number, shift = 7) => ({
  journal: {
    version: '7',
    dialect: 'sqlite',
    entries: tags
      .slice(0, count)
      .map((tag, idx) => ({ idx, when: times[idx]! + shift, tag, version: '6', breakpoints: true })),
  } satisfies Journal & Record<string, unknown>,
  migrations: Object.fromEntries(texts.slice(0, count).map((text, i) => [`m000${i}`, text])),
});

/** The first `count` migrations as drizzle-kit 1.0 writes them. */
const kit1 = (count: number) => ({
  migrations: Object.fromEntries(names.slice(0, count).map((name, i) => [name, texts[i]!])),
});

const official045 = (storage: DurableObjectStorage, count: number) =>
  migrate045(drizzle045(storage), kit03(count));
const official1 = async (storage: DurableObjectStorage, count: number) =>
  migrate1(drizzle1(storage), kit1(count));
const hashes = (count: number) => Promise.all(texts.slice(0, count).map(sha256));

describe('a database migrated by the official driver 0.45', () => {
  it('is adopted in place: ids, names and hashes are filled in, nothing is applied twice', () =>
    inObject(async (storage) => {
      await official045(storage, 2);
      expect(storage.sql.exec('SELECT id, hash FROM __drizzle_migrations').toArray()[0]).toEqual({
        id: null,
        hash: '',
      });
      const report = await migrate(storage, kit03(3));
      expect(report).toEqual({ applied: ['0002_third'], upToDate: tags, outOfOrder: [], adopted: true });
      expect(ledger(storage).map(({ id, name, hash, created_at }) => [id, name, hash, created_at])).toEqual(
        (await hashes(3)).map((hash, i) => [i + 1, tags[i], hash, times[i]! + 7]),
      );
      expect((await migrate(storage, kit03(3))).adopted).toBe(false);
    }));

  it('is adopted by a source of drizzle-kit 1.0, whose times are cut to seconds', () =>
    inObject(async (storage) => {
      await official045(storage, 2);
      expect(await migrate(storage, kit1(3))).toMatchObject({
        applied: [names[2]],
        upToDate: names,
        adopted: true,
      });
    }));

  it('is left as it was when a row cannot be told', () =>
    inObject(async (storage) => {
      await official045(storage, 2);
      const error = await failure(migrate(storage, [{ id: '0000_first', sql: texts[0]! }]));
      expect(error).toMatchObject({ code: 'MIGRATION_DRIFT' });
      expect(error.message).toContain(String(times[0]! + 7));
      expect(storage.sql.exec('SELECT id FROM __drizzle_migrations').toArray()).toEqual([
        { id: null },
        { id: null },
      ]);
    }));

  it('keeps its adopted ledger when the first new migration fails', () =>
    inObject(async (storage) => {
      await official045(storage, 1);
      const { journal, migrations } = kit03(2);
      const error = await failure(
        migrate(storage, { journal, migrations: { ...migrations, m0001: 'nonsense' } }),
      );
      expect(error.code).toBe('MIGRATION_FAILED');
      expect(ledger(storage)).toMatchObject([{ id: 1, name: '0000_first', hash: await sha256(texts[0]!) }]);
      expect(await migrate(storage, kit03(2))).toMatchObject({ applied: ['0001_second'], adopted: false });
    }));

  it('whose rows have hashes is checked by them', () =>
    inObject(async (storage) => {
      storage.sql.exec(
        'CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
      );
      storage.sql.exec(
        'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)',
        'f00d',
        times[0]! + 7,
      );
      const error = await failure(migrate(storage, kit03(1)));
      expect(error).toMatchObject({ code: 'MIGRATION_DRIFT', migration: '0000_first' });
      expect(error.message).toContain('f00d');
    }));
});

describe('a database migrated by drizzle 1.0', () => {
  it('is adopted in place', () =>
    inObject(async (storage) => {
      await official1(storage, 2);
      const report = await migrate(storage, kit1(3));
      expect(report).toEqual({ applied: [names[2]], upToDate: names, outOfOrder: [], adopted: true });
      expect(ledger(storage).map(({ id, name, hash }) => [id, name, hash])).toEqual(
        (await hashes(3)).map((hash, i) => [i + 1, names[i], hash]),
      );
    }));

  it('is adopted when 1.0 itself had adopted it from 0.45', () =>
    inObject(async (storage) => {
      await official045(storage, 2);
      await official1(storage, 2);
      expect(await migrate(storage, kit1(3))).toMatchObject({ applied: [names[2]], adopted: true });
      expect(ledger(storage).map(({ id }) => id)).toEqual([1, 2, 3]);
    }));
});

describe('moving from drizzle-kit 0.3x to 1.0 with our ledger', () => {
  it('renames the rows after the folders', () =>
    inObject(async (storage) => {
      await migrate(storage, kit03(2));
      expect(await migrate(storage, kit1(3))).toMatchObject({
        applied: [names[2]],
        upToDate: names,
        outOfOrder: [],
      });
      expect(ledger(storage).map(({ name }) => name)).toEqual(names);
      await official1(storage, 3);
      expect(ledger(storage)).toHaveLength(3);
    }));
});

describe('leaving for the official driver, and coming back', () => {
  it('0.45 finds nothing pending, and applies the next one', () =>
    inObject(async (storage) => {
      await migrate(storage, kit03(2));
      await official045(storage, 2);
      expect(ledger(storage)).toHaveLength(2);
      await official045(storage, 3);
      expect(tables(storage)).toEqual(['a', 'b', 'c']);
      expect(ledger(storage)[2]).toMatchObject({ id: 3, hash: '', created_at: times[2]! + 7, name: null });
      expect(await migrate(storage, kit03(3))).toMatchObject({ applied: [], upToDate: tags, adopted: true });
      expect(ledger(storage)[2]).toMatchObject({ id: 3, hash: await sha256(texts[2]!), name: tags[2] });
    }));

  it('1.0 finds nothing pending, and applies the next one', () =>
    inObject(async (storage) => {
      await migrate(storage, kit1(2));
      await official1(storage, 2);
      expect(ledger(storage)).toHaveLength(2);
      await official1(storage, 3);
      expect(tables(storage)).toEqual(['a', 'b', 'c']);
      expect(ledger(storage)).toHaveLength(3);
      expect(await migrate(storage, kit1(3))).toMatchObject({ applied: [], upToDate: names });
    }));

  it('an adopted ledger can be left again', () =>
    inObject(async (storage) => {
      await official045(storage, 1);
      await migrate(storage, kit03(2));
      await official045(storage, 3);
      expect(tables(storage)).toEqual(['a', 'b', 'c']);
      expect(ledger(storage).map(({ id }) => id)).toEqual([1, 2, 3]);
    }));
});
