/** A pattern of keys: `*` and `?` within a part, `**` across parts, `[ab]`, `[!a-z]`, `{a,b}`. */
export interface Glob {
  /** What every match begins with. */
  readonly prefix: string;
  matches(key: string): boolean;
}

const MAGIC = /[*?[{]/;

/** Undefined for a plain key. */
export function parseGlob(pattern: string): Glob | undefined {
  const at = pattern.search(MAGIC);
  if (at < 0) return undefined;
  const states: State[] = [{ free: [], on: [] }];
  const end = compile(states, pattern, 0);
  return { prefix: pattern.slice(0, at), matches: (key) => follow(states, key).has(end) };
}

type Test = (unit: string) => boolean;

/** Where a match may be: what it goes on to without a character, and with one. */
interface State {
  readonly free: number[];
  readonly on: [test: Test, to: number][];
}

const PARTS = /\*\*\/|\*\*|\*|\?|\[(!?)([^\]]+)\]|\{([^{}]*)\}|./gs;

const any: Test = () => true;
const inPart: Test = (unit) => unit !== '/';

/** Adds the states of a pattern behind `state`; returns the last. */
function compile(states: State[], pattern: string, first: number): number {
  let state = first;
  const add = () => states.push({ free: [], on: [] }) - 1;
  const step = (test: Test) => {
    const next = add();
    states[state]!.on.push([test, next]);
    state = next;
  };
  const repeat = (test: Test) => {
    const next = add();
    states[state]!.free.push(next);
    states[next]!.on.push([test, next]);
    state = next;
  };
  for (const [part, not, set, options] of pattern.matchAll(PARTS)) {
    if (part === '**/') {
      const before = state;
      repeat(any);
      step((unit) => unit === '/');
      states[before]!.free.push(state);
    } else if (part === '**') repeat(any);
    else if (part === '*') repeat(inPart);
    else if (part === '?') step(inPart);
    else if (set !== undefined) step((unit) => inPart(unit) && among(set, unit) === !not);
    else if (options !== undefined) {
      const ends = options.split(',').map((option) => compile(states, option, state));
      state = add();
      for (const end of ends) states[end]!.free.push(state);
    } else step((unit) => unit === part);
  }
  return state;
}

/** A unit is one of a set like `a-z_`. */
function among(set: string, unit: string): boolean {
  for (let i = 0; i < set.length; i++) {
    const range = set[i + 1] === '-' && i + 2 < set.length;
    if (range ? unit >= set[i]! && unit <= set[i + 2]! : unit === set[i]) return true;
    if (range) i += 2;
  }
  return false;
}

/** All states at once: a regular expression could take years for a few stars and a long key. */
function follow(states: readonly State[], key: string): Set<number> {
  let now = new Set([0]);
  // A Set also visits what is added on the way.
  const close = () => {
    for (const at of now) for (const to of states[at]!.free) now.add(to);
  };
  close();
  for (let i = 0; i < key.length && now.size; i++) {
    const next = new Set<number>();
    for (const at of now) for (const [test, to] of states[at]!.on) if (test(key[i]!)) next.add(to);
    now = next;
    close();
  }
  return now;
}
