import {
  and,
  asc,
  avg,
  between,
  count,
  countDistinct,
  desc,
  eq,
  exists,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  like,
  lt,
  max,
  min,
  ne,
  not,
  notInArray,
  or,
  sql,
  sum,
} from 'drizzle-orm';
import type { drizzle as official } from 'drizzle-orm/durable-sqlite';
import { alias, except, intersect, union, unionAll } from 'drizzle-orm/sqlite-core';
import { activeUsers, comments, kinds, posts, type schema, users } from './schema.ts';

type Db = ReturnType<typeof official<typeof schema>>;

/** What a program written for the official driver does, without a hint of which driver it got. */
export const usages: Record<string, (db: Db) => unknown> = {
  'all rows': (db) => db.select().from(users).all(),
  'a row by key': (db) => db.select().from(users).where(eq(users.id, 2)).get(),
  'no row': (db) => db.select().from(users).where(eq(users.id, 99)).get(),
  'values of rows': (db) => db.select().from(users).orderBy(users.id).values(),
  'run of a select': (db) => void db.select().from(users).run(),
  awaited: async (db) => await db.select().from(users).where(gt(users.id, 1)),
  'a chosen set of columns': (db) => db.select({ n: users.name, a: users.active }).from(users).all(),
  'nested choice': (db) =>
    db
      .select({ who: { id: users.id, at: users.createdAt }, s: users.score })
      .from(users)
      .all(),
  'expressions with decoders': (db) =>
    db
      .select({
        n: count(),
        d: countDistinct(users.role),
        m: max(users.createdAt),
        l: min(users.score),
        s: sum(users.score),
        a: avg(users.score),
        up: sql<string>`upper(${users.name})`,
        b: sql`${users.active}`.mapWith(users.active),
      })
      .from(users)
      .all(),
  'an aliased expression': (db) => {
    const up = sql<string>`upper(${users.name})`.as('up');
    return db.select({ up }).from(users).orderBy(desc(up)).all();
  },
  'a closure as decoder': (db) =>
    db
      .select({ n: sql`${users.id}`.mapWith((v) => `#${v}`) })
      .from(users)
      .all(),
  'a whole table in a choice': (db) =>
    db.select({ users, t: posts.title }).from(users).innerJoin(posts, eq(posts.authorId, users.id)).all(),
  'all columns but one': (db) => {
    const { meta, ...rest } = getTableColumns(users);
    return db.select(rest).from(users).all();
  },
  'distinct values': (db) => db.selectDistinct({ role: users.role }).from(users).orderBy(users.role).all(),
  'every operator': (db) =>
    db
      .select()
      .from(users)
      .where(
        and(
          or(eq(users.name, 'Ada'), ne(users.id, 1)),
          gte(users.id, 1),
          lt(users.id, 9),
          between(users.id, 1, 3),
          isNotNull(users.createdAt),
          not(isNull(users.name)),
          like(users.name, '%'),
          inArray(users.id, [1, 2, 3]),
          notInArray(users.id, [7]),
        ),
      )
      .all(),
  'boolean and date parameters': (db) =>
    db
      .select()
      .from(users)
      .where(and(eq(users.active, true), lt(users.seenAt, new Date(1650000000000))))
      .all(),
  'an empty list': (db) => db.select().from(users).where(inArray(users.id, [])).all(),
  'a null parameter': (db) =>
    db
      .select()
      .from(users)
      .where(eq(users.email, sql`${null}`))
      .all(),
  'a filter that is not there': (db) => db.select().from(users).where(undefined).all(),
  'limit and offset': (db) => db.select().from(users).orderBy(asc(users.id)).limit(1).offset(1).all(),
  'limit zero': (db) => db.select().from(users).limit(0).all(),
  grouping: (db) =>
    db
      .select({ role: users.role, n: count() })
      .from(users)
      .groupBy(users.role)
      .having(({ n }) => gt(n, 1))
      .all(),
  'ordering by callback': (db) =>
    db
      .select()
      .from(users)
      .orderBy((t) => [desc(t.role), asc(t.name)])
      .all(),
  'filter by callback': (db) =>
    db
      .select({ i: users.id })
      .from(users)
      .where(({ i }) => gt(i, 1))
      .all(),
  'left join': (db) =>
    db.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)).orderBy(users.id, posts.id).all(),
  'left join of a choice': (db) =>
    db
      .select({ u: users.name, p: { id: posts.id, title: posts.title } })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .orderBy(users.id, posts.id)
      .all(),
  'left join with null first': (db) =>
    db
      .select({ u: users.name, p: { slug: posts.slug, title: posts.title } })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .orderBy(users.id, posts.id)
      .all(),
  'left join mixing tables': (db) =>
    db
      .select({ m: { email: users.email, title: posts.title } })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .orderBy(users.id, posts.id)
      .all(),
  'left join, one column': (db) =>
    db
      .select({ p: posts })
      .from(users)
      .leftJoin(posts, eq(posts.authorId, users.id))
      .orderBy(users.id, posts.id)
      .all(),
  'inner join': (db) =>
    db
      .select()
      .from(posts)
      .innerJoin(users, eq(posts.authorId, users.id))
      .innerJoin(comments, eq(comments.postId, posts.id))
      .orderBy(comments.id)
      .all(),
  'right join': (db) =>
    db.select().from(posts).rightJoin(users, eq(posts.authorId, users.id)).orderBy(users.id, posts.id).all(),
  'full join': (db) =>
    db
      .select()
      .from(comments)
      .fullJoin(posts, eq(posts.id, comments.postId))
      .orderBy(comments.id, posts.id)
      .all(),
  'cross join': (db) => db.select().from(users).crossJoin(posts).orderBy(users.id, posts.id).all(),
  'join with a callback': (db) =>
    db
      .select()
      .from(users)
      .leftJoin(posts, (t) => eq(posts.authorId, (t as unknown as { users: typeof users }).users.id))
      .orderBy(users.id, posts.id)
      .all(),
  'a table joined with itself': (db) => {
    const boss = alias(users, 'boss');
    return db.select().from(users).leftJoin(boss, eq(users.managerId, boss.id)).orderBy(users.id).all();
  },
  'only an alias': (db) => {
    const u = alias(users, 'u');
    return db.select({ id: u.id, at: u.seenAt }).from(u).where(eq(u.active, true)).orderBy(u.id).all();
  },
  'a subquery': (db) => {
    const sub = db
      .select({ id: users.id, n: sql<number>`length(${users.name})`.as('n') })
      .from(users)
      .as('sub');
    return db.select().from(sub).where(gt(sub.n, 2)).orderBy(sub.id).all();
  },
  'a join with a subquery': (db) => {
    const sub = db
      .select({ a: posts.authorId, n: count().as('n') })
      .from(posts)
      .groupBy(posts.authorId)
      .as('sub');
    return db
      .select({ name: users.name, n: sub.n })
      .from(users)
      .leftJoin(sub, eq(sub.a, users.id))
      .orderBy(users.id)
      .all();
  },
  'exists and in a subquery': (db) =>
    db
      .select()
      .from(users)
      .where(
        and(
          exists(db.select().from(posts).where(eq(posts.authorId, users.id))),
          inArray(users.id, db.select({ id: posts.authorId }).from(posts)),
        ),
      )
      .all(),
  'a common table expression': (db) => {
    const cte = db.$with('cte').as(db.select().from(users).where(eq(users.active, true)));
    return db.with(cte).select().from(cte).orderBy(cte.id).all();
  },
  'unions and their like': (db) => [
    union(db.select({ id: users.id }).from(users), db.select({ id: posts.id }).from(posts))
      .orderBy(sql`id`)
      .all(),
    unionAll(db.select({ id: users.id }).from(users), db.select({ id: posts.id }).from(posts))
      .orderBy(sql`id`)
      .limit(4)
      .all(),
    intersect(db.select({ id: users.id }).from(users), db.select({ id: posts.authorId }).from(posts)).all(),
    except(db.select({ id: users.id }).from(users), db.select({ id: posts.authorId }).from(posts)).get(),
    db
      .select({ id: users.id })
      .from(users)
      .union(db.select({ id: posts.id }).from(posts))
      .get(),
  ],
  'a view': (db) => db.select().from(activeUsers).orderBy(activeUsers.id).all(),
  'a dynamic query': (db) => db.select().from(users).$dynamic().where(eq(users.id, 1)).limit(1).all(),
  'a query changed after it ran': (db) => {
    const query = db.select().from(users).$dynamic();
    const before = query.all();
    return [before, query.where(eq(users.id, 1)).all()];
  },
  'insert and read back': (db) => {
    db.insert(users)
      .values({ name: 'Eve', meta: { tags: ['z'] }, seenAt: new Date(5), active: false })
      .run();
    return db.select().from(users).all();
  },
  'insert returning': (db) => [
    db.insert(posts).values({ authorId: 1, title: 'R' }).returning().all(),
    db
      .insert(posts)
      .values({ authorId: 1, title: 'S', slug: null })
      .returning({ id: posts.id, t: posts.title })
      .get(),
    db
      .insert(posts)
      .values([
        { authorId: 2, title: 'T', slug: 'x' },
        { authorId: 2, title: 'U' },
      ])
      .returning()
      .values(),
  ],
  'insert with expressions': (db) =>
    db
      .insert(posts)
      .values([
        { authorId: sql`1 + 1`, title: sql`upper(${'x'})` },
        { authorId: 4, title: 'V' },
      ])
      .returning()
      .all(),
  'insert from a select': (db) => {
    db.insert(comments)
      .select(
        db
          .select({
            id: sql<number>`${posts.id} + 100`.as('id'),
            postId: posts.id,
            body: posts.title,
            flagged: sql<boolean>`1`.as('flagged'),
            at: sql<Date>`null`.as('at'),
            extra: sql`null`.as('extra'),
          })
          .from(posts),
      )
      .run();
    return db.select().from(comments).all();
  },
  'conflict ignored': (db) => [
    db.insert(users).values({ id: 1, name: 'No' }).onConflictDoNothing().returning().all(),
    db
      .insert(users)
      .values({ id: 1, name: 'No' })
      .onConflictDoNothing({ target: users.id })
      .returning()
      .get(),
  ],
  'conflict updates': (db) =>
    db
      .insert(users)
      .values([
        { id: 1, name: 'New' },
        { id: 50, name: 'Fresh' },
      ])
      .onConflictDoUpdate({
        target: users.id,
        set: { name: sql`excluded.name || ${'!'}`, active: false },
        setWhere: gt(users.id, 0),
      })
      .returning()
      .all(),
  update: (db) => {
    db.update(users)
      .set({ name: 'X', meta: null, active: sql`1 - ${users.active}` })
      .where(eq(users.id, 2))
      .run();
    return db.select().from(users).all();
  },
  'update returning': (db) =>
    db
      .update(users)
      .set({ score: 1 })
      .where(gt(users.id, 1))
      .returning({ id: users.id, s: users.score })
      .all(),
  'update with $onUpdate': (db) =>
    db.update(posts).set({ title: 'changed' }).where(eq(posts.id, 1)).returning().get(),
  'update from another table': (db) => {
    db.update(posts).set({ slug: users.name }).from(users).where(eq(posts.authorId, users.id)).run();
    return db.select().from(posts).all();
  },
  delete: (db) => {
    db.delete(comments).where(eq(comments.id, 1)).run();
    return [db.delete(comments).returning({ id: comments.id }).all(), db.select().from(comments).all()];
  },
  'awaited writes': async (db) => {
    await db.insert(users).values({ name: 'W' });
    await db.update(users).set({ name: 'W2' }).where(eq(users.name, 'W'));
    const removed = await db.delete(users).where(eq(users.name, 'W2')).returning();
    return removed.map(({ name }) => name);
  },
  'prepared queries': (db) => {
    const query = db
      .select()
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .prepare();
    const byState = db
      .select()
      .from(users)
      .where(and(eq(users.active, sql.placeholder('active')), lt(users.seenAt, sql.placeholder('before'))))
      .prepare();
    return [
      query.all({ id: 1 }),
      query.get({ id: 2 }),
      query.values({ id: 3 }),
      query.get({ id: 4 }),
      query.execute({ id: 1 }).sync(),
      byState.all({ active: 1, before: 1650000000000 }),
    ];
  },
  'a prepared insert': (db) => {
    const query = db
      .insert(users)
      .values({ name: sql.placeholder('name'), meta: sql.placeholder('meta'), active: false })
      .returning()
      .prepare();
    return [query.get({ name: 'P', meta: { tags: ['p'] } }), query.all({ name: 'Q', meta: { tags: [] } })];
  },
  'a prepared query without its placeholder': (db) => {
    const query = db
      .select()
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .prepare();
    return messageOf(() => query.all());
  },
  'raw SQL': (db) => [
    db.all(sql`select id, name from users where id > ${1} order by id`),
    db.get(sql`select count(*) as n from users`),
    db.values(sql`select id, id from users order by id`),
    db.all('select 1 as one'),
    db.get(sql`select 1 where 0`),
    void db.run(sql`update users set name = ${'Raw'} where id = 1`),
    db.all(sql`select name from ${users} where ${users.id} = ${1}`),
    db.all(sql`select ${sql.identifier('name')} from users where id in ${[1, 2]}`),
    db.all(sql.raw('select 2 as two')),
  ],
  counting: async (db) => [
    await db.$count(users),
    await db.$count(users, eq(users.active, true)),
    db
      .select({ id: users.id, n: db.$count(posts, eq(posts.authorId, users.id)) })
      .from(users)
      .all(),
  ],
  'relational: all': (db) => db.query.users.findMany().sync(),
  'relational: first': (db) => [
    db.query.users.findFirst({ where: eq(users.id, 3) }).sync(),
    db.query.users.findFirst({ where: eq(users.id, 33) }).sync(),
  ],
  'relational: awaited': async (db) =>
    await db.query.posts.findMany({ with: { author: true, comments: true } }),
  'relational: nested': (db) =>
    db.query.users
      .findMany({
        columns: { id: true, name: true, createdAt: true },
        with: {
          manager: { columns: { name: true, active: true } },
          posts: {
            columns: { slug: false },
            with: { comments: { orderBy: desc(comments.id), limit: 2, where: (c, { gt: g }) => g(c.id, 0) } },
            orderBy: (p, { asc: a }) => [a(p.id)],
            limit: 5,
            offset: 0,
          },
        },
        where: (u, { and: all, gte: from, inArray: among }) => all(from(u.id, 1), among(u.id, [1, 2, 3])),
        orderBy: [desc(users.id)],
        limit: 10,
      })
      .sync(),
  'relational: extras': (db) =>
    db.query.users
      .findMany({
        columns: { id: true },
        extras: { up: sql<string>`upper(${users.name}) || ${'!'}`.as('up') },
        with: {
          posts: {
            extras: (p, { sql: s }) => ({ n: s<number>`length(${p.title}) + ${2}`.as('n') }),
            columns: { id: true },
          },
        },
      })
      .sync(),
  'relational: nulls': (db) =>
    db.query.comments.findMany({ with: { post: { with: { author: true } } } }).sync(),
  'relational: prepared': (db) => {
    const query = db.query.users
      .findMany({
        where: eq(users.id, sql.placeholder('id')),
        with: { posts: { where: gt(posts.id, sql.placeholder('from')) } },
      })
      .prepare();
    return [query.all({ id: 1, from: 1 }), query.execute({ id: 3, from: 0 }).sync()];
  },
  'relational: prepared, by every name': (db) => {
    const many = db.query.users.findMany({ where: gt(users.id, sql.placeholder('id')) }).prepare();
    const first = db.query.users.findFirst({ where: eq(users.id, sql.placeholder('id')) }).prepare();
    return [
      many.get({ id: 1 }),
      many.all({ id: 9 }),
      first.all({ id: 1 }),
      first.get({ id: 2 }),
      first.all({ id: 9 }),
    ];
  },
  'relational: nothing selected': (db) => messageOf(() => db.query.users.findMany({ columns: {} }).sync()),
  'a transaction': (db) => {
    const result = db.transaction((tx) => {
      tx.insert(users).values({ name: 'T' }).run();
      return tx.query.users.findFirst({ where: eq(users.name, 'T'), columns: { name: true } }).sync();
    });
    return [result, db.select({ n: count() }).from(users).get()];
  },
  'a transaction that fails': (db) => {
    const message = messageOf(() =>
      db.transaction((tx) => {
        tx.delete(users).run();
        throw new Error('no');
      }),
    );
    return [message, db.select({ n: count() }).from(users).get()];
  },
  'a transaction rolled back': (db) => [
    messageOf(() =>
      db.transaction((tx) => {
        tx.delete(users).run();
        tx.rollback();
      }),
    ),
    db.select({ n: count() }).from(users).get(),
  ],
  'nested transactions': (db) => {
    db.transaction((tx) => {
      tx.delete(comments).run();
      messageOf(() =>
        tx.transaction((inner) => {
          inner.delete(users).run();
          inner.rollback();
        }),
      );
    });
    return [db.select({ n: count() }).from(users).get(), db.select({ n: count() }).from(comments).get()];
  },
  'a prepared query inside a transaction': (db) => {
    const query = db
      .insert(users)
      .values({ name: sql.placeholder('name') })
      .prepare();
    db.transaction(() => {
      query.run({ name: 'A' });
      query.run({ name: 'B' });
    });
    return db.select({ n: count() }).from(users).get();
  },
  'every kind of column': (db) => {
    const row = {
      id: 1,
      bytes: Buffer.from([0, 255, 3]),
      json: { a: 1 },
      big: 2n ** 100n,
      amount: '12.5',
      count: 1.5,
      wide: 9007199254740993n,
      shout: 'Hey',
      where: 'w',
    };
    db.insert(kinds).values(row).run();
    db.insert(kinds).values({ id: 2 }).run();
    return [
      db.select().from(kinds).all(),
      db.query.kinds.findMany({ columns: { json: false, big: false, bytes: false } }).sync(),
      db.select().from(kinds).where(eq(kinds.where, 'w')).all(),
      db
        .insert(kinds)
        .values({ ...row, id: 3 })
        .returning()
        .all(),
    ];
  },
  'a column called like a clause': (db) => [
    db.select({ where: kinds.where, from: kinds.id }).from(kinds).all(),
    db.select({ from: kinds.where, where: kinds.id }).from(kinds).all(),
  ],
  'text of queries': (db) => [
    db.select().from(users).where(eq(users.id, 1)).toSQL(),
    db
      .insert(users)
      .values([{ name: 'a', id: 9 }, { name: 'b' }])
      .toSQL(),
    db.update(users).set({ name: 'a' }).toSQL(),
    db.delete(users).toSQL(),
    db.query.users.findMany({ with: { posts: true } }).toSQL(),
    db.select().from(users).prepare().getQuery().sql,
  ],
  'the message of a violation': (db) => [
    messageOf(() => db.insert(users).values({ id: 1, name: 'A' }).run()).includes(
      'UNIQUE constraint failed: users.id',
    ),
    messageOf(() =>
      db
        .insert(users)
        .values({ name: null as never })
        .run(),
    ).includes('NOT NULL constraint failed: users.name'),
    messageOf(() => db.run(sql`select * from nowhere`)),
    messageOf(() => db.all(sql`select * from nowhere`)).includes('no such table: nowhere'),
  ],
  'an awaited violation': async (db) => {
    try {
      return await db.insert(users).values({ id: 1, name: 'A' });
    } catch (error) {
      return (error as Error).message.includes('UNIQUE constraint failed: users.id');
    }
  },
  'no values': (db) => messageOf(() => db.insert(users).values([])),
  'catch and finally': async (db) => {
    const seen: string[] = [];
    await db
      .select()
      .from(users)
      .finally(() => seen.push('finally'));
    await db
      .insert(users)
      .values({ id: 1, name: 'A' })
      .catch(() => seen.push('caught'));
    return seen;
  },
};

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}
