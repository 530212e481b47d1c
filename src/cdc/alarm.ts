import type { Duration } from '../engine/extension.ts';
import { assertArgument } from '../wal/argument.ts';
import { durationMs } from '../wal/duration.ts';

/** When a job is to run: a Date, or how long from now (milliseconds, `'30s'`, `'1h'`). */
export type When = Date | Duration;

/** Does the work. What it resolves to is when it is to run again; nothing: not until it is scheduled again. */
// biome-ignore lint/suspicious/noConfusingVoidType: what an async function without a return gives
export type AlarmJob = () => Promise<When | undefined | void>;

export interface AlarmReport {
  job: string;
  /** It failed, and runs again later by itself. */
  error?: unknown;
}

/** What the runtime tells `alarm()`; null where tests call it. */
export interface AlarmInfo {
  readonly scheduledTime?: number;
  readonly isRetry?: boolean;
}

interface Due {
  at: number;
  tries: number;
}

interface State {
  /** The alarm as this helper last set it. */
  armed: number | null;
  due: Record<string, Due>;
}

/** In the object's key-value store. */
const KEY = '_dosql_alarm';
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 600_000;

/**
 * Shares the one alarm of a Durable Object among named jobs and with code that calls `setAlarm` itself: such an alarm is
 * kept, and comes as the job `user`. An alarm is never moved to a later time.
 */
export function sharedAlarm(storage: DurableObjectStorage): SharedAlarm {
  assertArgument(storage?.setAlarm, 'sharedAlarm needs ctx.storage.');
  return new SharedAlarm(storage);
}

/** One change at a time: between reading the alarm and setting it nobody else of ours may set it. */
const TURNS = new WeakMap<DurableObjectStorage, Promise<unknown>>();

/** Made by {@link sharedAlarm}. */
export class SharedAlarm {
  /** @internal */
  constructor(private readonly storage: DurableObjectStorage) {}

  /** Runs the job at that time, or earlier if it was to run earlier. Durable; to be called as often as you like. */
  async schedule(job: string, when: When): Promise<void> {
    await this.#change((due) => {
      const at = timeOf(when);
      if (!(due[job]! && due[job].at <= at)) due[job] = { at, tries: 0 };
    });
  }

  /** Forgets a job. */
  async cancel(job: string): Promise<void> {
    await this.#change((due) => void delete due[job]);
  }

  /**
   * Runs the jobs that are due; to be called by `alarm(info)`, whose argument tells an alarm of the user's from one of ours
   * that it replaced. A job that fails, or that the object dies in, runs again: after 1 s, then twice as long each time, up
   * to 10 min. Nothing is thrown: look at the report. Jobs without a function wait.
   */
  async run(jobs: Record<string, AlarmJob>, info?: AlarmInfo | null): Promise<AlarmReport[]> {
    assertArgument(jobs, 'run needs the jobs by name.');
    const now = Date.now();
    const { scheduledTime, isRetry } = info ?? {};
    let names: string[] = [];
    await this.#change((due, armed) => {
      names = Object.keys(due).filter((name) => due[name]!.at <= now);
      // A retry may be of one that we have noted: it is earlier than what was set since.
      const other =
        armed !== null &&
        scheduledTime !== undefined &&
        (isRetry ? scheduledTime > armed : scheduledTime !== armed);
      // Somebody set the alarm without us, and it replaced ours; certainly where nothing of ours is due.
      if (other || !names.length) {
        names = [...new Set([...names, 'user'])];
        due['user'] = { at: now, tries: 0 };
      }
      for (const name of names) {
        const job = due[name]!;
        // Before it runs, so that it is not lost with the object.
        job.at = now + Math.min(FIRST_RETRY_MS * 2 ** job.tries++, LAST_RETRY_MS);
        if (name === 'user' && !jobs['user']) delete due['user'];
      }
    });
    const reports: AlarmReport[] = [];
    for (const name of names) {
      const job = jobs[name];
      if (!job) continue;
      const before = this.#state().due[name]?.at;
      try {
        const next = await job();
        await this.#change((due) => {
          // It may have scheduled itself.
          if (due[name]?.at === before) delete due[name];
          const at = next === undefined ? Infinity : timeOf(next as When);
          if (at < (due[name]?.at ?? Infinity)) due[name] = { at, tries: 0 };
        });
        reports.push({ job: name });
      } catch (error) {
        reports.push({ job: name, error });
      }
    }
    // Jobs may have set the alarm themselves.
    await this.#change(() => {});
    return reports;
  }

  #state(): State {
    return this.storage.kv.get<State>(KEY) ?? { armed: null, due: {} };
  }

  #change(work: (due: State['due'], armed: State['armed']) => void): Promise<void> {
    const { storage } = this;
    const turn = (TURNS.get(storage) ?? Promise.resolve()).then(() => this.#changeNow(work));
    TURNS.set(
      storage,
      turn.catch(() => {}),
    );
    return turn;
  }

  async #changeNow(work: (due: State['due'], armed: State['armed']) => void): Promise<void> {
    const set = await this.storage.getAlarm();
    const state = this.#state();
    const { due, armed } = state;
    const before = JSON.stringify(state);
    if (set !== null && set !== armed) due['user'] = { at: set, tries: 0 };
    work(due, armed);
    const times = Object.values(due).map(({ at }) => at);
    // The runtime makes the present of what is past.
    const now = Date.now();
    state.armed = times.length ? Math.max(Math.min(...times), Math.min(set ?? now, now)) : null;
    // A put is billed, also of what is there already.
    if (JSON.stringify(state) !== before) this.storage.kv.put(KEY, state);
    if (state.armed === null) await (set === null ? undefined : this.storage.deleteAlarm());
    else if (state.armed !== set) await this.storage.setAlarm(state.armed);
  }
}

function timeOf(when: When): number {
  const at = when instanceof Date ? when.getTime() : Date.now() + durationMs(when);
  assertArgument(Number.isFinite(at), 'An alarm needs a valid time.');
  return at;
}
