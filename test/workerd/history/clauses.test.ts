import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { inventory, stock } from './inventory.ts';

describe('FOR SYSTEM_TIME', () => {
  it('runs the queries of the README as they are written', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const hourAgo = await db.query(`
        SELECT * FROM inventory
        FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-22 10:00:00'
      `);
      expect(hourAgo.rows).toEqual([{ id: 1, name: 'apples', qty: 7 }]);
      const changes = await db.query(`
        SELECT * FROM inventory
        FOR SYSTEM_TIME BETWEEN
          TIMESTAMP '2026-01-22 09:00:00' AND
          TIMESTAMP '2026-01-22 10:00:00'
      `);
      const at = (time: string) => `2026-01-22T${time}.000Z`;
      expect(changes.rows).toEqual([
        // The one that began before the range, the one that is still there at its end, and what came and went.
        {
          id: 1,
          name: 'apples',
          qty: 5,
          row_start: at('08:00:00'),
          row_end: at('09:30:00'),
          row_start_lsn: 2,
          row_end_lsn: 4,
        },
        {
          id: 1,
          name: 'apples',
          qty: 7,
          row_start: at('09:30:00'),
          row_end: at('11:00:00'),
          row_start_lsn: 4,
          row_end_lsn: 6,
        },
        {
          id: 2,
          name: 'pears',
          qty: 1,
          row_start: at('09:30:00'),
          row_end: at('10:00:00'),
          row_start_lsn: 4,
          row_end_lsn: 5,
        },
      ]);
    }));

  for (const keyIndex of [false, true]) {
    it(`shows a state from its commit until just before the next one${keyIndex ? ', also with an index' : ''}`, () =>
      inObject(async (storage) => {
        const db = await inventory(storage, keyIndex);
        const at = async (time: string) =>
          stock((await db.query(`SELECT * FROM inventory FOR SYSTEM_TIME AS OF '2026-01-22 ${time}'`)).rows);
        expect(await at('07:30')).toEqual([]);
        expect(await at('08:00')).toEqual(['apples 5']);
        expect(await at('09:29:59.998')).toEqual(['apples 5']);
        // The first half of a transaction is not visible before the second one.
        expect(await at('09:29:59.999')).toEqual(['apples 5']);
        expect(await at('09:30')).toEqual(expect.arrayContaining(['apples 7', 'pears 1']));
        expect(await at('09:59:59.999')).toHaveLength(2);
        expect(await at('10:00')).toEqual(['apples 7']);
        expect(await at('11:00')).toEqual(['apples 9']);
        expect(await at('23:00')).toEqual(['apples 9']);
      }));
  }

  it('selects versions by each form as SQL:2011 does', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const versions = async (clause: string) =>
        stock(
          (await db.query(`SELECT * FROM inventory FOR SYSTEM_TIME ${clause} ORDER BY row_start_lsn, id`))
            .rows,
        );
      const t = (time: string) => `TIMESTAMP '2026-01-22 ${time}'`;
      expect(await versions('ALL')).toEqual(['apples 5', 'apples 7', 'pears 1', 'apples 9']);
      // FROM … TO leaves its end out, BETWEEN has it.
      expect(await versions(`FROM ${t('10:30')} TO ${t('11:00')}`)).toEqual(['apples 7']);
      expect(await versions(`BETWEEN ${t('10:30')} AND ${t('11:00')}`)).toEqual(['apples 7', 'apples 9']);
      expect(await versions(`FROM ${t('10:00')} TO ${t('10:30')}`)).toEqual(['apples 7']);
      expect(await versions(`FROM ${t('10:30')} TO ${t('10:30')}`)).toEqual([]);
      expect(await versions(`FROM ${t('11:00')} TO ${t('08:00')}`)).toEqual([]);
      expect(await versions(`BETWEEN ${t('10:30')} AND ${t('10:30')}`)).toEqual(['apples 7']);
      expect(await versions(`BETWEEN ${t('10:30')} AND ${t('10:29')}`)).toEqual([]);
      expect(await versions(`CONTAINED IN (${t('08:00')}, ${t('10:00')})`)).toEqual(['apples 5', 'pears 1']);
      expect(await versions(`CONTAINED IN (${t('08:01')}, ${t('11:00')})`)).toEqual(['apples 7', 'pears 1']);
      expect(await versions('FROM LSN 5 TO LSN 6')).toEqual(['apples 7']);
      expect(await versions('BETWEEN LSN 5 AND LSN 6')).toEqual(['apples 7', 'apples 9']);
      expect(await versions('CONTAINED IN (LSN 4, LSN 5)')).toEqual(['pears 1']);
    }));

  it('takes points in every notation', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const ms = Date.parse('2026-01-22T10:30:00Z');
      const at = async (point: string, params?: Parameters<typeof db.query>[1]) =>
        stock(
          (await db.query(`SELECT * FROM inventory FOR SYSTEM_TIME AS OF ${point} WHERE qty > 0`, params))
            .rows,
        );
      const { epoch } = db.log.head();
      for (const [point, params] of [
        ["'2026-01-22 10:30'"],
        ["'2026-01-22T10:30:00.000Z'"],
        ["timestamp '2026-01-22 12:30+02:00'"],
        ['?', [new Date(ms)]],
        ['?', ['2026-01-22 10:30:00']],
        ['?', [ms]],
        ['?1', [ms]],
        [':at', { at: ms }],
        [`${ms}`],
        [`(${ms} + 1)`],
        ["datetime('2026-01-22 11:30', '-1 hour')"],
        ["datetime(?, '-1 hour')", ['2026-01-22 11:30']],
        ['LSN 5'],
        ['LSN ?', [5]],
        ['LSN ?', [5n]],
        ['LSN (? + 1)', [4n]],
        [`TRANSACTION '${epoch}.5'`],
        ['TRANSACTION ?', [5]],
      ] as [string, Parameters<typeof db.query>[1]?][])
        expect(await at(point, params), point).toEqual(['apples 7']);
      expect(await at("DATE '2026-01-23'")).toEqual(['apples 9']);
      expect(await at('CURRENT_TIMESTAMP')).toEqual(['apples 9']);
      expect(await at(`TRANSACTION '${epoch}.4'`)).toHaveLength(2);
    }));

  it('keeps the other parameters of a statement in their places', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const { rows } = await db.query(
        'SELECT ? AS a, n.qty, o.qty AS before, ? AS b FROM inventory n JOIN inventory FOR SYSTEM_TIME AS OF LSN ? o ON o.id = n.id AND o.qty > ? WHERE n.name = ?',
        ['x', 'y', 2, 4, 'apples'],
      );
      expect(rows).toEqual([{ a: 'x', qty: 9, before: 5, b: 'y' }]);
      const named = await db.query(
        'SELECT :a AS a, qty FROM inventory FOR SYSTEM_TIME AS OF LSN :lsn WHERE qty > :min AND :a = :a',
        { a: 1, lsn: 4, min: 5 },
      );
      expect(named.rows).toEqual([{ a: 1, qty: 7 }]);
    }));

  it('works wherever a table may be read', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const one = async (sql: string) => (await db.query<unknown[]>(sql, [], { rows: 'values' })).rows;
      const past = 'inventory FOR SYSTEM_TIME AS OF LSN 4';
      expect(await one(`SELECT i.qty FROM ${past} AS i WHERE i.id = 1`)).toEqual([[7]]);
      expect(
        await one(`SELECT i.qty FROM ${past} i, inventory FOR SYSTEM_TIME AS OF LSN 2 j WHERE i.id = j.id`),
      ).toEqual([[7]]);
      expect(await one(`SELECT inventory.qty FROM main.${past} WHERE inventory.id = 1`)).toEqual([[7]]);
      expect(await one(`SELECT (SELECT sum(qty) FROM ${past})`)).toEqual([[8]]);
      expect(await one(`WITH i AS (SELECT * FROM ${past}) SELECT count(*) FROM i`)).toEqual([[2]]);
      expect(
        await one(
          `WITH inventory AS (SELECT 1 AS qty) SELECT sum(p.qty), count(*) FROM inventory, (SELECT * FROM main.${past}) p`,
        ),
      ).toEqual([[8, 2]]);
      expect(await one(`SELECT count(*) FROM inventory WHERE id IN (SELECT id FROM ${past})`)).toEqual([[1]]);
      expect(await one(`SELECT id FROM inventory EXCEPT SELECT id FROM ${past}`)).toEqual([]);
      expect(await one(`SELECT count(*) FROM inventory /* ; */ FOR -- x\n SYSTEM_TIME AS OF LSN 4`)).toEqual([
        [2],
      ]);
      await db.run('CREATE TABLE copy (id INTEGER, name TEXT, qty INTEGER)');
      expect(await db.run(`INSERT INTO copy SELECT * FROM ${past}`)).toMatchObject({ changes: 2 });
      await db.run(`UPDATE inventory SET qty = p.qty FROM ${past} p WHERE p.id = inventory.id`);
      expect(await one('SELECT qty FROM inventory')).toEqual([[7]]);
      expect(await one(`EXPLAIN QUERY PLAN SELECT * FROM ${past}`)).not.toEqual([]);
      expect((await db.explain(`SELECT * FROM ${past}`)).plan).not.toEqual([]);
    }));

  it('names columns as the text of the statement does', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const { columns } = await db.query(
        'SELECT (SELECT max(qty) FROM inventory FOR SYSTEM_TIME AS OF LSN 4), ?, qty+? FROM inventory FOR SYSTEM_TIME AS OF LSN 2',
        [1, 2],
      );
      expect(columns).toEqual(['(SELECT max(qty) FROM inventory FOR SYSTEM_TIME AS OF LSN 4)', '?', 'qty+?']);
    }));

  it('compares with the affinity and the collation of the columns', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, n INTEGER, d DATETIME)',
      );
      await db.run("INSERT INTO t VALUES (1, '5', 5, '2026-01-01'), (2, 'Ab', 6, 7)");
      const { lsn } = db.log.head();
      await db.run("UPDATE t SET code = 'zz', n = 0, d = NULL WHERE id = 2");
      await db.run('DELETE FROM t WHERE id = 1');
      for (const where of ["n = '5'", 'n = 5.0', 'code = 5', "d = '2026-01-01'", "id = '1'", "code = '5'"])
        expect(
          (await db.query(`SELECT id FROM t FOR SYSTEM_TIME AS OF LSN ${lsn} WHERE ${where}`)).rows,
          where,
        ).toEqual([{ id: 1 }]);
      for (const where of ["code = 'aB'", "d = '7'", 'd = 7', "code LIKE 'AB'"])
        expect(
          (await db.query(`SELECT id FROM t FOR SYSTEM_TIME AS OF LSN ${lsn} WHERE ${where}`)).rows,
          where,
        ).toEqual([{ id: 2 }]);
    }));

  it('compares versions with the collation of the columns, too', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, n INTEGER)');
      await db.run("INSERT INTO t VALUES (1, 'Ab', 5), (2, 'c', 6)");
      await db.run("UPDATE t SET code = 'D' WHERE id = 1");
      const ids = async (condition: string) =>
        (
          await db.query<number[]>(`SELECT id FROM t FOR SYSTEM_TIME ALL WHERE ${condition}`, [], {
            rows: 'values',
          })
        ).rows.flat();
      expect(await ids("code = 'aB'")).toEqual([1]);
      expect(await ids("code = 'C'")).toEqual([2]);
      expect(await ids("n = '5' AND code < 'B'")).toEqual([1]);
      expect(await db.versions('t', 'all', { where: { code: 'AB' } })).toHaveLength(1);
    }));

  for (const keyIndex of [false, true]) {
    it(`compares a column that was added later with its affinity${keyIndex ? ', also with an index' : ''}`, () =>
      inObject(async (storage) => {
        const db = await inventory(storage, keyIndex);
        await db.run('ALTER TABLE inventory ADD COLUMN boxes INTEGER DEFAULT 5');
        await db.run('ALTER TABLE inventory ADD COLUMN weight REAL DEFAULT 5');
        await db.run("ALTER TABLE inventory ADD COLUMN code TEXT COLLATE NOCASE DEFAULT 'Ab'");
        await db.run("INSERT INTO inventory (id, name) VALUES (3, 'figs')");
        const past = db.asOf(db.log.head());
        const conditions = ["boxes = '5'", "boxes IN ('5')", "weight = '5.0'", "code = 'AB'", 'boxes = 5'];
        const sources = ['inventory FOR SYSTEM_TIME AS OF LSN 4', 'inventory FOR SYSTEM_TIME ALL'];
        for (const where of conditions) {
          expect(past.querySync(`SELECT id FROM inventory WHERE ${where}`).rows, where).toHaveLength(2);
          for (const source of sources) {
            const [all, found] = [true, where].map((condition) =>
              db.querySync(`SELECT id FROM ${source} WHERE ${condition}`).rows.sort(),
            );
            expect(found, `${source} ${where}`).toEqual(all);
          }
        }
      }));
  }

  it('leaves out what came and went inside one transaction', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.batch([
        "INSERT INTO inventory VALUES (3, 'plums', 1)",
        "UPDATE inventory SET qty = 2 WHERE name = 'plums'",
        "UPDATE inventory SET qty = 3 WHERE name = 'plums'",
        "INSERT INTO inventory VALUES (4, 'figs', 1)",
        "DELETE FROM inventory WHERE name = 'figs'",
      ]);
      const versions = await db.versions<{ qty: number }>('inventory', 'all', { where: { name: 'plums' } });
      expect(versions.map(({ qty, row_end }) => [qty, row_end])).toEqual([[3, null]]);
      expect(await db.versions('inventory', 'all', { where: { name: 'figs' } })).toEqual([]);
    }));
});
