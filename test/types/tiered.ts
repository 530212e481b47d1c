import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { expectTypeOf } from 'vitest';
import { type AgeColumn, tiered } from '../../adapters/tiered.ts';
import type { TierPolicy } from '../../src/fsx/index.ts';

const events = sqliteTable('events', {
  id: integer().primaryKey(),
  at: integer({ mode: 'timestamp' }).notNull(),
  day: text(),
  amount: real(),
  flag: integer({ mode: 'boolean' }),
  tags: text({ mode: 'json' }).$type<string[]>(),
});
const others = sqliteTable('others', { at: integer({ mode: 'timestamp' }) });

expectTypeOf(tiered(events, { by: events.at, hot: '24h', warm: '7d' })).toEqualTypeOf<TierPolicy>();
expectTypeOf(tiered(events, { by: events.day, hot: 5000 })).toEqualTypeOf<TierPolicy>();
expectTypeOf<typeof events.id>().toExtend<AgeColumn<typeof events>>();
// @ts-expect-error a number with a fraction is no date
tiered(events, { by: events.amount });
// @ts-expect-error a boolean is no date
tiered(events, { by: events.flag });
// @ts-expect-error JSON is no date
tiered(events, { by: events.tags });
// @ts-expect-error a column of another table
tiered(events, { by: others.at });
// @ts-expect-error no duration
tiered(events, { by: events.at, hot: '5 weeks' });
