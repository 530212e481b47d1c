import type { Extension } from '../engine/extension.ts';
import type { Scope } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { addResolver } from '../relation/relations.ts';
import type { Foreign } from '../relation/resolver.ts';
import { parseAllowed, shown } from './allow.ts';
import { checkOptions, isReadFunction, optionsOf, parseCall } from './arguments.ts';
import { FileCache } from './cache.ts';
import { DECLARED } from './declared.ts';
import type { ExternalFile } from './file.ts';
import { httpsFile } from './https.ts';
import { DEFAULTS, type Limits, type R2Option, type SourceOptions, type VirtualOptions } from './options.ts';
import { r2Files } from './r2.ts';
import { openReader } from './reader.ts';
import type { Budget } from './request.ts';
import { Slots } from './slots.ts';
import { FilesTable } from './table.ts';

/** What {@link virtualTables} adds to a Database. */
export interface VirtualApi {
  /**
   * Gives a source a name, which statements of this object's databases may use like a table's until the object is
   * evicted. With `columns`, nothing of it is read to find out what it has.
   * @throws INVALID_ARGUMENT for a name that a table has, or for wrong options
   */
  source(name: string, options: SourceOptions): void;
}

/** A scheme: what stands in the place of a table is meant as an address. */
const ADDRESS = /^[a-z][a-z\d+.-]*:/i;
/** Requests that are open at once. workerd allows six, and cancels stalled ones beyond. */
const PARALLEL = 4;
/** A transaction's own: the others are held back until it ends. */
const INSIDE = 2;

/**
 * Files elsewhere as tables: `FROM 'https://…'`, `FROM 'r2://bucket/glob'`, `read_parquet(…)`, `read_json(…)`,
 * `read_csv(…)`, and named sources. Nothing may be read that the options do not allow. The cold store of
 * `storage: { hot, cold }` is the bucket `cold`.
 * @throws INVALID_ARGUMENT for an allow-list that holds no `https://host/path`; statements throw SOURCE_FORBIDDEN,
 * SOURCE_NOT_FOUND, SOURCE_FAILED, SOURCE_UNSUPPORTED, CORRUPT_FILE, LIMIT_EXCEEDED
 */
export function virtualTables(options: VirtualOptions): Extension<VirtualApi> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const limits: Limits = { ...DEFAULTS, ...Object.fromEntries(given) };
  const allowed = parseAllowed(options.https?.allow ?? []);
  return {
    name: 'virtual',
    install(host) {
      const { engine, cold } = host;
      const buckets: Record<string, R2Option> = { ...(cold && { cold }), ...options.r2 };
      const outside = new Slots(PARALLEL);
      const inside = new WeakMap<Scope, Slots>();
      const slotsOf = (scope: Scope): Slots => {
        if (scope.lock === engine.lock) return outside;
        let slots = inside.get(scope);
        if (!slots) {
          slots = new Slots(INSIDE);
          inside.set(scope, slots);
        }
        return slots;
      };
      const cache = new FileCache();
      const sources = new Map<string, SourceOptions>();
      const filesOf = async (url: string, slots: Slots): Promise<ExternalFile[]> => {
        if (url.startsWith('r2://')) return r2Files({ buckets, limits, slots }, url);
        return [httpsFile({ options: options.https ?? { allow: [] }, allowed, limits, slots }, url)];
      };
      const foreign = (label: string, read: (values: readonly never[]) => SourceOptions): Foreign => ({
        async open({ values, scope }) {
          const found = read(values as readonly never[]);
          const urls = typeof found.url === 'string' ? [found.url] : found.url;
          const files = (await Promise.all(urls.map((url) => filesOf(url, slotsOf(scope))))).flat();
          if (files.length > limits.maxFiles)
            throw new DosqlError(
              'LIMIT_EXCEEDED',
              `${label} has more than ${limits.maxFiles} files (maxFiles).`,
              {
                limit: { name: 'maxFiles', value: limits.maxFiles, actual: files.length },
              },
            );
          const budget: Budget = { limit: limits.maxBytes, used: 0 };
          const open = (file: ExternalFile) => openReader(file, found, limits, budget, cache);
          const { maxRows, maxBytes } = limits;
          return { provider: new FilesTable(label, files, found, open), maxRows, maxBytes };
        },
      });
      addResolver(host, ({ name, string, call, end: nameEnd }, { sql, parameters }, end) => {
        if (call) {
          if (!isReadFunction(name)) return undefined;
          const parsed = parseCall(name, sql.slice(nameEnd, end), nameEnd, parameters);
          return foreign(name, (values) => optionsOf(parsed, values));
        }
        const declared = string ? undefined : DECLARED.get(name);
        const known = string ? undefined : (sources.get(name.toLowerCase()) ?? declared?.options);
        if (!known && !ADDRESS.test(name)) return undefined;
        const label = declared?.name ?? name;
        return foreign(ADDRESS.test(label) ? shown(label) : label, () => known ?? { url: name });
      });
      return {
        source(name, source) {
          const taken = engine.sql
            .exec('SELECT 1 FROM sqlite_master WHERE lower(name)=lower(?)', name)
            .toArray();
          if (!name || taken.length)
            throw new DosqlError(
              'INVALID_ARGUMENT',
              `A source cannot be called ${JSON.stringify(name)}: a table is.`,
            );
          sources.set(name.toLowerCase(), checkOptions(`source ${name}`, source));
          engine.clearPlans();
        },
      };
    },
  };
}
