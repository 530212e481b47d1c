import { virtualTable } from '@dotdo/dosql/adapters/virtual';
import { integer, text } from 'drizzle-orm/sqlite-core';

/** A Parquet file in R2, three million rows, as a table: every flight in the United States in the first half of 2001. */
export const recorded = virtualTable(
  'r2://files/flights-3m.parquet',
  {
    date: integer({ mode: 'timestamp' }).notNull(),
    delay: integer().notNull(),
    distance: integer().notNull(),
    origin: text().notNull(),
    destination: text().notNull(),
  },
  { name: 'recorded' },
);
