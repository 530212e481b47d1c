import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import type { Duration, EngineHost, Extension, Rewrite } from '../engine/extension.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import type { Statement } from '../sql/types.ts';
import { ChangeLog, newEpoch } from './api.ts';
import { assertArgument, assertNames } from './argument.ts';
import type { Choice } from './chosen.ts';
import { durationMs } from './duration.ts';
import { timeAt } from './instant.ts';
import { maintain } from './maintenance.ts';
import { withRecursiveTriggers } from './replace.ts';
import { SchemaFollower } from './schema.ts';
import { makeKeyIndex } from './segments.ts';
import { LOG_TABLES, LogStore } from './store.ts';

export interface ChangeLogOptions {
  /** Tables to track: their names, or all of them (`'*'`), those to come included. */
  tables: readonly string[] | '*';
  /** Not these. Under `'*'` names that begin with `__` are never tracked. */
  exclude?: readonly string[];
  /** `db.maintenance()` prunes what is older; a third of it more may stay. Default: nothing is pruned. */
  retain?: Duration;
  /** An index over the log: one more billed row per change, and the past of single rows is found at once. */
  keyIndex?: boolean;
  /**
   * Run every write with recursive triggers, so that tables with ON CONFLICT REPLACE can be tracked. A trigger that
   * changes its own table then fires itself.
   */
  recursiveTriggers?: boolean;
}

/** What {@link changeLog} adds to a Database. */
export interface ChangeLogApi {
  readonly log: ChangeLog;
}

const TABLES = [
  '_dosql_log(lsn INTEGER PRIMARY KEY,ts INTEGER NOT NULL,t INTEGER NOT NULL,op INTEGER NOT NULL,rid INTEGER,c0,c1)',
  '_dosql_tab(t INTEGER PRIMARY KEY,name TEXT NOT NULL,meta TEXT NOT NULL)',
  // WITHOUT ROWID: a row of the log's own must not become the user's last_insert_rowid().
  '_dosql_tx(last_lsn INTEGER PRIMARY KEY,first_lsn INTEGER NOT NULL,meta TEXT) WITHOUT ROWID',
  '_dosql_consumer(name TEXT PRIMARY KEY,epoch TEXT,acked INTEGER,intent INTEGER,state TEXT) WITHOUT ROWID',
  '_dosql_meta(k TEXT PRIMARY KEY,v) WITHOUT ROWID',
];

/** Version of the log's tables; see docs/formats/log.md. */
const FORMAT = 1;

/**
 * Records every change of the chosen tables, in the transaction that makes it: one more billed row per changed row. It is
 * the base of time travel, CDC and live queries.
 * @throws LIMIT_EXCEEDED, UNSUPPORTED_STATEMENT for a table that cannot be tracked
 */
export function changeLog(options: ChangeLogOptions): Extension<ChangeLogApi> {
  const { tables, exclude } = options ?? {};
  assertArgument(tables, "changeLog needs { tables: ['name'] }, or { tables: '*' }.");
  if (tables !== '*') assertNames(tables, 'tables');
  assertNames(exclude, 'exclude');
  return {
    name: 'log',
    async prepare(host) {
      // Migrations must not pass by a log that is there; a new one begins behind them.
      const [known] = drain(host.engine.sql.exec("SELECT 1 FROM sqlite_master WHERE name='_dosql_meta'"));
      if (known) await begin(host, options, false);
    },
    async install(host) {
      const { engine } = host;
      const { store, follower } = STARTED.get(engine) ?? (await begin(host, options, true));
      await enter(new RootScope(engine), () => engine.transactionSync(() => follower.after(false, true)));
      return { log: new ChangeLog(store) };
    },
  };
}

const STARTED = new WeakMap<Engine, { store: LogStore; follower: SchemaFollower }>();

/** Brings the log in line with the schema and listens from then on. */
async function begin(host: EngineHost, options: ChangeLogOptions, strict: boolean) {
  const { engine } = host;
  const store = new LogStore(engine);
  const follower = new SchemaFollower(store, choiceOf(options, host), strict);
  const turn = <T>(work: () => T) => enter(new RootScope(engine), work);
  await turn(() => engine.transactionSync(() => start(store, follower, options)));
  host.internalTables(LOG_TABLES);
  host.onPlan((statement) => replaceRewrite(store, statement, options));
  host.onSchemaChange({
    before: (statement) => follower.before(statement),
    after: () => {
      follower.after(true);
      engine.clearPlans();
    },
  });
  host.onTransactionEnd((single) => store.ended(single));
  host.onRollback((outermost) => store.rolledBack(outermost));
  const retain = options.retain === undefined ? undefined : durationMs(options.retain);
  host.onMaintenance(({ budgetMs }) => maintain(store, retain, budgetMs));
  const started = { store, follower };
  STARTED.set(engine, started);
  return started;
}

function choiceOf(
  { tables, exclude = [], recursiveTriggers = false }: ChangeLogOptions,
  host: EngineHost,
): Choice {
  const excluded = new Set(exclude.map(foldName));
  const named = new Set(tables === '*' ? [] : tables.map(foldName));
  const { internal } = host.engine;
  return {
    recursiveTriggers,
    named: (name) => named.has(foldName(name)),
    wanted(name) {
      const folded = foldName(name);
      if (excluded.has(folded) || /^(_dosql_|_cf_)/.test(folded)) return false;
      return tables === '*' ? !folded.startsWith('__') && !internal.has(folded) : named.has(folded);
    },
  };
}

function start(store: LogStore, follower: SchemaFollower, { keyIndex = false }: ChangeLogOptions): void {
  const [[known]] = store.all("SELECT count(*) FROM sqlite_master WHERE name='_dosql_meta'") as [[number]];
  if (!known) {
    for (const table of TABLES) store.all(`CREATE TABLE ${table}`);
    store.setMeta('epoch', newEpoch());
    store.setMeta('format', FORMAT);
  }
  const [[format]] = store.all("SELECT v FROM _dosql_meta WHERE k='format'") as [[number]];
  if (format > FORMAT) {
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `The change log has format ${format}; this version reads ${FORMAT}.`,
    );
  }
  store.load();
  store.head = store.last();
  // A new instance may run on another machine, whose clock is behind.
  store.guarded = store.head > 0 && Date.now() < timeAt(store, store.head);
  store.keyIndex = store.segments.every(
    ({ name }) => store.all("SELECT 1 FROM sqlite_master WHERE type='index' AND tbl_name=?", name).length > 0,
  );
  if (keyIndex && !store.keyIndex && store.segments.length === 1) {
    makeKeyIndex(store, store.segments[0]!.first);
    store.keyIndex = true;
  }
  follower.after(false);
  store.ended();
}

/** Rows that REPLACE deletes fire no triggers unless they may recurse; those that a trigger replaces neither. */
function replaceRewrite(
  store: LogStore,
  { replace, kind, verb, tables, sql }: Statement,
  { recursiveTriggers }: ChangeLogOptions,
): Rewrite | undefined {
  if (kind !== 'write') return undefined;
  const target = foldName(tables.find(({ role }) => role === 'write')?.name ?? '');
  const fires = (event: string) => store.replacers.has(`${event} ${target}`);
  const reaches =
    fires(verb.toLowerCase()) || (verb === 'INSERT' && /\bupdate\b/i.test(sql) && fires('update'));
  if (!replace && !recursiveTriggers && !reaches) return undefined;
  return {
    // The way in which a statement resolves conflicts is also that of the triggers it fires.
    around: (run) =>
      recursiveTriggers || reaches || store.related || store.tables.has(target)
        ? withRecursiveTriggers(store.engine.sql, run)
        : run(),
  };
}
