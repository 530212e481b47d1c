import { afterAll, beforeAll, describe, it } from 'vitest';
import { connect } from '../../../src/client/index.ts';
import { issueToken } from '../../../src/server/index.ts';
import { Workerd } from '../../crash/workerd.ts';
import { Random } from '../../workerd/wal/random.ts';
import { runs } from '../sql/runs.ts';
import { Evolution } from './evolution.ts';
import type { Command } from './worker.ts';

const STEPS = 10;

describe.each(['old', 'new'])('a schema that changes, on the %s runtime', (lane) => {
  let workerd: Workerd;
  let token: string;
  beforeAll(async () => {
    workerd = await Workerd.create('test/property/migration/worker.ts', {}, { lane });
    await workerd.start();
    token = await issueToken('the secret of the tests, 32 bytes', { database: 'evolution', access: 'write' });
  });
  afterAll(() => workerd.dispose());

  const { numRuns } = runs(1);
  for (let seed = 1000; seed < 1000 + numRuns; seed++) {
    it(`seed ${seed}: rows, references, the past, events and drizzle-kit agree after every migration`, async () => {
      const ask = async <T>(command: Command): Promise<T> => {
        const response = await fetch(`${workerd.url}/seed-${seed}`, {
          method: 'POST',
          body: JSON.stringify(command),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${JSON.stringify(command).slice(0, 500)}: ${text}`);
        return JSON.parse(text) as T;
      };
      const subject = {
        ask,
        client: connect(`${workerd.url}/databases/seed-${seed}/`, { token }),
        restart: async () => {
          await workerd.kill();
          await workerd.start();
          subject.client = connect(`${workerd.url}/databases/seed-${seed}/`, { token });
        },
      };
      await new Evolution(new Random(seed), subject, `seed ${seed}`).run(STEPS);
    });
  }
});
