import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workerd } from '../../crash/workerd.ts';

let workerd: Workerd;

beforeAll(async () => {
  workerd = await Workerd.create('test/crash/worker/folder.ts', {
    '.do/migrations/002_b.sql': 'CREATE TABLE b (x);',
    '.do/migrations/10_c.sql': 'CREATE TABLE c (x);',
    '.do/migrations/001_a.sql': 'CREATE TABLE a (x);',
    'drizzle/0000_zulu.sql': 'CREATE TABLE a (x);',
    'drizzle/0001_alfa.sql': 'CREATE TABLE b (x);',
    'drizzle/meta/_journal.json':
      '{"version":"7","dialect":"sqlite","entries":[{"idx":0,"version":"6","when":1700000000001,"tag":"0000_zulu","breakpoints":true},{"idx":1,"version":"6","when":1700000000002,"tag":"0001_alfa","breakpoints":true}]}',
    'db/drizzle/20240101000000_a/migration.sql': 'CREATE TABLE a (x);',
    'db/drizzle/20240201000000_b/migration.sql': 'CREATE TABLE b (x);',
    'broken/0000_a.sql': 'SELECT 1',
    'broken/meta/_journal.json': '{',
    'partial/meta/_journal.json': '{"entries":[{"idx":0,"when":1,"tag":"0000_gone"}]}',
  });
  await workerd.start();
}, 60_000);
afterAll(() => workerd.dispose());

const migrate = (folder: string) => workerd.request<unknown>(`/?folder=${encodeURIComponent(folder)}`);
const applied = (names: string[]) => ({ applied: names, upToDate: names, outOfOrder: [], adopted: false });

describe("{ folder } in a Worker's bundle", () => {
  it.each(['.do/migrations', './.do/migrations/', '/.do/migrations'])(
    'reads NNN_name.sql files by number: %s',
    async (folder) => {
      expect(await migrate(folder)).toMatchObject({ report: applied(['001_a', '002_b', '10_c']) });
    },
  );

  it('reads a drizzle-kit 0.3x folder by its journal', async () => {
    expect(await migrate('./drizzle')).toEqual({
      report: applied(['0000_zulu', '0001_alfa']),
      rows: [
        { name: '0000_zulu', created_at: 1_700_000_000_001 },
        { name: '0001_alfa', created_at: 1_700_000_000_002 },
      ],
    });
  });

  it('reads a drizzle-kit 1.0 folder', async () => {
    expect(await migrate('db/drizzle')).toEqual({
      report: applied(['20240101000000_a', '20240201000000_b']),
      rows: [
        { name: '20240101000000_a', created_at: Date.UTC(2024, 0, 1) },
        { name: '20240201000000_b', created_at: Date.UTC(2024, 1, 1) },
      ],
    });
  });

  it('says what is wrong with a folder', async () => {
    expect(await migrate('nowhere')).toMatchObject({ code: 'MIGRATIONS_NOT_FOUND' });
    expect(await migrate('broken')).toMatchObject({
      code: 'MIGRATION_INVALID',
      message: expect.stringContaining('_journal.json'),
    });
    expect(await migrate('partial')).toMatchObject({
      code: 'MIGRATION_INVALID',
      message: expect.stringContaining('0000_gone'),
    });
  });
});
