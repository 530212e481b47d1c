import { drain } from '../engine/cursor.ts';
import { DosqlError } from '../errors/index.ts';
import { type Description, describeTable } from './table.ts';

/** Which tables are to be tracked. */
export interface Choice {
  wanted(name: string): boolean;
  /** Named by the user: that it cannot be tracked is an error then. */
  named(name: string): boolean;
  /** Statements that replace rows run with recursive triggers, whatever their text. */
  recursiveTriggers: boolean;
}

/** A table of the schema. */
export interface LiveTable {
  name: string;
  root: number;
  ddl: string;
}

/** What capture must know about a table; undefined for one that is not tracked. @throws as {@link describeTable}, if `strict` */
export function describeChosen(
  sql: SqlStorage,
  { named, recursiveTriggers }: Choice,
  { name, ddl }: LiveTable,
  strict: boolean,
): Description | undefined {
  const [[type] = []] = drain(sql.exec('SELECT type FROM pragma_table_list(?)', name));
  if (type !== 'table' && !(named(name) && strict)) return undefined;
  try {
    if (!recursiveTriggers && /\bon\s+conflict\s+replace\b/i.test(ddl)) {
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `Table ${name} declares ON CONFLICT REPLACE: rows it replaces would be missing from the change log. Exclude it, or pass changeLog({ recursiveTriggers: true }).`,
        { table: name },
      );
    }
    return describeTable(sql, name);
  } catch (error) {
    if (strict) throw error;
    return undefined;
  }
}
