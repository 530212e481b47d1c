import {
  and,
  asc,
  count,
  desc,
  eq,
  gt,
  inArray,
  isNull,
  like,
  lt,
  or,
  type SQL,
  sql,
  sum,
} from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Mapper, mapRows } from '../../../drizzle/mapper.ts';
import { drizzle } from '../../../drizzle/sync.ts';
import { comments, posts, schema, users } from '../../workerd/drizzle/schema.ts';

/** Nothing runs here: queries are built against a storage that does nothing. */
const db = drizzle({ transactionSync() {} } as never, { schema });

/** A query and the parameters that its text leaves open, from the same description. */
interface Buildable {
  _prepare(oneTime?: boolean): { getQuery(): { sql: string; params: unknown[] } };
  toSQL(): { sql: string; params: unknown[] };
}

const number = fc.integer({ min: 0, max: 99 });
const string = fc.string({ maxLength: 6 });
const date = fc.integer({ min: 0, max: 2e9 }).map((seconds) => new Date(seconds * 1000));

/** A condition on users, as a function so that each build makes its own objects. */
const condition: fc.Arbitrary<() => SQL | undefined> = fc.letrec<{ tree: () => SQL | undefined }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    number.map((n) => () => eq(users.id, n)),
    string.map((s) => () => like(users.name, s)),
    fc.boolean().map((b) => () => eq(users.active, b)),
    date.map((d) => () => lt(users.createdAt, d)),
    date.map((d) => () => gt(users.seenAt, d)),
    fc.array(number, { maxLength: 5 }).map((list) => () => inArray(users.id, list)),
    fc.constant(() => isNull(users.email)),
    fc.constant(() => undefined),
    fc.tuple(string, number).map(
      ([s, n]) =>
        () =>
          sql`${users.name} || ${s} = ${n}`,
    ),
    string.map((s) => () => sql`${sql.identifier('name')} in ${[s, null, 1]}`),
    fc.array(tie('tree'), { maxLength: 3 }).map((parts) => () => and(...parts.map((part) => part()))),
    fc.array(tie('tree'), { maxLength: 3 }).map((parts) => () => or(...parts.map((part) => part()))),
    fc.constant(() =>
      inArray(users.id, db.select({ id: posts.authorId }).from(posts).where(gt(posts.id, 3))),
    ),
  ),
})).tree;

const selections = [
  () => undefined,
  () => ({ id: users.id, name: users.name }),
  () => ({ name: users.id, id: users.name }),
  () => ({ where: users.id, nested: { a: users.active, b: { c: users.createdAt } } }),
  () => ({ n: count(), s: sum(users.score) }),
  () => ({ n: sql<number>`${users.id} + ${1}`.mapWith(Number) }),
  () => ({ n: sql<number>`${users.id} + ${2}`.mapWith(String) }),
  () => ({ n: sql`${users.id}`.as('n'), m: sql`${users.id}`.as('m') }),
  () => ({ n: sql`${users.id}`.mapWith((value) => value) }),
  () => ({ users }),
];

const select: fc.Arbitrary<() => Buildable> = fc
  .record({
    fields: fc.constantFrom(...selections),
    distinct: fc.boolean(),
    join: fc.constantFrom('none', 'left', 'inner', 'alias', 'subquery'),
    on: number,
    where: condition,
    group: fc.boolean(),
    having: fc.option(number),
    order: fc.constantFrom('none', 'asc', 'desc', 'expression'),
    limit: fc.option(fc.integer({ min: -1, max: 3 })),
    offset: fc.option(fc.integer({ min: 0, max: 3 })),
  })
  .map((o) => () => {
    const fields = o.fields() as never;
    let query = (o.distinct ? db.selectDistinct(fields) : db.select(fields)).from(users).$dynamic();
    if (o.join === 'left')
      query = query.leftJoin(posts, and(eq(posts.authorId, users.id), gt(posts.id, o.on))) as never;
    if (o.join === 'inner') query = query.innerJoin(comments, eq(comments.id, o.on)) as never;
    if (o.join === 'alias') {
      const other = alias(users, 'other');
      query = query.leftJoin(other, and(eq(other.id, o.on), eq(other.active, true))) as never;
    }
    if (o.join === 'subquery')
      query = query.leftJoin(db.select().from(posts).where(eq(posts.id, o.on)).as('p'), sql`true`) as never;
    query = query.where(o.where()) as never;
    if (o.group) query = query.groupBy(users.role, sql`${users.id} % ${2}`) as never;
    if (o.having !== null) query = query.having(gt(count(), o.having)) as never;
    if (o.order === 'asc') query = query.orderBy(asc(users.id), users.name) as never;
    if (o.order === 'desc') query = query.orderBy(desc(users.id)) as never;
    if (o.order === 'expression') query = query.orderBy(sql`${users.id} + ${o.on}`) as never;
    if (o.limit !== null) query = query.limit(o.limit) as never;
    if (o.offset !== null) query = query.offset(o.offset) as never;
    return query as unknown as Buildable;
  });

const set = fc
  .record(
    {
      name: string,
      active: fc.boolean(),
      meta: fc.option(fc.record({ tags: fc.array(string, { maxLength: 2 }) }, { noNullPrototype: true })),
      seenAt: fc.option(date),
    },
    { requiredKeys: ['name'] },
  )
  .chain((values) =>
    fc
      .shuffledSubarray(Object.keys(values), { minLength: 1 })
      .map((keys) => Object.fromEntries(keys.map((key) => [key, values[key as 'name']]))),
  );

const write: fc.Arbitrary<() => Buildable> = fc
  .record({
    kind: fc.constantFrom('update', 'from', 'delete', 'insert', 'conflict'),
    set,
    rows: fc.array(
      set.map((row) => ({ ...row, name: 'n' })),
      { minLength: 1, maxLength: 4 },
    ),
    where: condition,
    returning: fc.constantFrom('none', 'all', 'some'),
    n: number,
  })
  .map((o) => () => {
    let query: { returning(fields?: unknown): unknown };
    if (o.kind === 'delete') query = db.delete(users).where(o.where()) as never;
    else if (o.kind === 'update')
      query = db
        .update(users)
        .set({ ...o.set, score: sql`${users.score} + ${o.n}` })
        .where(o.where()) as never;
    else if (o.kind === 'from')
      query = db
        .update(posts)
        .set({ title: sql`${users.name} || ${o.n}` })
        .from(users)
        .where(o.where()) as never;
    else if (o.kind === 'insert') query = db.insert(users).values(o.rows as never) as never;
    else
      query = db
        .insert(users)
        .values(o.rows as never)
        .onConflictDoUpdate({ target: users.id, set: o.set, setWhere: o.where() ?? sql`1` }) as never;
    if (o.returning === 'all') query = query.returning() as never;
    if (o.returning === 'some') query = query.returning({ id: users.id, n: sql`${o.n}` }) as never;
    return query as unknown as Buildable;
  });

const relational: fc.Arbitrary<() => Buildable> = fc
  .record({
    columns: fc.constantFrom(undefined, {}, { id: true }, { id: false }, { id: true, name: false }),
    posts: fc.constantFrom(undefined, true, {}, { columns: {} }, { columns: { title: true } }),
    inner: fc.option(number),
    nested: fc.boolean(),
    manager: fc.boolean(),
    extras: fc.option(number),
    where: condition,
    callback: fc.option(number),
    order: fc.constantFrom('none', 'one', 'list', 'callback'),
    limit: fc.option(fc.integer({ min: 0, max: 3 })),
    offset: fc.option(fc.integer({ min: 0, max: 3 })),
    first: fc.boolean(),
  })
  .map((o) => () => {
    const inner = {
      ...(typeof o.posts === 'object' && o.posts),
      ...(o.inner !== null && {
        where: (p: typeof posts) => gt(p.id, o.inner as number),
        limit: o.inner,
        orderBy: desc(posts.id),
      }),
      ...(o.nested && { with: { comments: { extras: { n: sql`${o.inner}`.as('n') } } } }),
    };
    const config = {
      ...(o.columns && { columns: o.columns }),
      with: {
        posts: o.posts === true && o.inner === null && !o.nested ? true : o.posts && inner,
        manager: o.manager,
      },
      ...(o.extras !== null && {
        extras: (u: typeof users) => ({ plus: sql`${u.id} + ${o.extras}`.as('plus') }),
      }),
      where:
        o.callback === null
          ? o.where()
          : (u: typeof users, { lt: below }: { lt: typeof lt }) => below(u.id, o.callback as number),
      ...(o.order === 'one' && { orderBy: asc(users.id) }),
      ...(o.order === 'list' && { orderBy: [asc(users.id), sql`${users.name} || ${o.limit}`] }),
      ...(o.order === 'callback' && { orderBy: (u: typeof users) => [u.id] }),
      ...(o.limit !== null && { limit: o.limit }),
      ...(o.offset !== null && { offset: o.offset }),
    } as never;
    return (o.first
      ? db.query.users.findFirst(config)
      : db.query.users.findMany(config)) as unknown as Buildable;
  });

/** Rows of a query as its mapper makes them of numbers; drizzle has one `_prepare` for relational queries. */
function mapped(query: Buildable, fresh: boolean): unknown {
  const { mapper } = (query._prepare(!fresh) as unknown as { form: { mapper?: Mapper } }).form;
  if (!mapper || mapper.decoders.length === 0) return undefined;
  try {
    return mapRows(mapper, [mapper.decoders.map((_, at) => at % 2)], 'throw');
  } catch (error) {
    return (error as Error).message;
  }
}

/** What a build gives, or the message with which it fails. */
function outcome(build: () => { sql: string; params: unknown[] }): unknown {
  try {
    const { sql: text, params } = build();
    return [text, params];
  } catch (error) {
    return (error as Error).message;
  }
}

const runs = 400 * Number(process.env['DOSQL_RUNS'] ?? 1);

describe('the text and the parameters of a known shape are those that drizzle builds', () => {
  test.each([
    ['selects', select],
    ['writes', write],
    ['relational queries', relational],
  ])('%s', (_name, arbitrary) => {
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 6 }), (queries) => {
        // Several queries in a row share one set of shapes; the second round finds what the first one left.
        for (const build of [...queries, ...queries]) {
          const expected = outcome(() => build().toSQL());
          expect(outcome(() => build()._prepare().getQuery())).toEqual(expected);
          if (Array.isArray(expected)) expect(mapped(build(), false)).toEqual(mapped(build(), true));
        }
      }),
      { numRuns: runs },
    );
  });
});
