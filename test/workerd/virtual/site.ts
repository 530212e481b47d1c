import { parquetWriteBuffer } from 'hyparquet-writer';

const parquet = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'id', type: 'INT32', data: Array.from({ length: 50_000 }, (_, i) => i) },
      { name: 'x', type: 'DOUBLE', data: Array.from({ length: 50_000 }, (_, i) => Math.sin(i)) },
    ],
    rowGroupSize: 5000,
  }),
);

/** `*.example.com`: what a server may answer, good and bad. */
export async function site(request: Request): Promise<Response> {
  const { pathname, searchParams, hostname } = new URL(request.url);
  const to = searchParams.get('to');
  switch (pathname) {
    case '/data/users.json':
      return Response.json([
        { id: 1, name: 'Ada', role: 'admin' },
        { id: 2, name: 'Bob', role: 'user' },
      ]);
    case '/data/untyped':
      return new Response('id,name\n1,Ada\n', { headers: { 'content-type': 'text/csv; charset=utf-8' } });
    case '/data/unknown':
      return new Response('?', { headers: { 'content-type': 'text/html' } });
    case '/data/headers.json':
      return Response.json({ host: hostname, authorization: request.headers.get('authorization') });
    case '/data/redirect.json':
      return new Response('moved', {
        status: Number(searchParams.get('status') ?? 302),
        headers: { location: to ?? '' },
      });
    case '/data/nowhere.json':
      return new Response(null, { status: 302 });
    case '/data/loop.json':
      return Response.redirect(request.url, 307);
    case '/data/failing.json':
      return new Response('secret details', { status: 500 });
    case '/data/large.json':
      return new Response(`[${'1,'.repeat(200_000)}1]`);
    case '/data/endless.json':
      return new Response(endless());
    case '/data/stalled.json':
      return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([91])) }));
    case '/data/bomb.json':
      return new Response(endless().pipeThrough(new CompressionStream('gzip')), {
        headers: { 'content-encoding': 'gzip' },
        encodeBody: 'manual',
      });
    case '/data/bomb.json.gz':
      return new Response(endless().pipeThrough(new CompressionStream('gzip')));
    case '/data/stored.csv.gz':
      return new Response(packed('id\n7\n'));
    case '/data/transported.csv.gz':
      return new Response(packed('id\n7\n'), {
        headers: { 'content-encoding': 'gzip' },
        encodeBody: 'manual',
      });
    case '/data/transported-packed.csv.gz':
      return new Response(packed('id\n7\n').pipeThrough(new CompressionStream('gzip')), {
        headers: { 'content-encoding': 'gzip' },
        encodeBody: 'manual',
      });
    case '/data/broken.json.gz':
      return new Response('no gzip');
    case '/data/whole.parquet':
      return new Response(parquet, { headers: { etag: '"1"' } });
    case '/data/ranges.parquet':
      return ranged(request, parquet);
    case '/data/changing.parquet':
      return ranged(request, parquet, request.headers.has('if-match') ? '"2"' : '"1"');
    case '/data/lying.parquet':
      return new Response(parquet.slice(0, 100), {
        status: 206,
        headers: { 'content-range': `bytes 0-99/${parquet.length}` },
      });
    case '/data/endless.parquet':
      return new Response(endless(), {
        status: 206,
        headers: { 'content-range': `bytes ${2 ** 40}-${2 ** 41 - 1}/${2 ** 41}` },
      });
    case '/data/empty.parquet':
      return new Response(null, { status: 416, headers: { 'content-range': 'bytes */0' } });
    default:
      return new Response('none', { status: 404 });
  }
}

const packed = (text: string) => new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));

/** Megabytes for ever, at the pace of who reads. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream(
    { pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)) },
    { highWaterMark: 0 },
  );
}

function ranged(request: Request, bytes: Uint8Array, etag = '"1"'): Response {
  const match = request.headers.get('if-match');
  if (match && match !== etag) return new Response(null, { status: 412 });
  if (request.headers.get('if-none-match') === etag)
    return new Response(null, { status: 304, headers: { etag } });
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? [];
  const start = first ? Number(first) : bytes.length - Number(last);
  const end = first ? Number(last) + 1 : bytes.length;
  return new Response(bytes.slice(start, end), {
    status: 206,
    headers: { etag, 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` },
  });
}
