import { describe, expect, it } from 'vitest';
import { createCDC } from '../../../src/cdc/index.ts';
import { readRows } from '../../../src/wal/room.ts';
import { inObject } from '../object.ts';
import { open } from './open.ts';

const LARGE = 300_000;

describe('what a reader of the log holds in memory', () => {
  it.each(['start', 'snapshot'] as const)(
    'is bounded where large rows come behind small ones, from the %s',
    (from) =>
      inObject(async (storage) => {
        const db = await open(storage);
        await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
        await db.run(
          'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, 1 FROM n',
        );
        for (let i = 0; i < 60; i++) await db.run('INSERT INTO t VALUES (NULL, ?)', ['x'.repeat(LARGE)]);
        const { engine } = db.scope;
        const { all } = engine;
        const weights: number[] = [];
        engine.all = (...args) => {
          const rows = all.apply(engine, args);
          weights.push(JSON.stringify(rows).length);
          return rows;
        };
        const cdc = createCDC(db, { from, tables: ['t'] });
        const ids: unknown[] = [];
        for (let done = false; !done; ) {
          const batch = await cdc.drain({ limit: 5000, maxBytes: LARGE * 3 });
          weights.push(JSON.stringify(batch).length);
          for (const { after } of batch) if (after) ids.push(after['id']);
          await batch.ack();
          done = batch.done;
        }
        expect(ids).toEqual(Array.from({ length: 2060 }, (_, i) => i + 1));
        expect(Math.max(...weights)).toBeLessThan(LARGE * 8);
      }),
  );

  it('does not hold up a reader of a large row that changes again and again', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.batch([
        'CREATE TABLE t (id INTEGER PRIMARY KEY, n, a)',
        'INSERT INTO t VALUES (1, 0, zeroblob(500000))',
      ]);
      for (let i = 1; i <= 200; i++) await db.run('UPDATE t SET n = ?', [i]);
      const cdc = createCDC(db, { from: 1, tables: ['t'] });
      const seen: unknown[] = [];
      for (let done = false; !done; ) {
        const batch = await cdc.drain();
        for (const { before, after } of batch) seen.push([before?.['n'], after?.['n']]);
        await batch.ack();
        done = batch.done;
      }
      expect(seen).toEqual(Array.from({ length: 201 }, (_, i) => [i ? i - 1 : undefined, i]));
    }));

  it('is what there is room for: of a result of more, the first rows', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const { engine } = db.scope;
      const room = { bytes: 0, most: 40 };
      const rows = readRows(
        engine,
        'SELECT value FROM json_each(?)',
        ['["aaaaaaaaaa","bbbbbbbbbb","cccccccccc","dddddddddd","e"]'],
        'throw',
        room,
      );
      expect([rows.length, room.bytes]).toEqual([4, 41]);
      await db.run('CREATE TABLE t (a)');
      await db.run('DROP TABLE t');
    }));
});
