import type { Random } from '../../workerd/wal/random.ts';

export type Type = 'integer' | 'text' | 'real' | 'numeric' | 'blob';
export interface Column {
  id: number;
  name: string;
  type: Type;
  notNull?: boolean;
  fallback?: string | number;
  unique?: boolean;
  generated?: { of: number };
  parent?: { table: number; onDelete?: 'cascade' | 'set null' | 'restrict'; onUpdate?: 'cascade' };
}
export interface Index {
  name: string;
  columns: number[];
  unique?: boolean;
  expression?: boolean;
  where?: boolean;
}
export interface Table {
  id: number;
  name: string;
  columns: Column[];
  /** Of the primary key; one integer column is the rowid. */
  key: number[];
  auto?: boolean;
  indexes: Index[];
  checks: { name: string; column: number }[];
  /** A composite foreign key to a table with a composite key. */
  pair?: { table: number; columns: number[]; onDelete?: 'cascade' };
  /** Changed when the key is. */
  history: number;
}
export interface Model {
  next: number;
  /** Names of tables that were dropped. */
  gone: string[];
  tables: Table[];
  views: { name: string; table: number }[];
}

const NAMES = [
  'a',
  'b',
  'name',
  'order',
  'my col',
  'größe',
  'camelCase',
  'x-y',
  'value',
  'group',
  'Title',
  'rowid_',
  'n',
];
export const TYPES: Type[] = ['integer', 'text', 'real', 'numeric', 'blob'];

export const freshName = (r: Random, taken: readonly string[], n: number) => {
  const base = r.pick(NAMES);
  return taken.some((name) => name.toLowerCase() === base.toLowerCase()) ? `${base}${n}` : base;
};
export const column = (t: Table, id: number) => t.columns.find((c) => c.id === id)!;
export const plain = (t: Table) =>
  t.columns.filter(
    (c) => !c.generated && !t.key.includes(c.id) && !c.parent && !t.pair?.columns.includes(c.id),
  );
export const used = (t: Table, id: number) =>
  t.key.includes(id) ||
  t.indexes.some((i) => i.columns.includes(id)) ||
  t.checks.some((c) => c.column === id) ||
  t.columns.some((c) => c.generated?.of === id) ||
  t.pair?.columns.includes(id);

export function newColumn(r: Random, m: Model, t: Table): Column {
  const id = m.next++;
  const type = r.pick(TYPES);
  const c: Column = {
    id,
    name: freshName(
      r,
      t.columns.map(({ name }) => name),
      id,
    ),
    type,
  };
  if (r.once(3))
    c.fallback =
      type === 'text'
        ? r.pick(["it's", '', '7', 'ü'])
        : type === 'blob'
          ? (undefined as never)
          : r.pick([0, 7, -1, 2.5].filter((n) => type !== 'integer' || Number.isInteger(n)));
  if (c.fallback === undefined) delete c.fallback;
  if (c.fallback !== undefined && r.once(2)) c.notNull = true;
  return c;
}

export function newTable(r: Random, m: Model): Table {
  const id = m.next++;
  const t: Table = {
    id,
    name: freshName(
      r,
      m.tables.map(({ name }) => name),
      id,
    ),
    columns: [],
    key: [],
    indexes: [],
    checks: [],
    history: 0,
  };
  const kind = r.int(8);
  const add = (c: Partial<Column> & { name: string; type: Type }) => {
    const full = { id: m.next++, ...c };
    t.columns.push(full);
    return full.id;
  };
  if (kind === 0) t.key = [add({ name: 'id', type: 'text' })];
  else if (kind === 1) t.key = [add({ name: 'k1', type: 'text' }), add({ name: 'k2', type: 'integer' })];
  else if (kind !== 2) {
    t.key = [add({ name: 'id', type: 'integer' })];
    t.auto = r.once(3);
  }
  for (let n = 1 + r.int(3); n > 0; n--) t.columns.push(newColumn(r, m, t));
  const parents = [...m.tables, t].filter((p) => p.key.length === 1);
  if (parents.length && r.once(2)) addParent(r, m, t, r.pick(parents));
  const composite = m.tables.filter((p) => p.key.length === 2);
  if (composite.length && r.once(2)) {
    t.pair = {
      table: r.pick(composite).id,
      columns: [add({ name: 'p1', type: 'text' }), add({ name: 'p2', type: 'integer' })],
      ...(r.once(2) && { onDelete: 'cascade' as const }),
    };
  }
  return t;
}

export function addParent(r: Random, m: Model, t: Table, p: Table, rules = true) {
  const id = m.next++;
  const type = column(p, p.key[0]!).type;
  const onDelete = rules
    ? r.pick(['cascade', 'cascade', 'set null', 'restrict', undefined] as const)
    : undefined;
  t.columns.push({
    id,
    name: freshName(
      r,
      t.columns.map(({ name }) => name),
      id,
    ),
    type,
    parent: {
      table: p.id,
      ...(onDelete && { onDelete }),
      ...(rules && p !== t && r.once(2) && { onUpdate: 'cascade' as const }),
    },
  });
}
