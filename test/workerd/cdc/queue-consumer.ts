import type { Env } from '../worker.ts';

interface Event {
  database: string;
  writer: string;
  id: string;
  lsn: number;
  op: string;
  key: Record<string, unknown>;
  after: Record<string, unknown> | null;
}

/**
 * A receiver as the guide describes it: what it had already it knows by `writer` and `id`, and the newest state of a row
 * by its `lsn`. Everything it keeps is in R2, under the database's name. Each batch fails once behind its work.
 */
export async function receive(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  for (const { body, attempts } of batch.messages as readonly Message<Event>[]) {
    const { database, writer, id, lsn, key, after, op } = body;
    const seen = `queue/${database}/events/${writer}/${id}`;
    if (!(await env.BUCKET.head(seen)) && op !== 'schema') {
      const row = `queue/${database}/rows/${JSON.stringify(key)}`;
      const known = await env.BUCKET.head(row);
      if (Number(known?.customMetadata?.['lsn'] ?? 0) < lsn)
        await env.BUCKET.put(row, JSON.stringify(after), { customMetadata: { lsn: `${lsn}` } });
    }
    await env.BUCKET.put(seen, `${lsn}`);
    await env.BUCKET.put(`queue/${database}/arrivals/${crypto.randomUUID()}`, `${attempts}`);
  }
  for (const message of batch.messages) if (message.attempts === 1 && message.body) message.retry();
}
