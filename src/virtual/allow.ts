import { DosqlError } from '../errors/index.ts';

/** An entry of the allow-list, parsed. */
export interface Allowed {
  readonly origin: string;
  readonly path: string;
}

/** A hex or octal address is one in dots when the URL parser has read it; IPv6 keeps its brackets. */
const ADDRESS = /^\[|^[\d.]+$/;
const LOCAL = /(^|\.)(localhost|local|internal|localdomain|home\.arpa)$/;
/**
 * What servers may take for another path than the one that is compared: encoded separators, dots and percent signs, NUL, and
 * `..;`, which some take for `..`.
 */
const AMBIGUOUS = /%(?:2f|5c|00|2e|25)|\/\.{1,2};|[\\\0]/i;

/** @throws INVALID_ARGUMENT for an entry that could never be meant */
export function parseAllowed(entries: readonly string[]): Allowed[] {
  return entries.map((entry) => {
    const url = URL.canParse(entry) ? new URL(entry) : undefined;
    const wrong = !url
      ? 'it is no URL'
      : (fault(url) ?? (url.search || url.hash ? 'it has a query' : undefined));
    if (!url || wrong)
      throw new DosqlError(
        'INVALID_ARGUMENT',
        `virtualTables({ https: { allow } }) has ${shown(entry)}: ${wrong}.`,
      );
    return { origin: url.origin, path: url.pathname };
  });
}

/**
 * The URL to fetch, normalised, without its fragment.
 * @throws SOURCE_FORBIDDEN when it is not allowed, whatever it is
 */
export function checkUrl(text: string, allowed: readonly Allowed[], base?: URL): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (!url) throw forbidden(text, 'it is no URL');
  const wrong = fault(url);
  if (wrong) throw forbidden(url, wrong);
  url.hash = '';
  const match = ({ origin, path }: Allowed) =>
    url.origin === origin &&
    (url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`));
  if (!allowed.some(match)) throw forbidden(url, 'no entry of https.allow covers it');
  return url;
}

/** Why a URL is refused, wherever it comes from. */
function fault(url: URL): string | undefined {
  if (url.protocol !== 'https:') return 'only https:// and r2:// are';
  if (url.username || url.password) return 'it holds credentials, which belong into https.headers';
  const host = url.hostname.replace(/\.+$/, '');
  if (host === '' || ADDRESS.test(host)) return 'its host is an address, not a name';
  if (LOCAL.test(host) || !host.includes('.')) return 'its host is an internal name';
  if (AMBIGUOUS.test(url.pathname)) return 'its path can be read in two ways';
  return undefined;
}

function forbidden(url: string | URL, why: string): DosqlError {
  return new DosqlError('SOURCE_FORBIDDEN', `${shown(url)} is not allowed: ${why}.`);
}

/** Scheme, host and path: credentials and queries stay out of messages and logs. */
export function shown(url: string | URL): string {
  const parsed = typeof url !== 'string' ? url : URL.canParse(url) ? new URL(url) : undefined;
  if (parsed) return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return JSON.stringify(
    String(url)
      .replace(/[?#].*|\/\/[^/]*@/gs, '…')
      .slice(0, 100),
  );
}
