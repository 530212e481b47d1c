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
  const regex = new RegExp(`^${translate(pattern)}$`, 's');
  return { prefix: pattern.slice(0, at), matches: (key) => regex.test(key) };
}

const ESCAPED = /[\\^$.*+?()[\]{}|/]/g;
const literal = (text: string) => text.replace(ESCAPED, '\\$&');

const PARTS = /\*\*\/|\*\*|\*|\?|\[(!?)([^\]]+)\]|\{([^{}]*)\}|[^*?[{]+|[[{]/g;

function translate(pattern: string): string {
  return pattern.replace(PARTS, (part, not: string | undefined, set?: string, options?: string) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    // Bounded repetition of one class: several stars in one part could otherwise take exponential time.
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (set !== undefined) return `(?!/)[${not ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
    if (options !== undefined) return `(?:${options.split(',').map(translate).join('|')})`;
    return literal(part);
  });
}
