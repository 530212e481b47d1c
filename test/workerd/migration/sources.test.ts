import { describe, expect, it } from 'vitest';
import type { MigrationSource } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';
import { failure, ledger, migrate, sha256, tables } from './support.ts';

const first =
  'CREATE TABLE `one` (`id` integer);\n--> statement-breakpoint\nCREATE INDEX `one_id` ON `one` (`id`);';
const second = 'CREATE TABLE `two` (`id` integer);';

/** The same two migrations in every shape, with the names and times that the ledger gets. */
const sources: [string, MigrationSource, [string, number | undefined][]][] = [
  [
    'an array',
    [
      { id: 'init', sql: first },
      { id: 'add two', sql: second },
    ],
    [
      ['init', undefined],
      ['add two', undefined],
    ],
  ],
  [
    'an array with times',
    [
      { id: '0000_a', sql: first, when: 1_700_000_000_123 },
      { id: '20250102030405_b', sql: second },
    ],
    [
      ['0000_a', 1_700_000_000_123],
      ['20250102030405_b', Date.UTC(2025, 0, 2, 3, 4, 5)],
    ],
  ],
  [
    'migrations.js of drizzle-kit 0.3x',
    {
      journal: {
        entries: [
          { idx: 0, when: 1_700_000_000_001, tag: '0000_wild_hulk', breakpoints: true },
          { idx: 1, when: 1_700_000_000_002, tag: '0001_calm_thor', breakpoints: true },
        ],
      },
      migrations: { m0000: first, m0001: second },
    },
    [
      ['0000_wild_hulk', 1_700_000_000_001],
      ['0001_calm_thor', 1_700_000_000_002],
    ],
  ],
  [
    'migrations.js of drizzle-kit 1.0, in any order of its keys',
    { migrations: { '20240102030405_b': second, '20240101000000_a': first } },
    [
      ['20240101000000_a', Date.UTC(2024, 0, 1)],
      ['20240102030405_b', Date.UTC(2024, 0, 2, 3, 4, 5)],
    ],
  ],
  [
    'an object by number and name',
    { migrations: { '10_b': second, '2_a': first } },
    [
      ['2_a', undefined],
      ['10_b', undefined],
    ],
  ],
];

describe('migration sources', () => {
  it.each(sources)(
    '%s is applied in order, and written into the ledger as drizzle does',
    (_, source, expected) =>
      inObject(async (storage) => {
        const before = Date.now();
        const report = await migrate(storage, source);
        const names = expected.map(([name]) => name);
        expect(report).toEqual({ applied: names, upToDate: names, outOfOrder: [], adopted: false });
        expect(tables(storage)).toEqual(['one', 'two']);
        const rows = ledger(storage);
        expect(rows.map(({ id, name, hash }) => [id, name, hash])).toEqual([
          [1, names[0], await sha256(first)],
          [2, names[1], await sha256(second)],
        ]);
        expected.forEach(([, when], i) => {
          if (when === undefined) expect(rows[i]?.['created_at']).toBeGreaterThanOrEqual(before);
          else expect(rows[i]?.['created_at']).toBe(when);
          expect(Date.parse(String(rows[i]?.['applied_at']))).toBeGreaterThanOrEqual(before);
        });
        expect(await migrate(storage, source)).toEqual({
          applied: [],
          upToDate: names,
          outOfOrder: [],
          adopted: false,
        });
      }),
  );

  it('splits statements without breakpoints, and leaves triggers, strings and comments whole', () =>
    inObject(async (storage) => {
      const sql = `-- a; comment
        CREATE TABLE t (id integer PRIMARY KEY, note text DEFAULT ';');
        CREATE TABLE log (id integer);
        CREATE TRIGGER keep AFTER INSERT ON t BEGIN
          INSERT INTO log VALUES (CASE WHEN new.id > 1 THEN new.id ELSE -1 END);
          INSERT INTO log VALUES (0);
        END;
        INSERT INTO t (id) VALUES (1); /* ; */ INSERT INTO t (id) VALUES (2)`;
      await migrate(storage, [{ id: '1', sql }]);
      expect([...storage.sql.exec('SELECT id FROM log').raw()].flat()).toEqual([-1, 0, 2, 0]);
    }));

  it('a migration of nothing but comments is applied', () =>
    inObject(async (storage) => {
      const report = await migrate(storage, [
        { id: 'empty', sql: '-- Custom SQL migration file\n--> statement-breakpoint\n' },
      ]);
      expect(report.applied).toEqual(['empty']);
    }));

  it('an empty source is up to date and writes nothing', () =>
    inObject(async (storage) => {
      expect(await migrate(storage, [])).toEqual({
        applied: [],
        upToDate: [],
        outOfOrder: [],
        adopted: false,
      });
      expect([...storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name LIKE '%migrations'")]).toEqual([]);
    }));

  it.each<[string, unknown, string]>([
    ['a string', 'drizzle', '{ folder }'],
    ['null in an array', [null], 'no id'],
    ['an id that is no text', [{ id: 1, sql: '' }], 'no id'],
    [
      'two equal ids',
      [
        { id: 'a', sql: '' },
        { id: 'a', sql: '' },
      ],
      '"a"',
    ],
    [
      'a file imported as something else than text',
      [{ id: 'a', sql: { default: 'x' } }],
      'SQL of migration "a" is object',
    ],
    [
      'a journal entry without its file',
      { journal: { entries: [{ idx: 1, when: 1, tag: '0001_x' }] }, migrations: {} },
      '"0001_x"',
    ],
    [
      '0.3x migrations without their journal',
      { migrations: { m0000: 'SELECT 1' } },
      '{ journal, migrations }',
    ],
  ])('%s is MIGRATION_INVALID, naming it', (_, source, named) =>
    inObject(async (storage) => {
      const error = await failure(migrate(storage, source as MigrationSource));
      expect(error.code).toBe('MIGRATION_INVALID');
      expect(error.message).toContain(named);
      expect(tables(storage)).toEqual([]);
    }),
  );

  it('a folder that is not in the bundle is MIGRATIONS_NOT_FOUND with the configuration that puts it there', () =>
    inObject(async (storage) => {
      const error = await failure(migrate(storage, { folder: './.do/migrations/' }));
      expect(error.code).toBe('MIGRATIONS_NOT_FOUND');
      expect(error.message).toContain('npx dosql bundle .do/migrations --out src/migrations.ts');
      expect(error.message.split('\n').slice(1)).toEqual([
        'compatibility_date = "2026-01-01"',
        'compatibility_flags = ["nodejs_compat"]',
        'find_additional_modules = true',
        'base_dir = "."',
        'rules = [',
        '  { type = "Text", globs = [".do/migrations/**/*.sql", ".do/migrations/meta/_journal.json"], fallthrough = false },',
        '  { type = "CompiledWasm", globs = [], fallthrough = false },',
        '  { type = "Data", globs = [], fallthrough = false },',
        ']',
      ]);
    }));

  it('each object migrates on its own', async () => {
    const stub = freshStub();
    await inObject((storage) => migrate(storage, [{ id: '1', sql: 'CREATE TABLE a (x)' }]), stub);
    await inObject((storage) => expect(tables(storage)).toEqual([]));
    await inObject((storage) => expect(tables(storage)).toEqual(['a']), stub);
  });
});
