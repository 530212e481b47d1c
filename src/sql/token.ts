import { foldName } from './identifier.ts';

/**
 * Token kinds. One integer per token: a punctuation character is its own ASCII code, everything else has a
 * number here. Keywords stand in the order of KEYWORDS.
 */
export enum Token {
  /** Unquoted word that is none of the keywords below. */
  WORD = 1,
  /** "name", `name` or [name]. */
  NAME = 2,
  /** 'text'; SQLite also takes it for a name where only a name can stand. */
  STRING = 3,
  BLOB = 4,
  NUMBER = 5,
  PARAMETER = 6,
  /** Operator of more than one character, except `==`, which is `=`. */
  OPERATOR = 7,
  /** Never given out: each punctuation character is a kind of its own. */
  PUNCTUATION = 8,
  /** What SQLite's tokenizer refuses: a stray character, an unterminated quote, `1abc`, `x'0'`, `#1`. */
  ILLEGAL = 9,

  LEFT_PAREN = 40,
  RIGHT_PAREN = 41,
  STAR = 42,
  COMMA = 44,
  DOT = 46,
  SEMICOLON = 59,
  EQUALS = 61,

  SELECT = 128,
  VALUES = 129,
  WHERE = 130,
  GROUP = 131,
  HAVING = 132,
  ORDER = 133,
  LIMIT = 134,
  SET = 135,
  RETURNING = 136,
  UNION = 137,
  EXCEPT = 138,
  INTERSECT = 139,
  FROM = 140,
  JOIN = 141,
  ON = 142,
  IN = 144,
  NOT = 145,
  AS = 146,
  DISTINCT = 147,
  INTO = 148,
  OR = 149,
  INSERT = 150,
  UPDATE = 151,
  DELETE = 152,
  CREATE = 153,
  TABLE = 154,
  INDEX = 155,
  EXISTS = 156,
  WITH = 165,
  RECURSIVE = 166,
  REPLACE = 167,
  WINDOW = 168,
  ROLLBACK = 169,
  CONFLICT = 170,
  RAISE = 171,
  BEGIN = 172,
  END = 173,
  EXPLAIN = 174,
  QUERY = 175,
  VIEW = 176,
  TRIGGER = 177,
}

/**
 * The keywords that the analysis looks at, in three blocks: words that are never a name, words that are a
 * name but never an alias without AS, words that SQLite takes for a name wherever the keyword has no sense.
 */
const KEYWORDS = (
  'select values where group having order limit set returning union except intersect from join on using in not as distinct into or insert update delete create table index exists ' +
  'cross full inner left natural outer right indexed ' +
  'with recursive replace window rollback conflict raise begin end explain query view trigger'
).split(' ');

const FIRST_NAME = 157;
const FIRST_ALIAS = Token.WITH;

const codes = new Map(KEYWORDS.map((word, index) => [word, 128 + index]));

/** Kind of an ASCII word: its keyword's constant, or WORD. */
export function wordKind(word: string): number {
  return codes.get(foldName(word)) ?? Token.WORD;
}

/** A token that can be the name of a table. */
export function isName(kind: number): boolean {
  return kind >= FIRST_NAME || (kind > 0 && kind <= Token.STRING);
}

/** A token that can be an alias without AS. */
export function isAlias(kind: number): boolean {
  return kind >= FIRST_ALIAS || (kind > 0 && kind <= Token.STRING);
}
