import {
  SQLiteDeleteBase,
  SQLiteInsertBase,
  SQLiteInsertBuilder,
  SQLiteSelectBuilder,
  type SQLiteTable,
  SQLiteUpdateBuilder,
} from 'drizzle-orm/sqlite-core';
import { DosqlError } from '../src/errors/index.ts';
import { adopt, prepareDelete, prepareSelect, prepareUpdate } from './builders.ts';
import { insertSql, prepareInsert } from './insert.ts';
import { RelationalQueries } from './relational.ts';
import type { Schema, Session } from './session.ts';

const SESSION = Symbol('session');

/** The relational queries of a session, by name of the table in the schema. */
interface Queries {
  [SESSION]: Session;
}

const PROTOTYPES = new WeakMap<Schema, object>();

/**
 * Gives a database or a transaction its schema and `query`. drizzle's constructor builds one object per table, for
 * every transaction anew; these are built when they are asked for.
 */
export function attach(target: object, session: Session): void {
  const { schema } = session.options;
  if (!schema) return;
  const query = Object.create(prototypeOf(schema), { [SESSION]: { value: session } });
  Object.assign(target, { _: schema, query });
}

function prototypeOf(schema: Schema): object {
  let prototype = PROTOTYPES.get(schema);
  if (!prototype) {
    prototype = {};
    for (const name of Object.keys(schema.schema)) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: Queries) {
          return builder(schema, name, this[SESSION]);
        },
      });
    }
    PROTOTYPES.set(schema, prototype);
  }
  return prototype;
}

function builder({ fullSchema, schema, tableNamesMap }: Schema, name: string, session: Session): object {
  return new RelationalQueries(
    session.kind,
    fullSchema,
    schema,
    tableNamesMap,
    fullSchema[name] as never,
    schema[name] as never,
    session.options.dialect as never,
    session as never,
  );
}

class SelectFrom extends SQLiteSelectBuilder<never, never, never> {
  override from(source: never): never {
    return adopt(super.from(source), prepareSelect) as never;
  }
}

class UpdateSet extends SQLiteUpdateBuilder<never, never, never> {
  override set(values: never): never {
    return adopt(super.set(values), prepareUpdate) as never;
  }
}

class InsertInto extends SQLiteInsertBuilder<SQLiteTable, never, never> {
  override values(given: never): never {
    const { table, session, dialect } = this as unknown as {
      table: SQLiteTable;
      session: never;
      dialect: never;
    };
    const rows: object[] = Array.isArray(given) ? given : [given];
    if (rows.length === 0)
      throw new DosqlError('INVALID_ARGUMENT', 'values() must be called with at least one value');
    const insert = adopt(new SQLiteInsertBase(table, [] as never, session, dialect), prepareInsert);
    // Copies, as drizzle makes them: the caller may go on with the same object.
    return Object.assign(insert, { rows: rows.map((row) => ({ ...row })), getSQL: insertSql }) as never;
  }
}

/** The ways into the builders, for a database and for a transaction: each builder leads to our `_prepare`. */
export const entryPoints = {
  select(this: Entered, fields: never) {
    return new SelectFrom({ fields, session: this.session, dialect: this.dialect });
  },
  selectDistinct(this: Entered, fields: never) {
    return new SelectFrom({ fields, session: this.session, dialect: this.dialect, distinct: true });
  },
  update(this: Entered, table: never) {
    return new UpdateSet(table, this.session, this.dialect);
  },
  insert(this: Entered, table: SQLiteTable) {
    return new InsertInto(table, this.session, this.dialect);
  },
  delete(this: Entered, table: never) {
    return adopt(new SQLiteDeleteBase(table, this.session, this.dialect), prepareDelete);
  },
};

interface Entered {
  readonly session: never;
  readonly dialect: never;
}
