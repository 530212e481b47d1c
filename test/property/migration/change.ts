import type { Random } from '../../workerd/wal/random.ts';
import {
  addParent,
  column,
  freshName,
  type Index,
  type Model,
  newColumn,
  newTable,
  plain,
  TYPES,
  used,
} from './model.ts';

export function newModel(r: Random): Model {
  const m: Model = { next: 1, tables: [], views: [], gone: [] };
  for (let n = 2 + r.int(3); n > 0; n--) m.tables.push(newTable(r, m));
  for (let n = r.int(4); n > 0; n--) change(r, m);
  return m;
}

/** One random change of a schema, in words; '' when it does not fit. */
export function change(r: Random, m: Model): string {
  const t = r.pick(m.tables);
  const c = r.pick(plain(t).length ? plain(t) : t.columns);
  const free = plain(t).includes(c);
  switch (r.int(24)) {
    case 0: {
      const n = newTable(r, m);
      m.tables.push(n);
      return `new table ${n.name}`;
    }
    case 1:
      if (m.tables.length < 3) return '';
      m.gone.push(t.name.toLowerCase());
      m.tables = m.tables.filter((x) => x !== t);
      m.views = m.views.filter((v) => v.table !== t.id);
      for (const x of m.tables) {
        for (const y of x.columns) if (y.parent?.table === t.id) delete y.parent;
        if (x.pair?.table === t.id) delete x.pair;
      }
      return `drop table ${t.name}`;
    case 2: {
      const old = t.name;
      t.name = freshName(
        r,
        m.tables.map(({ name }) => name),
        m.next++,
      );
      if (m.gone.includes(t.name.toLowerCase()) && t.name !== old) t.history++;
      return `rename ${old} to ${t.name}`;
    }
    case 3:
    case 4:
    case 5: {
      const n = newColumn(r, m, t);
      t.columns.push(n);
      return `add ${t.name}.${n.name}`;
    }
    case 6:
    case 7: {
      const old = c.name;
      c.name = freshName(
        r,
        t.columns.map(({ name }) => name),
        m.next++,
      );
      return `rename ${t.name}.${old} to ${c.name}`;
    }
    case 8:
    case 9:
      if (!free || used(t, c.id) || t.columns.length < 2) return '';
      t.columns = t.columns.filter((x) => x !== c);
      return `drop ${t.name}.${c.name}`;
    case 10:
    case 11:
      if (!free) return '';
      c.type = r.pick(TYPES);
      delete c.fallback;
      delete c.notNull;
      return `type of ${t.name}.${c.name}: ${c.type}`;
    case 12:
      if (!free) return '';
      if (c.notNull) delete c.notNull;
      else c.notNull = true;
      return `not null of ${t.name}.${c.name}: ${c.notNull}`;
    case 13:
      if (!free || c.type === 'blob') return '';
      if (c.fallback !== undefined) delete c.fallback;
      else c.fallback = c.type === 'text' ? 'd' : 3;
      return `default of ${t.name}.${c.name}: ${c.fallback}`;
    case 14:
      if (!free) return '';
      if (c.unique) delete c.unique;
      else c.unique = true;
      return `unique ${t.name}.${c.name}: ${c.unique}`;
    case 15:
    case 16: {
      if (t.indexes.length && r.once(2)) {
        const i = t.indexes.pop()!;
        return `drop index ${i.name}`;
      }
      const i: Index = { name: `i${m.next++}`, columns: [c.id] };
      if (r.once(3)) i.unique = true;
      if (r.once(3)) i.expression = true;
      if (r.once(3)) i.where = true;
      t.indexes.push(i);
      return `index ${i.name} on ${t.name}.${c.name} ${JSON.stringify(i)}`;
    }
    case 17:
      if (t.checks.length && r.once(2)) {
        t.checks.pop();
        return `drop check of ${t.name}`;
      }
      if (!free) return '';
      t.checks.push({ name: `c${m.next++}`, column: c.id });
      return `check ${t.name}.${c.name}`;
    case 18: {
      if (!free) return '';
      const id = m.next++;
      t.columns.push({
        id,
        name: `g${id}`,
        type: 'text',
        generated: { of: c.id },
      });
      return `generated g${id} of ${t.name}.${c.name}`;
    }
    case 19: {
      const g = t.columns.find((x) => x.generated && !used(t, x.id));
      if (!g) return '';
      t.columns = t.columns.filter((x) => x !== g);
      return `drop generated ${t.name}.${g.name}`;
    }
    case 20: {
      const parents = m.tables.filter((p) => p.key.length === 1);
      if (!parents.length) return '';
      addParent(r, m, t, r.pick(parents), false);
      return `new foreign key ${t.name}`;
    }
    case 21: {
      const f = t.columns.find((x) => x.parent);
      if (!f) return '';
      if (r.once(2)) {
        const d = r.pick(['cascade', 'set null', 'restrict'] as const);
        f.parent!.onDelete = d;
        return `rule of ${t.name}.${f.name}: ${d}`;
      }
      delete f.parent;
      return `drop foreign key ${t.name}.${f.name}`;
    }
    case 22: {
      if (m.views.length && r.once(2)) {
        const v = m.views.pop()!;
        return `drop view ${v.name}`;
      }
      const v = { name: `v${m.next++}`, table: t.id };
      m.views.push(v);
      return `view ${v.name} of ${t.name}`;
    }
    default: {
      if (m.tables.some((x) => x.pair?.table === t.id || x.columns.some((y) => y.parent?.table === t.id)))
        return '';
      // Another key.
      if (t.key.length === 1 && column(t, t.key[0]!).type === 'integer') {
        t.auto = !t.auto;
        return `autoincrement of ${t.name}: ${t.auto}`;
      }
      if (t.key.length === 2) {
        t.key = r.once(2) ? [] : [t.key[1]!, t.key[0]!];
        t.history++;
        return `key of ${t.name}: ${t.key}`;
      }
      return '';
    }
  }
}
