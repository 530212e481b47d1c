import { expect } from 'vitest';
import type { Model } from './model.ts';

/** Cells by the names of their columns, as text. */
export type Row = Record<string, string | null>;
export interface Event {
  op: string;
  table: string;
  lsn: number;
  key: Row | null;
  before: Row | null;
  after: Row | null;
}

/** Rows by table and key, as one keeps them who only hears of changes. */
export class Replica {
  #tables = new Map<string, Map<string, Row>>();

  rows(table: string): Row[] {
    return [...(this.#tables.get(table)?.values() ?? [])];
  }

  play(events: readonly Event[], label: string): void {
    for (const { op, table, key, before, after, lsn } of events) {
      if (!key || op === 'schema') continue;
      const rows = this.#tables.get(table) ?? new Map<string, Row>();
      this.#tables.set(table, rows);
      const where = `${label}: ${op} at LSN ${lsn} of ${table}`;
      if (before) expect(rows.delete(keyOf(key, before)), `${where} knows the row before`).toBe(true);
      if (after) expect(rows.has(keyOf(key, after)), `${where} takes a free key`).toBe(false);
      if (after) rows.set(keyOf(key, after), after);
    }
  }

  /** What a receiver does when the schema changes: columns come, go and get other names. */
  follow(from: Model, to: Model): void {
    const moved = new Map([...this.#tables].filter(([name]) => !from.tables.some((t) => t.name === name)));
    for (const t of from.tables) {
      const now = to.tables.find((x) => x.id === t.id);
      const rows = this.#tables.get(t.name);
      if (!rows) continue;
      if (now?.history !== t.history) {
        moved.set(t.name, rows);
        continue;
      }
      const newName = (name: string) => {
        const old = t.columns.find((c) => c.name === name);
        return now.columns.find((c) => c.id === old?.id)?.name ?? name;
      };
      const fresh = new Map<string, Row>();
      for (const [key, row] of rows) {
        const cells = now.columns.map((c) => {
          const old = t.columns.find((x) => x.id === c.id);
          const added = c.fallback === undefined ? null : `${typeof c.fallback} ${c.fallback}`;
          return [c.name, old ? (row[old.name] ?? null) : added];
        });
        const parts = (JSON.parse(key) as [string, string][]).map(([name, value]) => [newName(name), value]);
        fresh.set(JSON.stringify(parts), Object.fromEntries(cells));
      }
      moved.set(now.name, fresh);
    }
    this.#tables = moved;
  }
}

/** A row without a key is known by its rowid. */
function keyOf(key: Row, row: Row): string {
  return JSON.stringify(Object.keys(key).map((name) => [name, name in row ? row[name] : key[name]]));
}
