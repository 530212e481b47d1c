import { DosqlError } from '../errors/index.ts';
import type { ByteSource } from '../relation/parquet/bytes.ts';
import type { ExternalFile } from './file.ts';
import { parseGlob } from './glob.ts';
import { gunzip } from './gzip.ts';
import type { Limits, R2Option } from './options.ts';
import { readAll, timed } from './request.ts';
import type { Slots } from './slots.ts';

const TAIL = 65_536;

export interface Buckets {
  readonly buckets: Readonly<Record<string, R2Option>>;
  readonly limits: Limits;
  readonly slots: Slots;
}

/** The files that `r2://bucket/key-or-glob` names, sorted by key. @throws SOURCE_FORBIDDEN, SOURCE_NOT_FOUND, LIMIT_EXCEEDED */
export async function r2Files({ buckets, limits, slots }: Buckets, text: string): Promise<ExternalFile[]> {
  const [, at = '', key = ''] = /^r2:\/\/([^/]*)\/?(.*)$/s.exec(text) ?? [];
  const found = Object.hasOwn(buckets, at) ? buckets[at] : undefined;
  if (!found) throw forbidden(text, `virtualTables({ r2 }) names no bucket ${JSON.stringify(at)}`);
  const { bucket, prefix } = 'bucket' in found ? found : { bucket: found, prefix: '' };
  const parts = key.split('/');
  if (key === '' || parts.includes('..') || parts.includes('.') || key.includes('\0'))
    throw forbidden(text, 'its key is empty or holds "." or ".." as a part');
  const file = (key: string, meta?: R2Object) =>
    r2File(bucket, `r2://${at}/${key}`, key, limits, slots, meta);
  const glob = parseGlob(key);
  if (!glob) {
    if (!key.startsWith(prefix)) throw forbidden(text, `only keys below ${prefix} may be read`);
    return [file(key)];
  }
  const from = glob.prefix.length > prefix.length ? glob.prefix : prefix;
  if (!from.startsWith(prefix)) throw forbidden(text, `only keys below ${prefix} may be read`);
  const matches: R2Object[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await slots.run(() =>
      timed(text, limits.timeoutMs, () => bucket.list({ prefix: from, ...(cursor && { cursor }) })),
    );
    for (const object of page.objects) if (glob.matches(object.key)) matches.push(object);
    if (matches.length > limits.maxFiles)
      throw new DosqlError(
        'LIMIT_EXCEEDED',
        `${text} matches more than ${limits.maxFiles} files (maxFiles).`,
        {
          limit: { name: 'maxFiles', value: limits.maxFiles },
        },
      );
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  if (!matches.length) throw notFound(text);
  matches.sort((a, b) => (a.key < b.key ? -1 : 1));
  return matches.map((object) => file(object.key, object));
}

function r2File(
  bucket: R2Bucket,
  name: string,
  key: string,
  { timeoutMs }: Limits,
  slots: Slots,
  listed?: R2Object,
): ExternalFile {
  const request = <T>(
    options: R2GetOptions,
    use: (object: R2Object | R2ObjectBody, signal: AbortSignal) => Promise<T>,
  ) =>
    slots.run(() =>
      timed(name, timeoutMs, async (signal) => {
        const object = await bucket.get(key, options);
        if (!object) throw notFound(name);
        return use(object, signal);
      }),
    );
  /** The body of an answer; without one, the object is no longer the one that was asked for. */
  const bodyOf = (object: R2Object | R2ObjectBody) => {
    if ('body' in object) return object.body as ReadableStream<Uint8Array>;
    throw new DosqlError('SOURCE_FAILED', `${name} changed while it was read.`);
  };
  const buffer = async (object: R2Object, limit: number, signal: AbortSignal) =>
    (await readAll(name, bodyOf(object), { limit, used: 0 }, signal)).buffer;
  const range = (offset: number, length: number, etag: string) =>
    request({ range: { offset, length }, onlyIf: { etagMatches: etag } }, async (object, signal) => {
      const bytes = await buffer(object, length, signal);
      if (bytes.byteLength === length) return bytes;
      throw new DosqlError('SOURCE_FAILED', `${name} answered fewer bytes than asked for.`);
    });
  const source = ({ size, etag }: R2Object, tail?: ArrayBuffer): ByteSource & { version: string } => ({
    name,
    size,
    version: etag,
    read: async (from, end) => {
      const known = size - (tail?.byteLength ?? 0);
      if (tail && from >= known) return tail.slice(from - known, end - known);
      return range(from, end - from, etag);
    },
  });
  return {
    name,
    identity: name,
    path: key,
    content: (budget) =>
      request({}, async (object, signal) => {
        const { httpMetadata } = object;
        const body = bodyOf(object);
        const packed = key.endsWith('.gz') || httpMetadata?.contentEncoding === 'gzip';
        const bytes = await readAll(name, packed ? gunzip(name, body) : body, budget, signal);
        return { bytes, contentType: httpMetadata?.contentType };
      }),
    open: async (_budget, known) => {
      if (listed) return source(listed);
      const onlyIf = known && { onlyIf: { etagDoesNotMatch: known.version } };
      try {
        return await request({ range: { suffix: TAIL }, ...onlyIf }, async (object, signal) =>
          'body' in object ? source(object, await buffer(object, TAIL, signal)) : source(object),
        );
      } catch (error) {
        // R2: a range that cannot be satisfied; only an empty object has no last bytes.
        if (/\(10039\)/.test(String((error as Error).cause))) return source({ size: 0 } as R2Object);
        throw error;
      }
    },
  };
}

function notFound(name: string): DosqlError {
  return new DosqlError('SOURCE_NOT_FOUND', `${name} does not exist: no object has such a key.`);
}

function forbidden(text: string, why: string): DosqlError {
  return new DosqlError('SOURCE_FORBIDDEN', `${text} is not allowed: ${why}.`);
}
