import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { Workerd } from '../crash/workerd.ts';
import { Shell, tokenFor } from './cli/process.ts';

/** 1,000 in the long run. */
const TENANTS = Math.min(1000, 40 * Number(process.env['DOSQL_RUNS'] ?? 1));

let workerd: Workerd;
let shell: Shell;
let token: string;

beforeAll(async () => {
  workerd = await Workerd.create('test/package/cli/worker.ts');
  await workerd.start();
  shell = await Shell.create();
  token = await tokenFor([
    'one',
    'broken',
    'after',
    ...Array.from({ length: TENANTS }, (_, i) => `tenant-${i}`),
  ]);
  shell.write(
    'm/0001_users.sql',
    'CREATE TABLE users (id INTEGER PRIMARY KEY);\nCREATE TABLE runs (at TEXT);',
  );
  shell.write('m/0002_once.sql', "INSERT INTO runs VALUES ('once');");
});
afterAll(async () => {
  await shell.remove();
  await workerd.dispose();
});

const url = (name: string) => `${workerd.url}/databases/${name}/`;

describe('dosql migrate', () => {
  test('one database: applied, then up to date; status says so before and after', async () => {
    const status = () => shell.dosql(token, ['status', url('one'), '--migrations', 'm', '--json']);
    expect(JSON.parse((await status()).stdout)).toMatchObject([
      { applied: [], pending: ['0001_users', '0002_once'] },
    ]);
    expect(await shell.dosql(token, ['migrate', 'm', url('one')])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('applied 0001_users, 0002_once'),
    });
    expect(await shell.dosql(token, ['migrate', 'm', url('one')])).toMatchObject({
      code: 0,
      stdout: '0 migrated, 1 up to date, 0 skipped, 0 failed\n',
    });
    expect(JSON.parse((await status()).stdout)).toMatchObject([
      { applied: [{ name: '0001_users' }, { name: '0002_once' }], pending: [] },
    ]);
  });

  test('a list from a file and one from standard input: who fails is named, the others are migrated', async () => {
    await connect(url('broken'), { token }).run('CREATE TABLE users (other)');
    shell.write('list.txt', `# two tenants\n${url('one')}\n\n${url('broken')}\n`);
    const ended = await shell.dosql(token, ['migrate', 'm', '--from', 'list.txt', '--json']);
    expect(ended.code).toBe(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      upToDate: 1,
      failed: 1,
      databases: [{ status: 'up to date' }, { status: 'failed', error: { code: 'MIGRATION_FAILED' } }],
    });
    const piped = await shell.dosql(token, ['migrate', 'm', '--from', '-'], `${url('one')}\n`);
    expect(piped).toMatchObject({ code: 0, stdout: expect.stringContaining('1 up to date') });
    expect(await shell.dosql(token, ['migrate', 'm'])).toMatchObject({ code: 1 });
    expect(await shell.dosql(token, ['migrate', 'm', 'ftp://x', '--concurrency', '0'])).toMatchObject({
      code: 2,
    });
  });

  test('what answers like no DoSQL server is named as failed, and the others are migrated', async () => {
    const answers = ['<html>', 'null', '{}', ''];
    const strange = createServer((request, response) => {
      const text = answers[Number(request.url?.[1])];
      // Cut off where there is none.
      if (text) response.end(text);
      else response.writeHead(200, { 'content-length': '10' }).write('{', () => response.destroy());
    }).listen(0, '127.0.0.1');
    await once(strange, 'listening');
    const at = `http://127.0.0.1:${(strange.address() as AddressInfo).port}`;
    const urls = [...answers.map((_, i) => `${at}/${i}/`), url('after')];
    try {
      const migrated = await shell.dosql(token, ['migrate', 'm', ...urls, '--json']);
      expect(migrated).toMatchObject({ code: 1, stderr: expect.stringContaining('4 of 5 databases failed') });
      expect(JSON.parse(migrated.stdout)).toMatchObject({
        migrated: 1,
        failed: 4,
        databases: [...answers.map(() => ({ error: { code: 'CONNECTION_FAILED' } })), { status: 'migrated' }],
      });
    } finally {
      strange.close();
    }
  });

  test(`a fleet of ${TENANTS}: killed in the middle and run again, each is migrated exactly once`, {
    timeout: 600_000,
  }, async () => {
    const args = [
      'migrate',
      'm',
      '--fleet',
      `${workerd.url}/fleet?from=0&to=${TENANTS}`,
      '--state',
      'state.jsonl',
      '--json',
    ];
    const child = shell.start(args, { DOSQL_TOKEN: token });
    const done = () =>
      existsSync(shell.at('state.jsonl')) ? shell.read('state.jsonl').split('\n').length - 1 : 0;
    while (done() < TENANTS / 4) await wait(5);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    const before = done();
    expect(before).toBeLessThan(TENANTS);

    const { code, stdout } = await shell.dosql(token, args);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, number>;
    expect(report).toMatchObject({ skipped: before, failed: 0 });
    expect(report['migrated']! + report['upToDate']! + before).toBe(TENANTS);
    // Those whose answer was lost are up to date, not migrated twice.
    for (let i = 0; i < TENANTS; i++) {
      const { rows } = await connect(url(`tenant-${i}`), { token }).query('SELECT at FROM runs');
      expect(rows).toEqual([{ at: 'once' }]);
    }
  });
});
