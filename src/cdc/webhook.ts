import { assertArgument, assertNames } from '../wal/argument.ts';
import { plainEvent } from './json.ts';
import { type Sink, sinkFailed } from './sink.ts';

export interface WebhookSinkOptions {
  url: string;
  /** Hosts that may be called: `'hooks.example.com'`, or `'*.example.com'` for every name below it. */
  allow: readonly string[];
  /** Default `'webhook'`. */
  name?: string;
  /** More headers; a function gets the body, to sign it. */
  headers?:
    | Record<string, string>
    | ((body: string, id: string) => Record<string, string> | Promise<Record<string, string>>);
  /** Milliseconds for one attempt; default 10,000. */
  timeoutMs?: number;
  /** Attempts per flush; default 4. The next flush goes on. */
  attempts?: number;
  /** Milliseconds before the second attempt; each further one waits twice as long, up to 30 s. Default 500. */
  backoffMs?: number;
  limit?: number;
  /** Default 1 MiB. */
  maxBytes?: number;
  /** To call through a service binding, say. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

const MAX_WAIT_MS = 30_000;

/**
 * POSTs `{ id, database, writer, consumer, epoch, from, to, events }` as JSON. At least once, with `idempotency-key` the
 * same for the same events. What may pass is tried again: network errors, time-outs, 408, 425, 429 and 5xx. A redirect is
 * a failure: it could lead anywhere.
 * @throws INVALID_ARGUMENT when the URL is not https, holds a password, or its host is not allowed
 */
export function webhookSink(options: WebhookSinkOptions): Sink {
  assertArgument(options, 'webhookSink needs { url, allow }.');
  const { url, allow, name = 'webhook', limit, maxBytes = 1 << 20 } = options;
  const { timeoutMs = 10_000, attempts = 4, backoffMs = 500, headers = {} } = options;
  const send = options.fetch ?? ((to: string, init: RequestInit) => fetch(to, init));
  checkUrl(url, allow);
  return {
    name,
    maxBytes,
    ...(limit !== undefined && { limit }),
    async deliver({ events, ...rest }) {
      const body = JSON.stringify({ ...rest, events: events.map(plainEvent) });
      const own = typeof headers === 'function' ? await headers(body, rest.id) : headers;
      // One name in two spellings would be one header with two values.
      const more = Object.fromEntries(Object.entries(own ?? {}).map(([key, v]) => [key.toLowerCase(), v]));
      for (let attempt = 1; ; attempt++) {
        let why: string;
        let cause: unknown;
        let wait = backoffMs * 2 ** (attempt - 1) * (1 + Math.random() / 4);
        try {
          const response = await send(url, {
            method: 'POST',
            body,
            redirect: 'manual',
            signal: AbortSignal.timeout(timeoutMs),
            headers: { 'content-type': 'application/json', ...more, 'idempotency-key': rest.id },
          });
          await response.body?.cancel();
          const { status } = response;
          if (response.ok) return;
          why = `the answer was ${status}.`;
          if (status < 500 && ![408, 425, 429].includes(status)) attempt = attempts;
          wait = Math.max(wait, Number(response.headers.get('retry-after')) * 1000 || 0);
        } catch (error) {
          why = `${error instanceof Error ? error.message : error}.`;
          cause = error;
        }
        if (attempt >= attempts) throw sinkFailed(name, why, cause);
        await new Promise((resolve) => setTimeout(resolve, Math.min(wait, MAX_WAIT_MS)));
      }
    },
  };
}

function checkUrl(text: string, allow: readonly string[]): void {
  assertNames(allow ?? '', 'allow');
  const url = typeof text === 'string' ? URL.parse(text) : null;
  const host = url?.hostname ?? '';
  const allowed = allow.some((one) =>
    one.startsWith('*.') ? host.endsWith(one.slice(1).toLowerCase()) : host === one.toLowerCase(),
  );
  assertArgument(
    url?.protocol === 'https:' && !url.username && !url.password && allowed,
    `webhookSink calls https URLs without a password, on hosts of its allow list; host ${JSON.stringify(host)} ${allowed ? 'is, but the URL is not such' : 'is not'}.`,
  );
}
