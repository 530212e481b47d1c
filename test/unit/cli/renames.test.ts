import { expect, test } from 'vitest';
import { renamesIn, withRenames } from '../../../cli/renames.ts';

/** What drizzle-kit 0.31 prints when its questions are answered. */
const printed = `\u001b[33m~\u001b[39m name › full name \u001b[90mcolumn will be renamed\u001b[39m
\u001b[32m+\u001b[39m age \u001b[90mcolumn will be created\u001b[39m
\u001b[90m--- all columns conflicts in users table resolved ---
\u001b[39m
~ a › b column will be renamed
--- all columns conflicts in other table resolved ---
`;
const created =
  'CREATE TABLE `__new_users` (\n\t`id` integer,\n\t`full name` text NOT NULL,\n\t`age` integer\n)';
const end = ['DROP TABLE `users`', 'ALTER TABLE `__new_users` RENAME TO `users`'];

test('the answers to questions about names are read from what drizzle-kit prints', () => {
  expect(renamesIn(printed)).toEqual([
    { table: 'users', from: 'name', to: 'full name' },
    { table: 'other', from: 'a', to: 'b' },
  ]);
});

test('a column that is renamed in a table that is made anew keeps its values, and the table its rows', () => {
  const statements = ['DELETE FROM `users`', 'DELETE FROM `gone`', created, ...end];
  const warnings = [
    "You're about to delete name column in users table with 5 items",
    "You're about to add not-null full name column without default value to table, which contains 5 items",
    "You're about to delete gone table with 2 items",
  ];
  expect(withRenames({ statements, warnings }, renamesIn(printed))).toEqual({
    statements: [
      'DELETE FROM `gone`',
      'ALTER TABLE `users` RENAME COLUMN "name" TO "full name"',
      created,
      'INSERT INTO `__new_users`("id", "full name", "age") SELECT "id", "full name", "age" FROM `users`',
      ...end,
    ],
    warnings: ["You're about to delete gone table with 2 items"],
  });
});

test('what drizzle-kit renames by itself is left alone', () => {
  const plan = {
    statements: [
      'ALTER TABLE `users` RENAME COLUMN "name" TO "full name"',
      'DELETE FROM `x`',
      created,
      ...end,
    ],
    warnings: ['some'],
  };
  expect(withRenames(plan, renamesIn(printed))).toEqual(plan);
  expect(withRenames(plan, [])).toEqual(plan);
});
