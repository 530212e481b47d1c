import { hex, utf8 } from '../sql/literal.ts';

/** SHA-256 of a text in UTF-8, in lower-case hex: what drizzle's migrators on Node write into the ledger. */
export async function sha256(text: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))));
}
