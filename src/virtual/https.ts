import { DosqlError } from '../errors/index.ts';
import { type Allowed, checkUrl, shown } from './allow.ts';
import type { Content, ExternalFile } from './file.ts';
import { gunzip } from './gzip.ts';
import type { HttpsOptions, Limits } from './options.ts';
import { type Budget, readAll, timed } from './request.ts';
import type { Slots } from './slots.ts';

const REDIRECTS = 3;
const TAIL = 65_536;

export interface Network {
  readonly options: HttpsOptions;
  readonly allowed: readonly Allowed[];
  readonly limits: Limits;
  readonly slots: Slots;
}

/** A file behind `https://`. @throws SOURCE_FORBIDDEN */
export function httpsFile(network: Network, text: string): ExternalFile {
  const url = checkUrl(text, network.allowed);
  const name = shown(url);
  const { slots, limits } = network;
  const request = <T>(
    headers: Record<string, string>,
    use: (answer: Response, signal: AbortSignal) => Promise<T>,
  ) =>
    slots.run(() =>
      timed(name, limits.timeoutMs, async (signal) => {
        const answer = await follow(network, url, headers, signal);
        try {
          return await use(answer, signal);
        } finally {
          // A body that is neither read nor cancelled holds its connection.
          if (answer.body && !answer.bodyUsed) answer.body.cancel().catch(() => {});
        }
      }),
    );
  const whole = async (answer: Response, budget: Budget, signal: AbortSignal): Promise<Content> => {
    const stream = answer.body ?? new Blob([]).stream();
    const named = url.pathname.endsWith('.gz');
    // What was packed for the way, fetch has unpacked: that was the file's own packing, or one more.
    const encoded = answer.headers.has('content-encoding');
    let bytes = await readAll(name, named && !encoded ? gunzip(name, stream) : stream, budget, signal);
    if (named && encoded && bytes[0] === 0x1f && bytes[1] === 0x8b)
      bytes = await readAll(name, gunzip(name, new Blob([bytes]).stream()), budget, signal);
    return { bytes, contentType: answer.headers.get('content-type') ?? undefined };
  };
  const ranges = (size: number, etag: string | undefined) => (from: number, end: number) =>
    request(
      {
        range: `bytes=${from}-${end - 1}`,
        'accept-encoding': 'identity',
        ...(etag && { 'if-match': etag }),
      },
      async (answer, signal) => {
        if (answer.status === 412) throw failed(name, 'it changed while it was read');
        expectOk(answer, name);
        const got = answer.status === 206 ? contentRange(answer, name) : undefined;
        if (got?.start !== from || got.size !== size)
          throw failed(name, 'it answered another range than asked for');
        const bytes = await readAll(name, answer.body!, { limit: end - from, used: 0 }, signal);
        if (bytes.length !== end - from) throw failed(name, 'it answered fewer bytes than asked for');
        return bytes.buffer;
      },
    );
  return {
    name,
    identity: url.href,
    path: url.pathname,
    content: (budget) => request({}, async (answer, signal) => whole(expectOk(answer, name), budget, signal)),
    open: (budget, known) =>
      request(tailOf(known?.version), async (answer, signal) => {
        if (known && answer.status === 304)
          return {
            ...part(name, known.size, EMPTY, known.size, ranges(known.size, known.version)),
            ...known,
          };
        // An empty file has no last bytes.
        if (answer.status === 416) return part(name, 0, EMPTY, 0, noMore(name));
        if (answer.status !== 206) {
          // No ranges here, or an empty file: all of it, within the limit for whole files.
          const { bytes } = await whole(expectOk(answer, name), budget, signal);
          return part(name, bytes.length, bytes.buffer, 0, noMore(name));
        }
        const { start, size } = contentRange(answer, name);
        const tail = await readAll(name, answer.body!, { limit: TAIL, used: 0 }, signal);
        if (start + tail.length !== size) throw failed(name, 'it answered another range than asked for');
        const etag = answer.headers.get('etag') ?? undefined;
        const strong = etag && !etag.startsWith('W/') ? etag : undefined;
        return { ...part(name, size, tail.buffer, start, ranges(size, strong)), version: strong };
      }),
  };
}

const EMPTY = new ArrayBuffer(0);

const tailOf = (version: string | undefined) => ({
  range: `bytes=-${TAIL}`,
  'accept-encoding': 'identity',
  ...(version && { 'if-none-match': version }),
});

/** Serves what the bytes at hand cover, asks for the rest. */
function part(
  name: string,
  size: number,
  known: ArrayBuffer,
  start: number,
  read: (from: number, end: number) => Promise<ArrayBuffer>,
) {
  return {
    name,
    size,
    read: async (from: number, end: number) =>
      from >= start && end <= size ? known.slice(from - start, end - start) : read(from, end),
  };
}

const noMore = (name: string) => async (): Promise<never> => {
  throw new DosqlError('CORRUPT_FILE', `${name} ends before what it says it holds.`);
};

/** One request with its redirects, each checked like the first. */
async function follow(
  { options, allowed }: Network,
  first: URL,
  own: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const { fetch: fetcher = fetch, headers } = options;
  let url = first;
  let trusted = true;
  for (let hop = 0; ; hop++) {
    const given = trusted && headers ? await headers(new URL(url)) : {};
    const all = new Headers(given);
    for (const [key, value] of Object.entries(own)) all.set(key, value);
    const init = { headers: all, redirect: 'manual', signal } as const;
    const answer = (await (typeof fetcher === 'function'
      ? fetcher(url.href, init)
      : fetcher.fetch(url.href, init))) as Response;
    if (answer.redirected || answer.status === 0) {
      await answer.body?.cancel();
      throw forbidden(first, 'https.fetch followed a redirect by itself, unchecked');
    }
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
    await answer.body?.cancel();
    const location = answer.headers.get('location');
    if (location === null) throw failed(shown(url), 'it redirects nowhere');
    if (hop === REDIRECTS) throw failed(shown(first), `it redirects more than ${REDIRECTS} times`);
    const next = checkUrl(location, allowed, url);
    // Once another origin chose the address, it must not choose what our credentials open.
    trusted &&= next.origin === url.origin;
    url = next;
  }
}

function contentRange({ headers }: Response, name: string): { start: number; size: number } {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (!match || headers.has('content-encoding'))
    throw failed(name, 'its answer to a range request makes no sense');
  return { start: Number(match[1]), size: Number(match[2]) };
}

function expectOk(answer: Response, name: string): Response {
  const { status } = answer;
  if (status === 404 || status === 410)
    throw new DosqlError('SOURCE_NOT_FOUND', `${name} does not exist (${status}).`);
  if (!answer.ok) throw failed(name, `the server answered ${status}`);
  return answer;
}

function failed(name: string, why: string): DosqlError {
  return new DosqlError('SOURCE_FAILED', `${name} could not be read: ${why}.`);
}

function forbidden(url: URL, why: string): DosqlError {
  return new DosqlError('SOURCE_FORBIDDEN', `${shown(url)} is not allowed: ${why}.`);
}
