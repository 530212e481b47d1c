import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  driver: 'durable-sqlite',
  schema: './examples/flights/src/schema.ts',
  out: './examples/flights/drizzle',
});
