import { SELF } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { isDosqlError } from '../../../src/errors/index.ts';
import type { VirtualOptions } from '../../../src/virtual/index.ts';
import { withVirtual } from './open.ts';

const SITE = 'https://api.example.com/data/';
const ALLOW = [SITE, 'https://files.example.com:8443/', 'https://other.example.com/data/'];

/** Asks the site of the tests over real requests, and notes them. */
function options(asked: string[] = []): VirtualOptions & { https: object } {
  return {
    maxBytes: 100_000,
    maxRows: 1000,
    https: {
      allow: ALLOW,
      headers: () => ({ authorization: 'Bearer secret' }),
      fetch: (input: RequestInfo | URL, init?: RequestInit) => {
        asked.push(String(input));
        return SELF.fetch(String(input), init as RequestInit<RequestInitCfProperties>);
      },
    },
  };
}

async function outcome(source: string, asked: string[] = [], timeoutMs = 20_000) {
  return withVirtual(
    async (db) => {
      try {
        return (await db.query(`SELECT * FROM ${source}`)).rows;
      } catch (error) {
        if (!isDosqlError(error)) throw error;
        return error;
      }
    },
    { ...options(asked), timeoutMs },
  );
}

/** What must never be asked for, whether a statement says it or a redirect. */
const FORBIDDEN = [
  'http://api.example.com/data/users.json',
  'ftp://api.example.com/data/users.json',
  'file:///etc/passwd',
  'data:application/json,[1]',
  'javascript:alert(1)',
  'ws://api.example.com/data/users.json',
  'https://evil.com/users.json',
  'https://api.example.com.evil.com/data/users.json',
  'https://evil.com/https://api.example.com/data/users.json',
  'https://api.example.com@evil.com/data/users.json',
  'https://api.example.com%40evil.com/data/users.json',
  'https://evil.com#api.example.com/data/users.json',
  'https://evil.com\\@api.example.com/data/users.json',
  'https://user:pass@api.example.com/data/users.json',
  'https://user@api.example.com/data/users.json',
  'https://api.example.com:8443/data/users.json',
  'https://api.example.com:80/data/users.json',
  'https://api.example.com:22/data/users.json',
  'https://files.example.com/users.json',
  'https://127.0.0.1/data/users.json',
  'https://0x7f.1/data/users.json',
  'https://2130706433/data/users.json',
  'https://0177.0.0.1/data/users.json',
  'https://127.1/data/users.json',
  'https://169.254.169.254/latest/meta-data/x.json',
  'https://10.0.0.1/x.json',
  'https://0.0.0.0/x.json',
  'https://[::1]/x.json',
  'https://[::ffff:127.0.0.1]/x.json',
  'https://[fd00:ec2::254]/x.json',
  'https://localhost/x.json',
  'https://localhost./x.json',
  'https://LOCALHOST/x.json',
  'https://api.localhost/x.json',
  'https://metadata.google.internal/x.json',
  'https://intranet/x.json',
  'https://api.example.com./data/users.json',
  'https://api.example.com/users.json',
  'https://api.example.com/data',
  'https://api.example.com/database/users.json',
  'https://api.example.com/data/../users.json',
  'https://api.example.com/data/%2e%2e/users.json',
  'https://api.example.com/data/.%2e/users.json',
  'https://api.example.com/data/..%2fusers.json',
  'https://api.example.com/data/%2e%2e%2fusers.json',
  'https://api.example.com/data/..%5cusers.json',
  'https://api.example.com/data/..\\users.json',
  'https://api.example.com/data/%252e%252e%252fusers.json',
  'https://api.example.com/data/..;/users.json',
  'https://api.example.com/data/x%00.json',
  'https://api.example.com//data/users.json',
  'https://API.example.com/DATA/users.json',
  'https://ａpi.example.com.evil.com/data/users.json',
  'https:///etc/passwd',
  'https://',
];

describe('addresses', () => {
  test.each(FORBIDDEN)('%s in a statement is refused without a request', async (url) => {
    const asked: string[] = [];
    for (const source of [`'${url}'`, `read_json('${url}')`])
      expect(await outcome(source, asked)).toMatchObject({ code: 'SOURCE_FORBIDDEN' });
    expect(asked).toEqual([]);
  });

  const absolute = FORBIDDEN.filter((url) => /^\w+:/.test(url));
  test.each(absolute)('a redirect to %s is refused', async (url) => {
    const asked: string[] = [];
    expect(await outcome(`'${SITE}redirect.json?to=${encodeURIComponent(url)}'`, asked)).toMatchObject({
      code: 'SOURCE_FORBIDDEN',
    });
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['//evil.com/users.json', 'SOURCE_FORBIDDEN'],
    ['../users.json', 'SOURCE_FORBIDDEN'],
    ['/users.json', 'SOURCE_FORBIDDEN'],
    ['/\\evil.com/users.json', 'SOURCE_FORBIDDEN'],
    ['\\\\evil.com/users.json', 'SOURCE_FORBIDDEN'],
  ])('a redirect to %s, relative, is %s', async (to, code) => {
    expect(await outcome(`'${SITE}redirect.json?to=${encodeURIComponent(to)}'`)).toMatchObject({ code });
  });

  test('addresses are compared as they are asked for: letters of the host, white space, dots', async () => {
    const asked: string[] = [];
    for (const url of [
      'HTTPS://API.EXAMPLE.COM/data/users.json',
      'https://api.exa\tmple.com/data/users.json',
      'https://api.example.com:443/x/../data/./users.json#x',
    ])
      expect(await outcome(`'${url}'`, asked)).toMatchObject([{ id: 1 }, { id: 2 }]);
    expect(new Set(asked)).toEqual(new Set(['https://api.example.com/data/users.json']));
  });

  test.each([
    'http://a.example.com/',
    'https://127.0.0.1/',
    'https://a.example.com/x?y',
    'nonsense',
    'https://u:p@a.example.com/',
    '*',
  ])('the entry %s is no entry', (entry) =>
    expect(withVirtual(async () => {}, { https: { allow: [entry] } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    }),
  );
});

describe('redirects', () => {
  test('a redirect within the list is followed, credentials stay with their origin', async () => {
    const to = (url: string) => `${SITE}redirect.json?to=${encodeURIComponent(url)}`;
    expect(await outcome(`'${to('headers.json')}'`)).toEqual([
      { host: 'api.example.com', authorization: 'Bearer secret' },
    ]);
    const other = 'https://other.example.com/data/headers.json';
    expect(await outcome(`'${to(other)}'`)).toEqual([{ host: 'other.example.com', authorization: null }]);
    const back = `https://other.example.com/data/redirect.json?to=${encodeURIComponent(`${SITE}headers.json`)}`;
    expect(await outcome(`'${to(back)}'`)).toEqual([{ host: 'api.example.com', authorization: null }]);
  });

  test.each([301, 302, 303, 307, 308])('status %d is a redirect', async (status) => {
    expect(await outcome(`'${SITE}redirect.json?status=${status}&to=users.json'`)).toHaveLength(2);
  });

  test('three at most', async () => {
    const asked: string[] = [];
    expect(await outcome(`'${SITE}loop.json'`, asked)).toMatchObject({ code: 'SOURCE_FAILED' });
    expect(asked).toHaveLength(4);
    expect(await outcome(`'${SITE}nowhere.json'`)).toMatchObject({ code: 'SOURCE_FAILED' });
  });

  test('a fetcher that follows redirects by itself is refused', () =>
    withVirtual(
      (db) =>
        expect(db.query(`SELECT * FROM '${SITE}redirect.json?to=users.json'`)).rejects.toMatchObject({
          code: 'SOURCE_FORBIDDEN',
        }),
      {
        https: {
          allow: ALLOW,
          fetch: (url: RequestInfo | URL) => SELF.fetch(String(url), { redirect: 'follow' }),
        },
      },
    ));
});

describe('answers', () => {
  test.each([
    ['large.json', 'LIMIT_EXCEEDED'],
    ['endless.json', 'LIMIT_EXCEEDED'],
    ['bomb.json', 'LIMIT_EXCEEDED'],
    ['bomb.json.gz', 'LIMIT_EXCEEDED'],
    ['broken.json.gz', 'CORRUPT_FILE'],
    ['stalled.json', 'SOURCE_FAILED'],
    ['failing.json', 'SOURCE_FAILED'],
    ['missing.json', 'SOURCE_NOT_FOUND'],
    ['unknown', 'SOURCE_UNSUPPORTED'],
    ['changing.parquet', 'SOURCE_FAILED'],
    ['lying.parquet', 'SOURCE_FAILED'],
    ['endless.parquet', 'LIMIT_EXCEEDED'],
    ['empty.parquet', 'CORRUPT_FILE'],
  ])('%s is %s', async (path, code) => {
    // A busy machine takes its time: only what never ends is to meet the limit.
    const error = await outcome(
      `'${SITE}${path}?token=hidden'`,
      [],
      path === 'stalled.json' ? 300 : undefined,
    );
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toMatch(/hidden|secret/);
  });

  test.each(['stored', 'transported', 'transported-packed'])('a %s gzip file is unpacked', async (name) => {
    expect(await outcome(`'${SITE}${name}.csv.gz'`)).toEqual([{ id: 7 }]);
  });

  test('a slow server is given up', () =>
    withVirtual(
      (db) =>
        expect(db.query(`SELECT * FROM '${SITE}x.json'`)).rejects.toMatchObject({ code: 'SOURCE_FAILED' }),
      { timeoutMs: 50, https: { allow: ALLOW, fetch: () => new Promise<Response>(() => {}) } },
    ));

  test('the content type tells what no extension does', async () => {
    expect(await outcome(`'${SITE}untyped'`)).toEqual([{ id: 1, name: 'Ada' }]);
  });

  test('Parquet by ranges, and whole where the server has none', () => {
    const asked: string[] = [];
    return withVirtual(
      async (db) => {
        const sum = (path: string) =>
          db.query(
            `SELECT count(*) AS n, sum(id) AS s FROM '${SITE}${path}' WHERE id BETWEEN 10000 AND 10099`,
          );
        expect((await sum('ranges.parquet')).rows).toEqual([{ n: 100, s: 1004950 }]);
        const first = asked.length;
        expect((await sum('ranges.parquet')).rows).toEqual([{ n: 100, s: 1004950 }]);
        expect(asked.length - first).toBeLessThanOrEqual(first);
        expect((await sum('whole.parquet')).rows).toEqual([{ n: 100, s: 1004950 }]);
      },
      { ...options(asked), maxBytes: 2_000_000, maxRows: 50_000 },
    );
  });

  test('kept contents are not asked for again, and never beyond their time', () => {
    const asked: string[] = [];
    return withVirtual(
      async (db) => {
        for (let i = 0; i < 3; i++) await db.query(`SELECT * FROM '${SITE}users.json'`);
        expect(asked).toHaveLength(1);
      },
      { ...options(asked), cacheTtl: 60_000 },
    );
  });

  test('no more than four requests are open', () => {
    let [open, most] = [0, 0];
    return withVirtual(
      async (db) => {
        const list = Array.from({ length: 12 }, (_, i) => `'${SITE}users.json?${i}'`);
        const { rows } = await db.query(
          `SELECT count(*) AS n FROM read_json([${list}], union_by_name = true)`,
        );
        expect(rows).toEqual([{ n: 24 }]);
        expect(most).toBe(4);
      },
      {
        https: {
          allow: ALLOW,
          fetch: async (url: RequestInfo | URL) => {
            most = Math.max(most, ++open);
            const answer = await SELF.fetch(String(url));
            const body = await answer.arrayBuffer();
            open--;
            return new Response(body, answer);
          },
        },
      },
    );
  });
});
