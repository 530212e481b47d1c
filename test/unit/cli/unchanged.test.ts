import { expect, test } from 'vitest';
import { withoutRepeated, withoutUnchanged } from '../../../cli/unchanged.ts';

const rebuild = (body: string) => [
  `CREATE TABLE \`__new_t\` (\n\t${body}\n)`,
  'INSERT INTO `__new_t`("id") SELECT "id" FROM `t`',
  'DROP TABLE `t`',
  'ALTER TABLE `__new_t` RENAME TO `t`',
];
const table = (sql: string) => [{ type: 'table', name: 't', sql }];

test('an index that is made before and behind the rebuild of its table stays', () => {
  const index = 'CREATE UNIQUE INDEX `i` ON `t` (`id`)';
  const all = rebuild('`id` integer');
  expect(withoutRepeated(['DROP INDEX `i`', index, ...all, index, index])).toEqual([
    'DROP INDEX `i`',
    ...all,
    index,
  ]);
});

test('a table is as it was where SQLite has put a new column last, or quoted a new name', () => {
  const fresh = rebuild("`id` integer,\n\t`a` text DEFAULT 'x, y',\n\tPRIMARY KEY(`id`)");
  const there = (sql: string) => withoutUnchanged(fresh, table(sql));
  expect(
    there("CREATE TABLE `t` (\n\t`id` integer,\n\tPRIMARY KEY(`id`)\n, `a` text DEFAULT 'x, y')"),
  ).toEqual([]);
  expect(
    there('CREATE TABLE "t" (\n\t`id` integer,\n\t"a" text DEFAULT \'x, y\',\n\tPRIMARY KEY(`id`)\n)'),
  ).toEqual([]);
  expect(
    there("CREATE TABLE `t` (\n\t`id` integer,\n\t`a` text DEFAULT 'x,y',\n\tPRIMARY KEY(`id`)\n)"),
  ).toEqual(fresh);
});
