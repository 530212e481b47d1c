import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

describe('integers beyond 2^53-1', () => {
  it.each([
    'SELECT k, a FROM t WHERE at IS NOT NULL',
    'SELECT p.k, p.a FROM t p JOIN t q ON p.id = q.id WHERE p.at IS NOT NULL',
    'SELECT k, a FROM t WHERE at IS NOT NULL ORDER BY pad',
    'SELECT k, a FROM t UNION ALL SELECT k, a FROM t WHERE at IS NOT NULL',
  ])('stay with their rows where SQLite could read another index the second time: %s', (sql) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, k TEXT, a INTEGER, pad TEXT)',
      );
      await db.run('CREATE INDEX t_k ON t(k, a)');
      // All are one number, once rounded.
      for (let i = 0; i < 5; i++)
        await db.run('INSERT INTO t VALUES (?, 1, ?, ?, ?)', [
          i,
          `${9 - i}`,
          2n ** 60n + BigInt(i),
          'x'.repeat(100),
        ]);
      const { rows } = await db.query<{ k: string; a: bigint }>(sql, [], { integers: 'bigint' });
      expect(rows.length).toBeGreaterThan(4);
      for (const { k, a } of rows) expect(a).toBe(2n ** 60n + 9n - BigInt(k));
      expect([...db.iterate(sql, [], { integers: 'bigint' })]).toEqual(rows);
    }),
  );
});
