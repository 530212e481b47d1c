import type { FileMetaData, ParquetQueryFilter } from 'hyparquet';
import type { Predicate } from '../provider.ts';
import type { ParquetColumn } from './types.ts';

type Condition = Partial<Record<'$lt' | '$lte' | '$gt' | '$gte' | '$eq' | '$in', unknown>>;

/**
 * The predicates that statistics can decide, for pruning only. One is left out where the statement compares in another
 * way than the file sorts: a number with text, say.
 */
export function pruningFilter(
  predicates: readonly Predicate[],
  columns: readonly ParquetColumn[],
): ParquetQueryFilter | undefined {
  const conditions = predicates.flatMap(({ column, op, values }): ParquetQueryFilter[] => {
    const { name, ordered } = columns[column] ?? {};
    // A dot is a path to the library.
    if (!ordered || name === undefined || name.includes('.') || op === 'not null') return [];
    if (!values.every((value) => (typeof value === 'string') === (ordered === 'text'))) return [];
    return [{ [name]: conditionOf(op, values) } as ParquetQueryFilter];
  });
  return conditions.length ? { $and: conditions } : undefined;
}

function conditionOf(op: Predicate['op'], values: Predicate['values']): Condition {
  const [first, second] = values;
  switch (op) {
    case '<':
      return { $lt: first };
    case '<=':
      return { $lte: first };
    case '>':
      return { $gt: first };
    case '>=':
      return { $gte: first };
    case 'between':
      return { $gte: first, $lte: second };
    default: {
      // 0 equals -0, but a Bloom filter knows only one of them.
      const zero = values.some((value) => value === 0);
      if (op === 'in') return zero ? {} : { $in: [...values] };
      return zero ? { $gte: 0, $lte: 0 } : { $eq: first };
    }
  }
}

/** Takes away the old pair of bounds where its signed order is wrong: for texts and unsigned integers. */
export function dropDoubtfulBounds({ schema, row_groups }: FileMetaData): void {
  const leaves = schema.filter((element) => element.type);
  for (const { columns } of row_groups) {
    columns.forEach(({ meta_data }, i) => {
      const { type, converted_type, logical_type } = leaves[i]!;
      const unsigned = logical_type?.type === 'INTEGER' && !logical_type.isSigned;
      if (
        !meta_data?.statistics ||
        !(unsigned || type === 'BYTE_ARRAY' || converted_type?.startsWith('UINT'))
      )
        return;
      delete meta_data.statistics.min;
      delete meta_data.statistics.max;
    });
  }
}
