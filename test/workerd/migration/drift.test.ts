import { describe, expect, it } from 'vitest';
import type { Migration } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { failure, ledger, migrate, sha256, tables } from './support.ts';

const a: Migration = { id: 'a', sql: 'CREATE TABLE a (x)' };
const b: Migration = { id: 'b', sql: 'CREATE TABLE b (x)' };
const c: Migration = { id: 'c', sql: 'CREATE TABLE c (x)' };
const timed = (migration: Migration, when: number): Migration => ({ ...migration, when });

describe('drift between the ledger and the source', () => {
  it('an edited migration is refused with both hashes, and nothing new is applied', () =>
    inObject(async (storage) => {
      await migrate(storage, [a, b]);
      const edited = { ...a, sql: `${a.sql} -- edited` };
      const error = await failure(migrate(storage, [edited, b, c]));
      expect(error).toMatchObject({ code: 'MIGRATION_DRIFT', migration: 'a' });
      expect(error.message).toContain(await sha256(a.sql));
      expect(error.message).toContain(await sha256(edited.sql));
      expect(tables(storage)).toEqual(['a', 'b']);
      expect(await failure(migrate(storage, [edited, b]))).toMatchObject({ code: 'MIGRATION_DRIFT' });
    }));

  it('a missing migration is refused with the hash it was applied with', () =>
    inObject(async (storage) => {
      await migrate(storage, [a, b]);
      const error = await failure(migrate(storage, [b]));
      expect(error).toMatchObject({ code: 'MIGRATION_DRIFT', migration: 'a' });
      expect(error.message).toContain(`(hash ${await sha256(a.sql)}, now none)`);
      expect(await failure(migrate(storage, []))).toMatchObject({ code: 'MIGRATION_DRIFT' });
    }));

  it('a renamed migration is a missing one', () =>
    inObject(async (storage) => {
      await migrate(storage, [a]);
      expect(await failure(migrate(storage, [{ ...a, id: 'z' }]))).toMatchObject({
        code: 'MIGRATION_DRIFT',
        migration: 'a',
      });
    }));

  it.each([
    ['without times', [a, b, c], [b, a, c]],
    ['with times', [timed(a, 1), timed(b, 2), timed(c, 3)], [timed(a, 1), timed(c, 3), timed(b, 2)]],
  ])('applied migrations that changed places are refused with both hashes, %s', (_, source, reordered) =>
    inObject(async (storage) => {
      await migrate(storage, source);
      const error = await failure(migrate(storage, reordered));
      expect(error.code).toBe('MIGRATION_DRIFT');
      const [one, other] = reordered === source ? [] : reordered.filter(({ id }, i) => id !== source[i]?.id);
      expect(error.message).toContain(await sha256(one!.sql));
      expect(error.message).toContain(await sha256(other!.sql));
    }),
  );

  it.each([
    ['without times', (migration: Migration) => migration],
    ['with times', (migration: Migration) => timed(migration, migration.id.charCodeAt(0))],
  ])('a new migration older than the newest applied one is applied by name and reported, %s', (_, make) =>
    inObject(async (storage) => {
      const [one, two, three] = [make(a), make(b), make(c)];
      await migrate(storage, [one, three]);
      const report = await migrate(storage, [one, two, three]);
      expect(report).toMatchObject({ applied: ['b'], outOfOrder: ['b'], upToDate: ['a', 'b', 'c'] });
      expect(await migrate(storage, [one, two, three])).toMatchObject({ applied: [], outOfOrder: [] });
      const last = make({ id: 'd', sql: 'CREATE TABLE d (x)' });
      expect(await migrate(storage, [one, two, three, last])).toMatchObject({
        applied: ['d'],
        outOfOrder: [],
      });
      expect(
        await failure(migrate(storage, [two, one, three, last, make({ id: 'e', sql: '' })])),
      ).toMatchObject({
        code: 'MIGRATION_DRIFT',
      });
    }),
  );

  it("a new migration older than the newest applied one is refused with outOfOrder: 'error'", () =>
    inObject(async (storage) => {
      await migrate(storage, [a, c]);
      const error = await failure(migrate(storage, { migrations: [a, b, c], outOfOrder: 'error' }));
      expect(error).toMatchObject({ code: 'MIGRATION_DRIFT', migration: 'b' });
      expect(tables(storage)).toEqual(['a', 'c']);
    }));

  it('a journal whose times do not ascend is in order when it was applied in order', () =>
    inObject(async (storage) => {
      const source = [timed(a, 5), timed(b, 3), timed(c, 4)];
      await migrate(storage, source.slice(0, 2));
      expect(await migrate(storage, source)).toMatchObject({ applied: ['c'], outOfOrder: [] });
      expect(await migrate(storage, source)).toMatchObject({ applied: [] });
    }));

  it('keeps the ledger as it is when it refuses', () =>
    inObject(async (storage) => {
      await migrate(storage, [a, b]);
      const before = ledger(storage);
      await failure(migrate(storage, [{ ...a, sql: 'CREATE TABLE other (x)' }, b, c]));
      expect(ledger(storage)).toEqual(before);
    }));
});
