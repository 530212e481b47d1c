import { OwnTables } from '../engine/own-tables.ts';
import { DosqlError } from '../errors/index.ts';
import type { Kind } from './kinds.ts';
import type { TierTable } from './table.ts';
import type { ZoneMap } from './zone.ts';

/** Version of the tables and files; see docs/formats/archive.md. */
const FORMAT = 1;

const TABLES = [
  "_dosql_tier_seg(id INTEGER PRIMARY KEY AUTOINCREMENT,tbl TEXT NOT NULL,state TEXT NOT NULL CHECK(state IN('pending','active','dead')),key TEXT NOT NULL UNIQUE,rows INT NOT NULL DEFAULT 0,live INT NOT NULL DEFAULT 0,bytes INT NOT NULL DEFAULT 0,etag TEXT,schema_ver INT NOT NULL,zone TEXT,pk_lo,pk_hi,rid_hi INT,created_at INT NOT NULL,dead_at INT,warm_until INT,tail_at INT,footer BLOB,sums BLOB)",
  '_dosql_tier_tomb(seg INT,pk TEXT,PRIMARY KEY(seg,pk))WITHOUT ROWID',
  '_dosql_tier_schema(tbl TEXT,ver INT,columns_json TEXT NOT NULL,PRIMARY KEY(tbl,ver))WITHOUT ROWID',
  '_dosql_tier_meta(version INT NOT NULL,format INT NOT NULL,object TEXT NOT NULL,swept_at INT NOT NULL)',
];
// Whether a new key lies in the range of an archived file, and which rowid is the largest archived, at one look.
const INDEXES = [
  '_dosql_tier_pk ON _dosql_tier_seg(tbl,state,pk_hi)',
  '_dosql_tier_rid ON _dosql_tier_seg(tbl,state,rid_hi)',
];
export const TIER_TABLES = ['_dosql_tier_seg', '_dosql_tier_tomb', '_dosql_tier_schema', '_dosql_tier_meta'];

/** One archived file. */
export interface Segment {
  readonly id: number;
  readonly key: string;
  /** Rows in the file. */
  readonly rows: number;
  /** No more rows of it than this are visible. */
  readonly live: number;
  readonly bytes: number;
  readonly version: number;
  readonly zone: ZoneMap;
  readonly createdAt: number;
  /** The warm store holds a copy up to this time; 0: none. */
  readonly warmUntil: number;
  /** Where the part of the file begins that the manifest holds. */
  readonly tail: number;
}

/** What becomes of a pending segment that is committed. */
export interface Committed {
  rows: number;
  live: number;
  bytes: number;
  etag: string;
  zone: ZoneMap;
  keys: readonly [lo: unknown, hi: unknown];
  rowid: string | null;
  tail: number;
  footer: Uint8Array;
  sums: Uint8Array;
}

/** The tables of the archive. Everything is synchronous; who calls is inside a turn or a transaction of the engine. */
export class Manifest extends OwnTables {
  /** A name of this database in the stores. */
  object = '';
  #undone = 0;
  #cached: { version: number; segments: Map<string, Segment[]> } = { version: -1, segments: new Map() };

  /** @throws UNSUPPORTED_STATEMENT for tables of a later version */
  open(): void {
    for (const table of TABLES) this.all(`CREATE TABLE IF NOT EXISTS ${table}`);
    for (const index of INDEXES) this.all(`CREATE INDEX IF NOT EXISTS ${index}`);
    const [found] = this.all('SELECT object,format FROM _dosql_tier_meta') as [string, number][];
    if (!found) this.run(`INSERT INTO _dosql_tier_meta VALUES(1,${FORMAT},?,0)`, crypto.randomUUID());
    else if (found[1] > FORMAT)
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `The archive has format ${found[1]}; this version reads ${FORMAT}.`,
      );
    this.object = found?.[0] ?? (this.all('SELECT object FROM _dosql_tier_meta') as [[string]])[0][0];
  }

  /** Changes with every change of segments or tombstones. */
  version(): number {
    return (this.all('SELECT version FROM _dosql_tier_meta') as [[number]])[0][0];
  }

  bump(): void {
    this.run('UPDATE _dosql_tier_meta SET version=version+1');
  }

  /** Something was rolled back: a version may come again with other rows. */
  undone(): void {
    this.#undone++;
    this.forget();
  }

  /** Two equal stamps: no row was moved between them. */
  stamp(): string {
    return `${this.version()} ${this.#undone}`;
  }

  /** Reads the segments anew. */
  forget(): void {
    this.#cached = { version: -1, segments: new Map() };
  }

  /** Active segments of a table (its folded name), the oldest first. */
  active(table: string): readonly Segment[] {
    const version = this.version();
    if (this.#cached.version !== version) this.#cached = { version, segments: new Map() };
    let found = this.#cached.segments.get(table);
    if (!found) {
      found = this.#read("tbl=? AND state='active' ORDER BY id", table);
      this.#cached.segments.set(table, found);
    }
    return found;
  }

  /** A table has archived rows, or some were lost with a file and the log was not told yet. */
  has(table: string): boolean {
    return this.all('SELECT 1 FROM _dosql_tier_seg WHERE tbl=? AND live>0 LIMIT 1', table).length > 0;
  }

  /** At most so many rows of these segments are visible. */
  live(ids: readonly number[]): number {
    return (this.all(`SELECT total(live) FROM _dosql_tier_seg WHERE id IN(${ids})`) as [[number]])[0][0];
  }

  /** The folded name of a segment's table. */
  tableOf(id: number): string {
    return (this.all('SELECT tbl FROM _dosql_tier_seg WHERE id=?', id) as [[string]])[0][0];
  }

  #read(where: string, ...values: unknown[]): Segment[] {
    return this.all(
      `SELECT id,key,rows,live,bytes,schema_ver,zone,created_at,coalesce(warm_until,0),tail_at FROM _dosql_tier_seg WHERE ${where}`,
      ...values,
    ).map((row) => {
      const [id, key, rows, live, bytes, version, zone, createdAt, warmUntil, tail] = row as number[];
      return {
        id: id!,
        key: String(key),
        rows: rows!,
        live: live!,
        bytes: bytes!,
        version: version!,
        zone: JSON.parse(String(zone)) as ZoneMap,
        createdAt: createdAt!,
        warmUntil: warmUntil!,
        tail: tail!,
      };
    });
  }

  /** The end of a file, from {@link Segment.tail} on, and the checksums of what is before it. */
  footer(id: number): { tail: Uint8Array; sums: Uint8Array } {
    const [[tail, sums]] = this.all('SELECT footer,sums FROM _dosql_tier_seg WHERE id=?', id) as [
      [ArrayBuffer, ArrayBuffer],
    ];
    return { tail: new Uint8Array(tail), sums: new Uint8Array(sums) };
  }

  /** The largest rowid in files of a table, if that means anything. As text: it may be more than 2^53. */
  rowids(table: string): string[] {
    const sql = "SELECT CAST(max(rid_hi) AS TEXT) FROM _dosql_tier_seg WHERE tbl=? AND state='active'";
    return this.all(sql, table).flatMap(([most]) => (most === null ? [] : [most as string]));
  }

  /** The table's rowids are others than in the file of one of these segments, or may be. */
  rebuilt(ids: readonly number[]): boolean {
    return this.all(`SELECT 1 FROM _dosql_tier_seg WHERE id IN(${ids}) AND rid_hi IS NULL`).length > 0;
  }

  /** Keys of the rows of a segment that are not visible any more. */
  tombstones(id: number): Set<string> {
    return new Set(this.all('SELECT pk FROM _dosql_tier_tomb WHERE seg=?', id).map(([pk]) => pk as string));
  }

  bury(id: number, keys: Iterable<string>): void {
    for (const key of keys)
      this.run(
        'INSERT INTO _dosql_tier_tomb SELECT ?1,?2 WHERE NOT EXISTS(SELECT 1 FROM _dosql_tier_tomb WHERE seg=?1 AND pk=?2)',
        id,
        key,
      );
  }

  /** A row for a file that is about to be written. */
  intend(table: string, key: string, version: number): number {
    this.run(
      "INSERT INTO _dosql_tier_seg(tbl,state,key,schema_ver,created_at) VALUES(?,'pending',?,?,?)",
      table,
      key,
      version,
      Date.now(),
    );
    return (this.all('SELECT id FROM _dosql_tier_seg WHERE key=?', key) as [[number]])[0][0];
  }

  /** False when somebody gave the pending segment up. */
  pending(id: number): boolean {
    return this.all("SELECT 1 FROM _dosql_tier_seg WHERE id=? AND state='pending'", id).length > 0;
  }

  activate(id: number, { rows, live, bytes, etag, zone, keys, rowid, tail, footer, sums }: Committed): void {
    this.run(
      `UPDATE _dosql_tier_seg SET state='active',rows=?,live=?,bytes=?,etag=?,zone=?,pk_lo=${keyValue(keys[0])},pk_hi=${keyValue(keys[1])},rid_hi=CAST(? AS INTEGER),tail_at=?,footer=?,sums=? WHERE id=?`,
      rows,
      live,
      bytes,
      etag,
      JSON.stringify(zone),
      ...keys.map((key) => (typeof key === 'bigint' ? `${key}` : key)),
      rowid,
      tail,
      footer,
      sums,
      id,
    );
  }

  /** The object of a dead segment stays for the time in which a restored database may need it. */
  kill(ids: readonly number[]): void {
    for (const id of ids) {
      this.run("UPDATE _dosql_tier_seg SET state='dead',live=0,dead_at=? WHERE id=?", Date.now(), id);
      this.run('DELETE FROM _dosql_tier_tomb WHERE seg=?', id);
    }
  }

  /** Versions of a table's columns, by number. */
  schemas(table: string): Map<number, TierTable> {
    const rows = this.all('SELECT ver,columns_json FROM _dosql_tier_schema WHERE tbl=? ORDER BY ver', table);
    return new Map(
      rows.map(([version, json]) => [version as number, JSON.parse(json as string) as TierTable]),
    );
  }
}

/** workerd binds every number as REAL. */
const keyValue = (key: unknown): string =>
  typeof key === 'number' || typeof key === 'bigint' ? 'CAST(? AS INTEGER)' : '?';

/** The kinds of a segment's columns, by id. */
export function kindIn({ zone }: Segment, id: number): Kind | undefined {
  return zone[id]?.[0];
}
