type Values = readonly unknown[];
/** Builds a row object from an array of values. */
export type RowFactory = (r: Values) => Record<string, unknown>;

/**
 * The factory of row objects for a list of column names (the later of two equal names wins). Workers forbid `eval`, so
 * literals with computed keys, unrolled by arity, stand in for generated code: about twice as fast as keyed stores.
 */
export function rowFactory(names: readonly string[]): RowFactory {
  const [a, b, c, d, e, f, g, h, i, j, k, l] = names as string[] & { [n: number]: string };
  // `__proto__` as a computed key makes an own property in a literal, as it must.
  switch (names.length) {
    case 1:
      return (r) => ({ [a!]: r[0] });
    case 2:
      return (r) => ({ [a!]: r[0], [b!]: r[1] });
    case 3:
      return (r) => ({ [a!]: r[0], [b!]: r[1], [c!]: r[2] });
    case 4:
      return (r) => ({ [a!]: r[0], [b!]: r[1], [c!]: r[2], [d!]: r[3] });
    case 5:
      return (r) => ({ [a!]: r[0], [b!]: r[1], [c!]: r[2], [d!]: r[3], [e!]: r[4] });
    case 6:
      return (r) => ({ [a!]: r[0], [b!]: r[1], [c!]: r[2], [d!]: r[3], [e!]: r[4], [f!]: r[5] });
    case 7:
      return (r) => ({ [a!]: r[0], [b!]: r[1], [c!]: r[2], [d!]: r[3], [e!]: r[4], [f!]: r[5], [g!]: r[6] });
    case 8:
      return (r) => ({
        [a!]: r[0],
        [b!]: r[1],
        [c!]: r[2],
        [d!]: r[3],
        [e!]: r[4],
        [f!]: r[5],
        [g!]: r[6],
        [h!]: r[7],
      });
    case 9:
      return (r) => ({
        [a!]: r[0],
        [b!]: r[1],
        [c!]: r[2],
        [d!]: r[3],
        [e!]: r[4],
        [f!]: r[5],
        [g!]: r[6],
        [h!]: r[7],
        [i!]: r[8],
      });
    case 10:
      return (r) => ({
        [a!]: r[0],
        [b!]: r[1],
        [c!]: r[2],
        [d!]: r[3],
        [e!]: r[4],
        [f!]: r[5],
        [g!]: r[6],
        [h!]: r[7],
        [i!]: r[8],
        [j!]: r[9],
      });
    case 11:
      return (r) => ({
        [a!]: r[0],
        [b!]: r[1],
        [c!]: r[2],
        [d!]: r[3],
        [e!]: r[4],
        [f!]: r[5],
        [g!]: r[6],
        [h!]: r[7],
        [i!]: r[8],
        [j!]: r[9],
        [k!]: r[10],
      });
    case 12:
      return (r) => ({
        [a!]: r[0],
        [b!]: r[1],
        [c!]: r[2],
        [d!]: r[3],
        [e!]: r[4],
        [f!]: r[5],
        [g!]: r[6],
        [h!]: r[7],
        [i!]: r[8],
        [j!]: r[9],
        [k!]: r[10],
        [l!]: r[11],
      });
    default:
      return (r) => {
        const row: Record<string, unknown> = names.includes('__proto__') ? Object.create(null) : {};
        for (let n = 0; n < names.length; n++) row[names[n] as string] = r[n];
        return row;
      };
  }
}
