import {
  createLocalJWKSet,
  importJWK,
  importSPKI,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { DosqlError } from '../errors/index.ts';
import type { Grant } from './grant.ts';

/** Signatures by a private key, which a server need not know. */
export type Algorithm = 'EdDSA' | 'ES256' | 'RS256';

/** How tokens are verified: one secret (HS256), one public key, or a set of them. */
export type TokenAuth =
  | {
      /** At least 32 bytes; as text, its UTF-8. */
      readonly secret: string | Uint8Array;
    }
  | {
      /** A CryptoKey, a JWK, or the text of a PEM file (SPKI). */
      readonly publicKey: CryptoKey | JWK | string;
      /** Default: the JWK's `alg`, else EdDSA. */
      readonly algorithm?: Algorithm;
    }
  | { readonly jwks: JSONWebKeySet };

/** What a token says, its signature and time being right. */
export interface Claims {
  readonly audience: readonly string[];
  readonly grant: Grant;
}

export type Verify = (token: string) => Promise<Claims>;

const ALGORITHMS: readonly Algorithm[] = ['EdDSA', 'ES256', 'RS256'];

/** @throws INVALID_ARGUMENT for a secret that can be guessed */
function secretOf(secret: string | Uint8Array): Uint8Array {
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
  if (bytes?.length >= 32) return bytes;
  throw new DosqlError('INVALID_ARGUMENT', 'The secret of HS256 tokens needs at least 32 bytes.');
}

/** Makes the verifier. It rejects with whatever error; the handler answers all of them alike. @throws INVALID_ARGUMENT */
export function verifier(auth: TokenAuth): Verify {
  const options = { requiredClaims: ['exp', 'aud'] };
  if ('secret' in auth) {
    const key = secretOf(auth.secret);
    return async (token) =>
      claims((await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload);
  }
  if ('jwks' in auth) {
    const keys = createLocalJWKSet(auth.jwks);
    return async (token) =>
      claims((await jwtVerify(token, keys, { ...options, algorithms: [...ALGORITHMS] })).payload);
  }
  const { publicKey, algorithm = (publicKey as JWK).alg ?? 'EdDSA' } = auth;
  if (!publicKey || !ALGORITHMS.includes(algorithm as Algorithm))
    throw new DosqlError('INVALID_ARGUMENT', `auth needs a public key for ${ALGORITHMS.join(', ')}.`);
  const importing =
    typeof publicKey === 'string'
      ? importSPKI(publicKey, algorithm)
      : publicKey instanceof CryptoKey
        ? Promise.resolve(publicKey)
        : importJWK(publicKey, algorithm);
  // Told by every verification.
  importing.catch(() => {});
  return async (token) =>
    claims((await jwtVerify(token, await importing, { ...options, algorithms: [algorithm] })).payload);
}

/** @throws INVALID_ARGUMENT for claims that cannot be meant */
function claims(payload: Record<string, unknown> & { aud?: string | string[]; exp?: number }): Claims {
  const { aud = [], exp = 0, access, tables, rows } = payload;
  const named =
    tables === undefined || (Array.isArray(tables) && tables.every((name) => typeof name === 'string'));
  if (!/^(read|write)$/.test(String(access)) || !named || !(rows === undefined || Number.isSafeInteger(rows)))
    throw new DosqlError('INVALID_ARGUMENT', 'A token needs access: "read" or "write".');
  return {
    audience: typeof aud === 'string' ? [aud] : aud,
    grant: {
      read: true,
      write: access === 'write',
      expires: exp * 1000,
      ...(tables !== undefined && { tables: tables as string[] }),
      ...(rows !== undefined && { rowCap: rows as number }),
    },
  };
}

export interface TokenOptions {
  /** Name of the database (the first argument of `DB`), or of several. */
  database: string | readonly string[];
  /** `'write'` includes reading and, without `tables`, changing the schema. */
  access: 'read' | 'write';
  /** The only tables and views that may be named. */
  tables?: readonly string[];
  /** Most rows of one result. */
  rows?: number;
  /** Lifetime in seconds; default one hour. */
  expiresIn?: number;
  /** Of a private key; default its JWK's `alg`, else EdDSA. A secret always means HS256. */
  algorithm?: Algorithm;
}

/**
 * A signed token (JWT). `key` is the secret of HS256 tokens, or a private key as CryptoKey or JWK.
 * @throws INVALID_ARGUMENT
 */
export async function issueToken(
  key: string | Uint8Array | CryptoKey | JWK,
  { database, access, tables, rows, expiresIn = 3600, algorithm }: TokenOptions,
): Promise<string> {
  const shared = typeof key === 'string' || key instanceof Uint8Array;
  const alg = shared ? 'HS256' : (algorithm ?? (key as JWK).alg ?? 'EdDSA');
  const signing = shared ? secretOf(key) : key instanceof CryptoKey ? key : await importJWK(key, alg);
  const now = Math.floor(Date.now() / 1000);
  const audience = typeof database === 'string' ? [database] : [...(database ?? [])];
  if (!audience.length) throw new DosqlError('INVALID_ARGUMENT', 'A token is for a database: give its name.');
  claims({ access, tables, rows });
  return new SignJWT({ access, ...(tables && { tables: [...tables] }), ...(rows !== undefined && { rows }) })
    .setProtectedHeader({ alg })
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + expiresIn)
    .sign(signing);
}
