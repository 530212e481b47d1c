export type {
  ColumnType,
  Format,
  HttpsOptions,
  Limits,
  R2Option,
  ReadOptions,
  SourceOptions,
  VirtualOptions,
} from './options.ts';
export { type VirtualApi, virtualTables } from './virtual.ts';
