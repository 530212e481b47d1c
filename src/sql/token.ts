/**
 * Token kinds. One integer per token: a punctuation character is its own ASCII code, everything else has a
 * constant below. Plain constants, not an enum: the bundler inlines them and the type stripper keeps them.
 */

/** Unquoted word that is none of the keywords below. */
export const WORD = 1;
/** "name", `name` or [name]. */
export const NAME = 2;
/** 'text'; SQLite also takes it for a name where only a name can stand. */
export const STRING = 3;
export const BLOB = 4;
export const NUMBER = 5;
export const PARAMETER = 6;
/** What SQLite's tokenizer refuses: a stray character, an unterminated quote, `1abc`, `x'0'`, `#1`. */
export const ILLEGAL = 7;
/** Operator of more than one character, except `==`, which is `=`. */
export const OPERATOR = 8;

export const LEFT_PAREN = 40;
export const RIGHT_PAREN = 41;
export const STAR = 42;
export const COMMA = 44;
export const DOT = 46;
export const SEMICOLON = 59;
export const EQUALS = 61;

/**
 * The keywords that the analysis looks at, in three blocks: words that are never a name, words that are a
 * name but never an alias without AS, words that SQLite takes for a name wherever the keyword has no sense.
 */
const KEYWORDS = (
  'SELECT VALUES WHERE GROUP HAVING ORDER LIMIT SET RETURNING UNION EXCEPT INTERSECT FROM JOIN ON ' +
  'USING IN NOT AS DISTINCT INTO OR INSERT UPDATE DELETE CREATE DROP ALTER TABLE INDEX UNIQUE ' +
  'EXISTS COMMIT ' +
  'CROSS FULL INNER LEFT NATURAL OUTER RIGHT INDEXED ' +
  'WITH RECURSIVE REPLACE WINDOW ROLLBACK CONFLICT RAISE REINDEX ANALYZE PRAGMA BEGIN END ' +
  'SAVEPOINT RELEASE EXPLAIN QUERY PLAN TEMP TEMPORARY VIEW TRIGGER VIRTUAL IF FAIL'
).split(' ');

export const SELECT = 128;
export const VALUES = 129;
export const WHERE = 130;
export const GROUP = 131;
export const HAVING = 132;
export const ORDER = 133;
export const LIMIT = 134;
export const SET = 135;
export const RETURNING = 136;
export const UNION = 137;
export const EXCEPT = 138;
export const INTERSECT = 139;
export const FROM = 140;
export const JOIN = 141;
export const ON = 142;
export const USING = 143;
export const IN = 144;
export const NOT = 145;
export const AS = 146;
export const DISTINCT = 147;
export const INTO = 148;
export const OR = 149;
export const INSERT = 150;
export const UPDATE = 151;
export const DELETE = 152;
export const CREATE = 153;
export const DROP = 154;
export const ALTER = 155;
export const TABLE = 156;
export const INDEX = 157;
export const UNIQUE = 158;
export const EXISTS = 159;
export const COMMIT = 160;
export const INDEXED = 168;
export const WITH = 169;
export const RECURSIVE = 170;
export const REPLACE = 171;
export const WINDOW = 172;
export const ROLLBACK = 173;
export const CONFLICT = 174;
export const RAISE = 175;
export const REINDEX = 176;
export const ANALYZE = 177;
export const PRAGMA = 178;
export const BEGIN = 179;
export const END = 180;
export const SAVEPOINT = 181;
export const RELEASE = 182;
export const EXPLAIN = 183;
export const QUERY = 184;
export const PLAN = 185;
export const TEMP = 186;
export const TEMPORARY = 187;
export const VIEW = 188;
export const TRIGGER = 189;
export const VIRTUAL = 190;
export const IF = 191;
export const FAIL = 192;

const FIRST_NAME = 161;
const FIRST_ALIAS = 169;

const codes = new Map(KEYWORDS.map((word, index) => [word, 128 + index]));

/** Kind of an ASCII word: its keyword's constant, or WORD. */
export function wordKind(word: string): number {
  return codes.get(word.toUpperCase()) ?? WORD;
}

/** A token that can be the name of a table. */
export function isName(kind: number): boolean {
  return kind >= FIRST_NAME || (kind > 0 && kind <= STRING);
}

/** A token that can be an alias without AS. */
export function isAlias(kind: number): boolean {
  return kind >= FIRST_ALIAS || (kind > 0 && kind <= STRING);
}
