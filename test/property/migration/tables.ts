import { type SQL, sql } from 'drizzle-orm';
import {
  blob,
  check,
  foreignKey,
  index,
  integer,
  numeric,
  primaryKey,
  real,
  sqliteTable,
  sqliteView,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import { quoteIdentifier } from '../../../src/sql/identifier.ts';
import { sqlLiteral } from '../../../src/sql/literal.ts';
import type { Random } from '../../workerd/wal/random.ts';
import { type Column, column, type Model } from './model.ts';

/** drizzle's builders have a type per schema; these are of schemas that nobody has written down. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;

/** The model as Drizzle tables and views. */
export function drizzleSchema(m: Model): Record<string, unknown> {
  const schema: Record<string, Any> = {};
  for (const t of m.tables) {
    const columns: Record<string, Any> = {};
    for (const c of t.columns) {
      const make = { integer, text, real, numeric, blob }[c.type] as (name: string) => Any;
      let b = make(c.name);
      if (t.key.length === 1 && t.key[0] === c.id)
        b = b.primaryKey(t.auto ? { autoIncrement: true } : undefined);
      if (c.notNull) b = b.notNull();
      if (c.fallback !== undefined) b = b.default(c.fallback);
      if (c.unique) b = b.unique();
      if (c.generated)
        b = b.generatedAlwaysAs(sql.raw(`(typeof("${column(t, c.generated.of).name}"))`), {
          mode: 'virtual',
        });
      if (c.parent) {
        const { table, ...rules } = c.parent;
        const p = m.tables.find(({ id }) => id === table)!;
        b = b.references(() => schema[`t${table}`][`c${p.key[0]}`], rules);
      }
      columns[`c${c.id}`] = b;
    }
    schema[`t${t.id}`] = sqliteTable(t.name, columns, (self: Any) => {
      const extras: Any[] = [];
      if (t.key.length === 2)
        extras.push(primaryKey({ columns: t.key.map((id) => self[`c${id}`]) as never }));
      for (const i of t.indexes) {
        const col = self[`c${i.columns[0]}`];
        const on: SQL | unknown = i.expression ? sql`lower(${col})` : col;
        let b = (i.unique ? uniqueIndex : index)(i.name).on(on as never);
        if (i.where) b = b.where(sql`${col} is not null`);
        extras.push(b);
      }
      for (const c of t.checks) extras.push(check(c.name, sql`${self[`c${c.column}`]} is not 'bad'`));
      if (t.pair) {
        const p = m.tables.find(({ id }) => id === t.pair!.table)!;
        const k = foreignKey({
          columns: t.pair.columns.map((id) => self[`c${id}`]) as never,
          foreignColumns: p.key.map((id) => schema[`t${p.id}`][`c${id}`]) as never,
        });
        extras.push(t.pair.onDelete ? k.onDelete(t.pair.onDelete) : k);
      }
      return extras;
    });
  }
  for (const v of m.views) {
    const t = schema[`t${v.table}`];
    const c = m.tables.find(({ id }) => id === v.table)!.columns[0]!;
    schema[v.name] = sqliteView(v.name).as((qb) => qb.select({ c: t[`c${c.id}`] }).from(t));
  }
  return schema;
}

const VALUES = [
  'NULL',
  '0',
  '1',
  '5',
  '-3',
  '2.5',
  "''",
  "'5'",
  "'05'",
  "'1e2'",
  "'x'",
  "'X'",
  "'2.50'",
  "x'00ff'",
  "'ü😀'",
  "'bad'",
  '3e10',
  "' 7 '",
];

/** Statements that change rows; some fail, as they do. */
export function randomWrites(r: Random, m: Model, n: number): string[] {
  return Array.from({ length: n }, () => {
    const t = r.pick(m.tables);
    const cols = t.columns.filter((c) => !c.generated);
    const value = (c: Column) =>
      t.key.includes(c.id) || c.parent || t.pair?.columns.includes(c.id)
        ? c.parent && r.once(3)
          ? 'NULL'
          : c.type === 'text'
            ? sqlLiteral(r.pick(['k', 'l', 'm', 'K', '5']))
            : c.type === 'integer'
              ? `${1 + r.int(6)}`
              : `${r.int(4)}`
        : r.pick(VALUES);
    const where = () => {
      const c = r.pick(cols);
      return `${quoteIdentifier(c.name)} ${r.pick(['=', 'IS NOT', '>'])} ${value(c)}`;
    };
    const kind = r.int(10);
    if (kind < 6) {
      const given = cols.filter((c) =>
        t.key.includes(c.id) ? !t.auto || r.once(2) : c.fallback === undefined || r.once(2),
      );
      if (!given.length) return `INSERT INTO ${quoteIdentifier(t.name)} DEFAULT VALUES`;
      return `INSERT${r.pick(['', '', '', ' OR REPLACE', ' OR IGNORE'])} INTO ${quoteIdentifier(t.name)} (${given.map((c) => quoteIdentifier(c.name))}) VALUES (${given.map(value)})`;
    }
    if (kind < 9) {
      const c = r.pick(cols);
      return `UPDATE${r.pick(['', '', ' OR IGNORE', ' OR REPLACE'])} ${quoteIdentifier(t.name)} SET ${quoteIdentifier(c.name)} = ${value(c)} WHERE rowid = (SELECT min(rowid) FROM ${quoteIdentifier(t.name)} WHERE ${where()})`;
    }
    return `DELETE FROM ${quoteIdentifier(t.name)} WHERE ${where()}`;
  });
}
