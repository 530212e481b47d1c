export type ContestantName =
  | 'by hand'
  | 'official, built'
  | 'official, prepared'
  | 'rc, built'
  | 'rc, prepared'
  | 'sync, built'
  | 'sync, prepared'
  | 'async, built'
  | 'async, prepared'
  | 'db.query'
  | 'by hand, multi-row';

/** One execution of a workload; `i` varies keys and rows. Returns what a caller would see (or a promise of it). */
export type Job = (i: number) => unknown;
export type Jobs = Partial<Record<WorkloadName, Job>>;

export interface Contestant {
  readonly name: ContestantName;
  /** Its jobs return promises, awaited one by one. */
  readonly async?: boolean;
  /** What of a result is compared; all of it by default. Applied outside the measurement. */
  readonly answer?: (result: unknown) => unknown;
  readonly jobs: Jobs;
}

interface Workload {
  /** Statements that one execution awaits in an async driver: what the 1 µs allowance is counted in. */
  readonly operations: number;
  /** Highest ratio of built each time against the official driver built each time. */
  readonly built: number;
  /** Highest ratio of prepared against by hand. */
  readonly prepared: number;
  /** What must be equal between contestants: the answer of a read, the tables after a write. */
  readonly kind: 'read' | 'write' | 'both';
}

export const workloads = {
  'select by key, 10 columns': { kind: 'read', operations: 1, built: 0.35, prepared: 1.15 },
  '100 rows x 10': { kind: 'read', operations: 1, built: 0.6, prepared: 1.15 },
  '1,000 rows x 10': { kind: 'read', operations: 1, built: 0.7, prepared: 1.15 },
  'join, 100 rows': { kind: 'read', operations: 1, built: 0.6, prepared: 1.15 },
  'relational query 20 x 5': { kind: 'read', operations: 1, built: 0.35, prepared: 1.15 },
  count: { kind: 'read', operations: 1, built: 0.6, prepared: 1.15 },
  'insert 1': { kind: 'write', operations: 1, built: 0.35, prepared: 1.15 },
  'insert 100 rows': { kind: 'write', operations: 100, built: 0.35, prepared: 1.15 },
  'insert 1,000 rows in a transaction': { kind: 'write', operations: 1001, built: 0.35, prepared: 1.15 },
  'update by key': { kind: 'write', operations: 1, built: 0.35, prepared: 1.15 },
  'transaction of 5': { kind: 'both', operations: 6, built: 0.35, prepared: 1.25 },
  'batch of 5': { kind: 'both', operations: 1, built: 0.35, prepared: 1.25 },
  'async transaction of 5': { kind: 'both', operations: 6, built: 0.35, prepared: 1.15 },
  'db.query, 1 row': { kind: 'read', operations: 1, built: 1, prepared: 1.15 },
  'db.query, 100 rows': { kind: 'read', operations: 1, built: 1, prepared: 1.15 },
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof workloads;
export const workloadNames = Object.keys(workloads) as WorkloadName[];
export const workload = (name: WorkloadName): Workload => workloads[name];
