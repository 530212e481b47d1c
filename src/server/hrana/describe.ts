import { DosqlError } from '../../errors/index.ts';
import { reading } from '../run.ts';
import type { Session } from '../session.ts';

/** What a statement takes and gives, without its rows. @throws UNSUPPORTED_STATEMENT for RETURNING */
export function describe(session: Session, sql: string): object {
  const { sql: text, access } = session.check(sql);
  const { engine } = session;
  const { statement } = engine.plan(text);
  const { verb, parameters, parameterCount, returning } = statement;
  // Its columns are known only when it has run.
  if (returning) throw new DosqlError('UNSUPPORTED_STATEMENT', 'RETURNING cannot be described.');
  const params = Array.from({ length: parameterCount }, (_, i) => ({
    name: parameters.find(({ index }) => index === i + 1)?.name ?? null,
  }));
  let columns: readonly string[] = [];
  if (access === 'read' && verb !== 'EXPLAIN') {
    const plan = engine.plan(`WITH _dosql_shape AS (${text}\n) SELECT * FROM _dosql_shape LIMIT 0`);
    columns = reading(engine, () => {
      engine.all(plan, new Array(parameterCount).fill(null), 'number');
      return engine.names;
    });
  }
  return {
    params,
    cols: columns.map((name) => ({ name, decltype: null })),
    is_explain: verb === 'EXPLAIN',
    is_readonly: access === 'read',
  };
}
