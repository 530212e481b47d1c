import { expect } from 'vitest';
import { planPush } from '../../../cli/plan.ts';
import type { Client } from '../../../src/client/connect.ts';
import { quoteIdentifier } from '../../../src/sql/identifier.ts';
import type { Random } from '../../workerd/wal/random.ts';
import { change, newModel } from './change.ts';
import { answering, kit, type OldName } from './kit.ts';
import type { Model, Table } from './model.ts';
import { PlainSqlite } from './plain.ts';
import { type Event, Replica, type Row } from './replica.ts';
import { drizzleSchema, randomWrites } from './tables.ts';
import type { Command } from './worker.ts';

const MASTER =
  "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT GLOB '_*' AND name NOT GLOB 'sqlite_*' AND sql NOT NULL ORDER BY type, name";

/** Rows of every table at one position of the log. */
interface Snapshot {
  lsn: number;
  model: Model;
  rows: Map<number, { columns: number[]; rows: string[][] }>;
}

/** The object under test. */
export interface Subject {
  client: Client;
  ask<T>(command: Command): Promise<T>;
  /** Ends the runtime and starts it again. */
  restart(): Promise<void>;
}

/** One database whose Drizzle schema changes step by step, beside a plain SQLite that goes the same way. */
export class Evolution {
  readonly #plain = new PlainSqlite();
  readonly #replica = new Replica();
  readonly #past: Snapshot[] = [];
  readonly #migrations: { id: string; sql: string; when: number }[] = [];
  #model: Model = { next: 1, tables: [], views: [], gone: [] };
  #snapshot: object = {};

  constructor(
    private readonly r: Random,
    private readonly subject: Subject,
    private readonly label: string,
  ) {}

  async run(steps: number): Promise<void> {
    const { r } = this;
    this.#snapshot = await kit.generateSQLiteDrizzleJson({});
    for (let step = 0; step < steps; step++) {
      const next = step === 0 ? newModel(r) : structuredClone(this.#model);
      const what: string[] = [];
      const most = step === 0 ? 0 : 1 + r.int(2);
      for (let tries = 0; what.length < most && tries < 20; tries++)
        what.push(...[change(r, next)].filter(Boolean));
      const where = `${this.label}, step ${step} (${what.join('; ')})`;
      if (r.once(6)) await this.subject.restart();
      if (!(await this.#migrate(next, where))) continue;
      await this.#compare(where);
      await this.#checkPast(where);
      if (r.once(2)) await this.#checkReplicas(where);
      const planned = await answering(none, () => planPush(this.subject.client, drizzleSchema(next)));
      expect(planned.statements, `${where}: drizzle-kit sees no changes`).toEqual([]);
      const statements = randomWrites(r, next, 4 + r.int(14));
      const answers = await this.subject.ask<(string | null)[]>({ do: 'run', statements });
      for (const [i, sql] of statements.entries())
        expect(answers[i] === null, `${where}: ${sql}: ${answers[i]}`).toBe(!this.#plain.write(sql));
      this.#past.push(await this.#compare(`${where}, written`));
      if (r.once(2)) await this.#checkReplicas(`${where}, written`);
    }
    await this.#checkPast(this.label);
    await this.#checkReplicas(this.label);
  }

  /** Applies what drizzle-kit makes of the difference: by both or by none, and then nothing is kept. */
  async #migrate(next: Model, where: string): Promise<boolean> {
    const { r } = this;
    const before = this.#model;
    const oldColumn = (table: string, name: string) => {
      const now = next.tables.find((t) => t.name === table);
      const id = now?.columns.find((c) => c.name === name)?.id;
      return before.tables.find((t) => t.id === now?.id)?.columns.find((c) => c.id === id)?.name;
    };
    const oldName: OldName = (kind, name, table) => {
      if (kind === 'column') return oldColumn(table!, name);
      const id = next.tables.find((t) => t.name === name)?.id;
      return kind === 'table' ? before.tables.find((t) => t.id === id)?.name : undefined;
    };
    const current = await kit.generateSQLiteDrizzleJson(drizzleSchema(next));
    let statements = await answering(oldName, () => kit.generateSQLiteMigration(this.#snapshot, current));
    if (statements.length === 0) return false;
    if (!r.once(4)) statements = this.#plain.corrected(statements, oldColumn);
    const sql = statements.join('\n--> statement-breakpoint\n');
    const [id, when] = [`${this.#migrations.length}_step`, 1_700_000_000_000 + this.#migrations.length];
    const refused = this.#plain.migrate(statements);
    const migrations = [...this.#migrations, { id, sql, when }];
    const error = await this.subject
      .ask({ do: 'migrate', migrations, times: 1 + r.int(3) })
      .then(() => undefined, String);
    expect(Boolean(error), `${where}: ${error ?? 'migrated'}, not ${refused ?? 'migrated'}\n${sql}`).toBe(
      Boolean(refused),
    );
    if (error) {
      expect(error).toContain('MIGRATION_FAILED');
      await this.subject.ask({ do: 'migrate', migrations: this.#migrations, times: 1 });
      await this.#compare(`${where}, which failed`);
      return false;
    }
    this.#migrations.push({ id, sql, when });
    this.#replica.follow(before, next);
    this.#model = next;
    this.#snapshot = current;
    // AUTOINCREMENT goes on here, where plain SQLite begins anew with a table.
    const sequences = "SELECT name FROM sqlite_master WHERE name = 'sqlite_sequence'";
    if ((await this.#rows(sequences)).length > 0)
      this.#plain.setSequences(await this.#rows('SELECT name, seq FROM sqlite_sequence'));
    return true;
  }

  /** Both databases have the same schema and rows, and every reference its row. */
  async #compare(where: string): Promise<Snapshot> {
    const schema = (rows: unknown[][]) => rows.map((row) => row.join(' ').replace(/`([^`]*)`/g, '"$1"'));
    expect(schema(await this.#rows(MASTER)), where).toEqual(schema(this.#plain.rows(MASTER)));
    expect(await this.#rows('PRAGMA foreign_key_check'), where).toEqual([]);
    const rows: Snapshot['rows'] = new Map();
    for (const t of this.#model.tables) {
      const sql = cellsOf(t.name, t.columns);
      const found = (await this.#rows(sql)) as string[][];
      expect(sorted(found), `${where}: rows of ${t.name}`).toEqual(sorted(this.#plain.rows(sql)));
      rows.set(t.id, { columns: t.columns.map((c) => c.id), rows: found });
    }
    const lsn = await this.subject.ask<number>({ do: 'head' });
    return { lsn, model: structuredClone(this.#model), rows };
  }

  /** The past has the rows of then in the columns of today. */
  async #checkPast(where: string): Promise<void> {
    const past = this.#past;
    for (const { lsn, model, rows } of new Set([...past.slice(-2), ...past.filter(() => this.r.once(6))])) {
      for (const t of this.#model.tables) {
        const then = model.tables.find((x) => x.id === t.id && x.history === t.history);
        const both = t.columns.filter((c) => !c.generated && then?.columns.some((x) => x.id === c.id));
        const old = rows.get(t.id);
        if (!then || !old || both.length === 0) continue;
        const found = await this.#rows(cellsOf(t.name, both), lsn);
        const expected = old.rows.map((row) => both.map((c) => row[old.columns.indexOf(c.id)]));
        expect(sorted(found).map(number), `${where}: ${t.name} as of LSN ${lsn}`).toEqual(
          sorted(expected).map(number),
        );
      }
    }
  }

  /** Events make up the tables: all of them anew, and those of a consumer that goes on. */
  async #checkReplicas(where: string): Promise<void> {
    const all = new Replica();
    const limit = 1 + this.r.int(40);
    all.play(await this.subject.ask<Event[]>({ do: 'drain', limit }), where);
    const events = await this.subject.ask<Event[]>({ do: 'drain', limit, consumer: 'replica' });
    this.#replica.play(events, `${where}, consumer`);
    for (const t of this.#model.tables) {
      const sql = `SELECT * FROM ${quoteIdentifier(t.name)}`;
      const now = this.#asText(t, await this.subject.ask<Row[]>({ do: 'texts', sql }));
      expect(this.#asText(t, all.rows(t.name)), `${where}: ${t.name} from all events`).toEqual(now);
      expect(this.#asText(t, this.#replica.rows(t.name)), `${where}: ${t.name} of the consumer`).toEqual(now);
    }
  }

  #asText(t: Table, rows: readonly Row[]): string[] {
    const names = t.columns.filter((c) => !c.generated).map((c) => c.name);
    return rows.map((row) => names.map((name) => `${name}=${row[name]}`).join('|')).sort();
  }

  #rows(sql: string, at?: number): Promise<unknown[][]> {
    return this.subject.ask({ do: 'query', sql, ...(at !== undefined && { at }) });
  }
}

const none = () => undefined;
const sorted = (rows: readonly unknown[][]) => rows.map((row) => row.join('|')).sort();
/** 5 and 5.0 are equal: a column that becomes REAL does not change its rows. */
const number = (row: string) => row.replace(/(^|\|)(?:integer|real):(-?[0-9.]+?)(?:\.0)?(?=\||$)/g, '$1$2');

function cellsOf(table: string, columns: readonly { name: string }[]): string {
  const cells = columns.map(
    ({ name }) => `typeof(${quoteIdentifier(name)})||':'||quote(${quoteIdentifier(name)})`,
  );
  return `SELECT ${cells} FROM ${quoteIdentifier(table)}`;
}
