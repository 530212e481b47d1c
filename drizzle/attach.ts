import { RelationalQueryBuilder } from 'drizzle-orm/sqlite-core/query-builders/query';
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
  return new RelationalQueryBuilder(
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
