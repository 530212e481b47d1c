import fc from 'fast-check';

/** Draws an integer from 0 to `max`, inclusive. */
type Draw = (max: number) => number;

/** Tables of the test schema with the columns a, b, c, d. */
const TABLES = [
  't1',
  't2',
  't3',
  'odd name',
  'select',
  'quo"te',
  'left',
  'window',
  'replace',
  'with',
  'größe$',
  'wr',
];
const NARROW = ['one', 'One Col'];
/** Names for common table expressions; some are tables too. */
const CTES = ['t1', 't3', 'x', 'y z', 'recursive', 'window', 'left', 'one', 'materialized', 'from'];
/** Words that SQLite takes without quotes for a table. */
const BARE = new Set([
  't1',
  't2',
  't3',
  'left',
  'window',
  'replace',
  'with',
  'größe$',
  'wr',
  'one',
  'x',
  'materialized',
]);
/** Aliases that need no quotes and no AS. */
const ALIASES = [
  'p',
  'q1',
  'key',
  'replace',
  'window',
  'conflict',
  'raise',
  'if',
  'with',
  'begin',
  'end',
  'é',
  'a$b',
];
/** Aliases that need quotes, or AS. */
const HARD_ALIASES = ['join', 'on', 'where', 'se"l', 'p q', 'order'];

interface Scope {
  /** Visible common table expressions of four columns, folded. */
  readonly wide: readonly string[];
  /** Those of one column. */
  readonly narrow: readonly string[];
  /** Names that cannot be used here: they would be a circular reference. */
  readonly blocked: readonly string[];
}

/** Writes random statements that SQLite accepts over the schema of sqlite.ts. Every row source has columns a to d. */
class Writer {
  #size = 0;
  constructor(private readonly draw: Draw) {}

  chance(percent: number): boolean {
    return this.draw(99) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.draw(items.length - 1)] as T;
  }

  /** White space, sometimes with a comment that looks like SQL. */
  gap(): string {
    if (!this.chance(8)) return ' ';
    return this.pick(['\n', '\t \r\n', ' /* from t9; ( */ ', " -- join t8 ' \n", '/**/', ' /*/ in t7 */ ']);
  }

  join(...parts: string[]): string {
    return parts.filter((part) => part !== '').join(this.gap());
  }

  mixed(word: string): string {
    return this.chance(70) ? word : word.toLowerCase();
  }

  quote(name: string): string {
    const style = this.draw(2);
    if (style === 0 && !name.includes(']')) return `[${name}]`;
    if (style === 1) return `\`${name.replaceAll('`', '``')}\``;
    return `"${name.replaceAll('"', '""')}"`;
  }

  /** `name` where a table is named. */
  table(name: string): string {
    if (BARE.has(name) && this.chance(70))
      return this.chance(20) ? name.replace(/^[a-z]/, (c) => c.toUpperCase()) : name;
    if (this.chance(10)) return `'${name.replaceAll("'", "''")}'`;
    return this.quote(name);
  }

  base(): string {
    return this.pick(TABLES);
  }

  usable(names: readonly string[], scope: Scope): string[] {
    return names.filter((name) => !scope.blocked.includes(name.toLowerCase()));
  }

  /** A row source for FROM and how its columns are qualified. */
  source(scope: Scope, depth: number, taken: Set<string>): { text: string; handle: string | undefined } {
    const roll = this.draw(99);
    let text: string;
    let name: string | undefined;
    if (roll < 12 && depth > 0) {
      text = `(${this.gap()}${this.select(scope, depth - 1)}${this.gap()})`;
    } else if (roll < 18) {
      text = this.pick(["json_each('[1,2]')", 'json_tree(\'{"from":1}\')', "pragma_table_info('t1')"]);
      text = `(SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d FROM ${text} ${this.pick(['', 'j', 'AS j'])})`;
    } else if (roll < 45 && this.usable(scope.wide, scope).length > 0) {
      name = this.pick(this.usable(scope.wide, scope));
      text = this.table(name);
    } else {
      const free = this.usable(TABLES, scope).filter(
        (t) => !scope.wide.includes(t) && !scope.narrow.includes(t),
      );
      if (this.chance(15)) {
        name = this.base();
        text = this.join(this.pick(['main', '"main"', '[main]']), '.', this.table(name));
      } else {
        name = this.pick(free.length > 0 ? free : ['t2']);
        text = this.table(name);
      }
    }
    const fresh = [...ALIASES, ...HARD_ALIASES].filter((alias) => !taken.has(alias));
    const alias = this.pick(fresh);
    if (name !== undefined && !taken.has(name) && this.chance(40)) {
      taken.add(name);
      return { text, handle: `"${name.replaceAll('"', '""')}"` };
    }
    taken.add(alias);
    const bare = ALIASES.includes(alias) && this.chance(70);
    const written = bare ? alias : this.chance(20) ? `'${alias}'` : this.quote(alias);
    text = this.join(text, this.chance(50) ? this.mixed('AS') : '', written);
    return { text, handle: `"${alias.replaceAll('"', '""')}"` };
  }

  from(scope: Scope, depth: number): { text: string; handles: string[] } {
    const taken = new Set<string>();
    const handles: string[] = [];
    const item = (nest: number): string => {
      if (nest > 0 && this.chance(10)) return `(${list(nest - 1)})`;
      const { text, handle } = this.source(scope, depth, taken);
      if (handle !== undefined) handles.push(handle);
      return text;
    };
    const list = (nest: number): string => {
      let text = item(nest);
      for (let n = this.draw(9) < 5 ? 0 : this.draw(2); n > 0; n--) {
        const roll = this.draw(5);
        if (roll === 0) text += `${this.gap()},${this.gap()}${item(nest)}`;
        else if (roll === 1)
          text = this.join(text, this.pick(['CROSS JOIN', 'natural join', 'NATURAL LEFT JOIN']), item(nest));
        else {
          const right = item(nest);
          const kind = this.pick([
            'JOIN',
            'left join',
            'INNER JOIN',
            'LEFT OUTER JOIN',
            'full join',
            'RIGHT JOIN',
          ]);
          const on = this.chance(60)
            ? `ON ${this.condition(handles, scope, depth)}`
            : handles.length === 2
              ? 'USING (a)'
              : '';
          text = this.join(text, kind, right, on);
        }
      }
      return text;
    };
    return { text: list(1), handles };
  }

  column(handles: readonly string[]): string {
    if (handles.length === 0) return this.pick(['1', "'from t9'", 'NULL']);
    return `${this.pick(handles)}.${this.pick(['a', '"b"', '[c]', 'd'])}`;
  }

  condition(handles: readonly string[], scope: Scope, depth: number): string {
    return this.expression(handles, scope, depth);
  }

  expression(handles: readonly string[], scope: Scope, depth: number): string {
    const c = () => this.column(handles);
    if (depth <= 0 || ++this.#size > 40) return c();
    const e = () => this.expression(handles, scope, depth - 1);
    switch (this.draw(17)) {
      case 0:
        return `${c()} IS NOT DISTINCT FROM ${c()}`;
      case 1:
        return `${c()} is distinct from ${e()}`;
      case 2:
        return `CASE WHEN ${e()} THEN ${e()} ELSE ${c()} END`;
      case 3:
        return `(${this.select(scope, depth - 1, 1)})`;
      case 4:
        return `EXISTS${this.gap()}(${this.select(scope, depth - 1)})`;
      case 5: {
        const tables = NARROW.filter((n) => !scope.wide.includes(n) && !scope.blocked.includes(n));
        const names = [...tables, ...this.usable(scope.narrow, scope)];
        return names.length === 0
          ? c()
          : this.join(`${c()}`, this.pick(['IN', 'not in']), this.table(this.pick(names)));
      }
      case 6:
        return `${c()} IN (${this.select(scope, depth - 1, 1)})`;
      case 7:
        return `((${c()}, 1, 2, 3) IN ${this.pick(['main.t1', '\'main\' . "odd name"'])})`;
      case 8:
        return `replace(${c()}, 'in t9', 't8')`;
      case 9:
        return `${c()} IN (1, 'x', ${e()})`;
      case 10:
        return `CAST(${e()} AS TEXT)`;
      case 11:
        return `(${e()} AND NOT ${e()})`;
      case 12:
        return `${c()} || '''; from t9' COLLATE nocase`;
      case 13:
        return `${c()} ->> '$.from'`;
      case 14:
        return `${c()} BETWEEN ${c()} AND ${c()}`;
      case 15:
        return `${c()} IN (SELECT value FROM json_each('[1]') ${this.pick(['', 'left_alias', 'AS "in"'])})`;
      case 16:
        return `(${this.with(scope, depth - 1, (inner) => this.core(inner, depth - 1, 1))})`;
      default:
        return c();
    }
  }

  core(scope: Scope, depth: number, width = 4): string {
    if (this.chance(6)) {
      const row = `(${['1', "'x'", '2.5', 'NULL'].slice(0, width).join()})`;
      return this.join('VALUES', row, this.chance(40) ? `, ${row}` : '');
    }
    if (this.chance(5)) return `SELECT ${['1 AS a', '2 AS b', '3 AS c', '4 AS d'].slice(0, width).join()}`;
    const { text, handles } = this.from(scope, depth);
    const names = ['a', 'b', 'c', 'd'].slice(0, width);
    const grouped = this.chance(12);
    const windowed = !grouped && this.chance(12);
    const columns = names.map((name, i) => {
      if (windowed && i === 0) return 'row_number() OVER win AS a';
      if (windowed && i === 1)
        return `sum(1) FILTER (WHERE 1) OVER (PARTITION BY ${this.column(handles)}) AS b`;
      return `${this.expression(handles, scope, depth)} AS ${name}`;
    });
    return this.join(
      this.mixed('SELECT'),
      this.chance(15) ? 'DISTINCT' : '',
      columns.join(`${this.gap()},`),
      this.mixed('FROM'),
      text,
      this.chance(40) ? `WHERE ${this.condition(handles, scope, depth)}` : '',
      grouped ? `GROUP BY ${this.column(handles)} HAVING count(*) > 0` : '',
      windowed ? `WINDOW win AS (ORDER BY ${this.column(handles)}), "from" AS (win)` : '',
    );
  }

  with(scope: Scope, depth: number, body: (scope: Scope) => string): string {
    const names: string[] = [];
    const kinds: boolean[] = [];
    for (let n = 1 + this.draw(1); n > 0; n--) {
      const name = this.pick(CTES.filter((cte) => !names.includes(cte)));
      names.push(name);
      kinds.push(this.chance(70));
    }
    const bodies: string[] = [];
    const inner = (upTo: number, blocked: readonly string[]): Scope => ({
      wide: [
        ...scope.wide.filter((n) => !names.includes(n)),
        ...names.filter((_, i) => kinds[i] && i < upTo),
      ],
      narrow: [
        ...scope.narrow.filter((n) => !names.includes(n)),
        ...names.filter((_, i) => !kinds[i] && i < upTo),
      ],
      blocked: [...scope.blocked.filter((n) => !names.includes(n)), ...blocked],
    });
    names.forEach((name, i) => {
      const own = inner(i, names.slice(i));
      const width = kinds[i] ? 4 : 1;
      const written = BARE.has(name) && this.chance(60) ? name : this.quote(name);
      const columns = kinds[i] ? '(a, b, c, d)' : '(v)';
      let select: string;
      if (kinds[i] && this.chance(25)) {
        select = this.join(
          'SELECT 1, 2, 3, 4 UNION ALL SELECT a + 1, b, c, d FROM',
          this.table(name),
          'WHERE a < 3',
        );
      } else select = this.select(own, depth, width);
      bodies.push(
        this.join(
          written + this.gap() + columns,
          'AS',
          this.pick(['', '', 'MATERIALIZED', 'not materialized']),
          `(${select})`,
        ),
      );
    });
    return this.join(
      'WITH',
      this.chance(30) ? 'RECURSIVE' : '',
      bodies.join(`${this.gap()},`),
      body(inner(names.length, [])),
    );
  }

  select(scope: Scope, depth: number, width = 4): string {
    if (depth > 0 && this.chance(20))
      return this.with(scope, depth - 1, (inner) => this.compound(inner, depth, width));
    return this.compound(scope, depth, width);
  }

  compound(scope: Scope, depth: number, width: number): string {
    let text = this.core(scope, depth, width);
    while (this.chance(15)) {
      text = this.join(
        text,
        this.pick(['UNION', 'UNION ALL', 'except', 'INTERSECT']),
        this.core(scope, depth - 1, width),
      );
    }
    const limited = this.chance(15) && !/^\s*VALUES|\bVALUES[^)]*\)[^)]*$/.test(text);
    return limited
      ? this.join(text, 'ORDER BY 1', this.pick(['', 'LIMIT 5', 'LIMIT 1, 2', 'LIMIT 2 OFFSET 1']))
      : text;
  }

  target(): { text: string; handle: string } {
    const name = this.base();
    const text = this.chance(20) ? `main.${this.table(name)}` : this.table(name);
    if (this.chance(70)) return { text, handle: `"${name.replaceAll('"', '""')}"` };
    const alias = this.pick([...ALIASES, ...HARD_ALIASES]);
    return { text: this.join(text, 'AS', this.quote(alias)), handle: `"${alias.replaceAll('"', '""')}"` };
  }

  statement(): string {
    const none: Scope = { wide: [], narrow: [], blocked: [] };
    const depth = this.draw(3);
    const returning = () => (this.chance(30) ? 'RETURNING *, a + 1 AS "from"' : '');
    const prefixed = (body: (scope: Scope) => string) =>
      this.chance(30) ? this.with(none, 1, body) : body(none);
    switch (this.draw(7)) {
      case 0:
        return prefixed((scope) => {
          const { text } = this.target();
          const verb = this.pick([
            'INSERT INTO',
            'REPLACE INTO',
            'INSERT OR REPLACE INTO',
            'insert or ignore into',
          ]);
          const select = this.select(scope, depth);
          // A join before ON CONFLICT would take the ON for its own.
          const upsert = verb === 'INSERT INTO' && this.chance(40);
          const rows = upsert ? `SELECT * FROM (${select}) WHERE true` : select;
          const conflict = upsert
            ? this.pick([
                'ON CONFLICT DO NOTHING',
                'ON CONFLICT(a) DO UPDATE SET b = excluded.b, c = (SELECT max(v) FROM one) WHERE d IN "One Col"',
              ])
            : '';
          return this.join(verb, text, this.chance(50) ? '(a, b, c, d)' : '', rows, conflict, returning());
        });
      case 1:
        return prefixed((scope) => {
          const { text, handle } = this.target();
          const from = this.chance(50)
            ? `FROM ${this.table('t2')} AS "zz", (${this.select(scope, depth)}) zy`
            : '';
          const where = this.chance(60) ? `WHERE ${this.condition([handle], scope, depth)}` : '';
          const verb = this.pick(['UPDATE', 'UPDATE OR REPLACE', 'update or ignore']);
          return this.join(
            verb,
            text,
            'SET b =',
            this.expression([handle], scope, depth),
            ', (c, d) = (1, 2)',
            from,
            where,
            returning(),
          );
        });
      case 2:
        return prefixed((scope) => {
          const { text, handle } = this.target();
          return this.join(
            'DELETE FROM',
            text,
            this.chance(70) ? `WHERE ${this.condition([handle], scope, depth)}` : '',
            returning(),
          );
        });
      default:
        return this.select(none, depth);
    }
  }
}

/** Random statements over the test schema. */
export const statements: fc.Arbitrary<string> = fc
  .array(fc.nat({ max: 0xffff }), { minLength: 30, maxLength: 400, size: 'max' })
  .map((tape) => {
    let at = 0;
    const writer = new Writer((max) => (max <= 0 ? 0 : (tape[at++ % tape.length]! + at) % (max + 1)));
    return writer.statement();
  });
