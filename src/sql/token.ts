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
  /** What SQLite's tokenizer refuses: a stray character, an unterminated quote, `1abc`, `x'0'`, `#1`. */
  ILLEGAL = 7,
  /** Operator of more than one character, except `==`, which is `=`. */
  OPERATOR = 8,

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
  USING = 143,
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
  DROP = 154,
  ALTER = 155,
  TABLE = 156,
  INDEX = 157,
  UNIQUE = 158,
  EXISTS = 159,
  COMMIT = 160,
  INDEXED = 168,
  WITH = 169,
  RECURSIVE = 170,
  REPLACE = 171,
  WINDOW = 172,
  ROLLBACK = 173,
  CONFLICT = 174,
  RAISE = 175,
  REINDEX = 176,
  ANALYZE = 177,
  PRAGMA = 178,
  BEGIN = 179,
  END = 180,
  SAVEPOINT = 181,
  RELEASE = 182,
  EXPLAIN = 183,
  QUERY = 184,
  PLAN = 185,
  TEMP = 186,
  TEMPORARY = 187,
  VIEW = 188,
  TRIGGER = 189,
  VIRTUAL = 190,
  IF = 191,
  FAIL = 192,
  BY = 193,
}

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
  'SAVEPOINT RELEASE EXPLAIN QUERY PLAN TEMP TEMPORARY VIEW TRIGGER VIRTUAL IF FAIL BY'
).split(' ');

const FIRST_NAME = 161;
const FIRST_ALIAS = Token.WITH;

const codes = new Map(KEYWORDS.map((word, index) => [word, 128 + index]));

/** Kind of an ASCII word: its keyword's constant, or WORD. */
export function wordKind(word: string): number {
  return codes.get(word.toUpperCase()) ?? Token.WORD;
}

/** A token that can be the name of a table. */
export function isName(kind: number): boolean {
  return kind >= FIRST_NAME || (kind > 0 && kind <= Token.STRING);
}

/** A token that can be an alias without AS. */
export function isAlias(kind: number): boolean {
  return kind >= FIRST_ALIAS || (kind > 0 && kind <= Token.STRING);
}
