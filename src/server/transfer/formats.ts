/** What a dump may be, and the content type it travels as. */
export const CONTENT_TYPES = {
  sql: 'text/x-sql',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
} as const;

export type Format = keyof typeof CONTENT_TYPES;

export const FORMATS = Object.keys(CONTENT_TYPES) as Format[];
