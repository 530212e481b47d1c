type Values = readonly unknown[];
type Row = Record<string, unknown>;
/** Builds a row object from an array of values. */
export type RowFactory = (r: Values) => Row;
type Constructor = (this: Row, r: Values) => void;

/**
 * The factory of row objects for a list of column names (the later of two equal names wins); the first value is at
 * `from`. Workers forbid `eval`. A constructor per list of names learns the size and shape of its objects, and is 5
 * times as fast as a literal with computed keys. What it makes are plain objects.
 */
export function rowFactory(names: readonly string[], from = 0): RowFactory {
  // Assigned, `__proto__` would set the prototype.
  if (names.includes('__proto__')) {
    return (r) => Object.fromEntries(names.map((name, i) => [name, r[from + i]]));
  }
  const make = constructorOf(names, from);
  make.prototype = Object.prototype;
  const Make = make as unknown as new (r: Values) => Row;
  return (r) => new Make(r);
}

/** Unrolled by number of names: where one shape prevails, every assignment knows its property. */
function constructorOf(names: readonly string[], at: number): Constructor {
  const [a, b, c, d, e, f, g, h, i, j, k, l] = names as string[] & { [n: number]: string };
  switch (names.length) {
    case 2:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
      };
    case 3:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
      };
    case 4:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
      };
    case 5:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
      };
    case 6:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
      };
    case 7:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
      };
    case 8:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
        this[h!] = r[at + 7];
      };
    case 9:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
        this[h!] = r[at + 7];
        this[i!] = r[at + 8];
      };
    case 10:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
        this[h!] = r[at + 7];
        this[i!] = r[at + 8];
        this[j!] = r[at + 9];
      };
    case 11:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
        this[h!] = r[at + 7];
        this[i!] = r[at + 8];
        this[j!] = r[at + 9];
        this[k!] = r[at + 10];
      };
    case 12:
      return function (r) {
        this[a!] = r[at];
        this[b!] = r[at + 1];
        this[c!] = r[at + 2];
        this[d!] = r[at + 3];
        this[e!] = r[at + 4];
        this[f!] = r[at + 5];
        this[g!] = r[at + 6];
        this[h!] = r[at + 7];
        this[i!] = r[at + 8];
        this[j!] = r[at + 9];
        this[k!] = r[at + 10];
        this[l!] = r[at + 11];
      };
    default:
      return function (r) {
        for (let n = 0; n < names.length; n++) this[names[n] as string] = r[at + n];
      };
  }
}
