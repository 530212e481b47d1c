import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project } from './project.ts';

const project = new Project();
beforeAll(() => project.install('drizzle-orm', 'drizzle-kit'));
afterAll(() => project.remove());

test('drizzle-kit generates nothing for a virtual table, its relations and its aliases', async () => {
  project.write(
    'schema.ts',
    `import { relations } from 'drizzle-orm';
import { alias, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { virtualTable } from '@dotdo/dosql/adapters/virtual';
export const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull() });
export const sales = virtualTable('r2://b/sales/*.parquet', { userId: integer().notNull(), amount: real() }, { name: 'sales' });
export const others = alias(sales, 'others');
export const saleRelations = relations(sales, ({ one }) => ({ user: one(users, { fields: [sales.userId], references: [users.id] }) }));
`,
  );
  const { code, stdout, stderr } = await project.run(
    'drizzle-kit',
    'generate',
    '--dialect=sqlite',
    '--schema=./schema.ts',
    '--out=./out',
    '--name=first',
  );
  expect(code, stdout + stderr).toBe(0);
  expect(readdirSync(project.at('out')).filter((name) => name.endsWith('.sql'))).toEqual(['0000_first.sql']);
  const sql = project.read('out/0000_first.sql');
  expect(sql).toContain('CREATE TABLE `users`');
  expect(sql).not.toMatch(/sales|others|r2:/);
});
