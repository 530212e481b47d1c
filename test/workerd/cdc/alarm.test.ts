import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type AlarmJob, sharedAlarm } from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import type { TailObject } from './tail-object.ts';

const HOUR = 3_600_000;

/** Moves the clock that the code sees; the runtime's own alarms stay hours away. */
function at(ms: number): number {
  vi.useFakeTimers({ toFake: ['Date'], now: ms });
  return ms;
}

/** What the runtime does before it calls `alarm()`. */
const fire = (storage: DurableObjectStorage) => storage.deleteAlarm();

afterEach(() => {
  vi.useRealTimers();
});

describe('sharedAlarm', () => {
  it('never moves an alarm of the user to a later time, and brings it back when it came first', () =>
    inObject(async (storage) => {
      const now = at(Date.now());
      const alarms = sharedAlarm(storage);
      const users = now + 3 * HOUR;
      await storage.setAlarm(users);
      await alarms.schedule('late', '5h');
      expect(await storage.getAlarm()).toBe(users);
      await alarms.schedule('early', '2h');
      expect(await storage.getAlarm()).toBe(now + 2 * HOUR);
      const ran: string[] = [];
      const job = (name: string) => async () => void ran.push(name);
      const jobs = { early: job('early'), late: job('late'), user: job('user') };

      at(now + 2 * HOUR);
      await fire(storage);
      expect(await alarms.run(jobs)).toEqual([{ job: 'early' }]);
      expect(await storage.getAlarm()).toBe(users);

      at(users);
      await fire(storage);
      await alarms.run(jobs);
      expect(await storage.getAlarm()).toBe(now + 5 * HOUR);

      at(now + 5 * HOUR);
      await fire(storage);
      await alarms.run(jobs);
      expect(ran).toEqual(['early', 'user', 'late']);
      expect(await storage.getAlarm()).toBe(null);
    }));

  it('writes nothing when the job is to run earlier anyway', () =>
    inObject(async (storage) => {
      const alarms = sharedAlarm(storage);
      const written = () => storage.sql.exec('SELECT total_changes() AS n').one()['n'];
      await alarms.schedule('upkeep', '1h');
      const before = written();
      await alarms.schedule('upkeep', '2h');
      expect(written()).toBe(before);
      await alarms.schedule('upkeep', '30m');
      expect(written()).not.toBe(before);
    }));

  it('runs the user when he replaced its alarm, and loses no job by that', () =>
    inObject(async (storage) => {
      const now = at(Date.now());
      const alarms = sharedAlarm(storage);
      await alarms.schedule('ours', '5h');
      await storage.setAlarm(now + 4 * HOUR);
      const ran: string[] = [];
      const jobs: Record<string, AlarmJob> = {
        ours: async () => void ran.push('ours'),
        // As a user's own handler does: set the next one.
        user: async () => {
          ran.push('user');
          await storage.setAlarm(Date.now() + 8 * HOUR);
        },
      };
      at(now + 4 * HOUR);
      await fire(storage);
      await alarms.run(jobs);
      expect(await storage.getAlarm()).toBe(now + 5 * HOUR);
      at(now + 5 * HOUR);
      await fire(storage);
      await alarms.run(jobs);
      expect(await storage.getAlarm()).toBe(now + 12 * HOUR);
      expect(ran).toEqual(['user', 'ours']);
    }));

  it('runs the user whose later alarm replaced its own, and none for its own that comes late', () =>
    inObject(async (storage) => {
      const now = at(Date.now());
      const alarms = sharedAlarm(storage);
      const ran: string[] = [];
      const job = (name: string) => async () => void ran.push(name);
      const jobs = { ours: job('ours'), user: job('user') };
      const fired = async (scheduledTime: number, isRetry = false) => {
        await fire(storage);
        await alarms.run(jobs, { scheduledTime, isRetry });
      };
      await alarms.schedule('ours', '2h');
      await storage.setAlarm(now + 4 * HOUR);
      at(now + 4 * HOUR);
      await fired(now + 4 * HOUR);
      expect(ran).toEqual(['ours', 'user']);
      await alarms.schedule('ours', '1h');
      at(now + 7 * HOUR);
      await fired(now + 5 * HOUR);
      expect(ran.slice(2)).toEqual(['ours']);
      // Noted by a run that the object died in.
      await alarms.schedule('ours', 0);
      await fired(now + 5 * HOUR, true);
      expect(ran.slice(3)).toEqual(['ours']);
      expect(await storage.getAlarm()).toBe(null);
    }));

  it('takes no alarm for one of the user because the runtime moved it from the past to the present', () =>
    inObject(async (storage) => {
      const alarms = sharedAlarm(storage);
      const ran: string[] = [];
      const job = (name: string) => async () => void ran.push(name);
      const now = at(Date.now() + 5 * HOUR);
      await alarms.schedule('late', new Date(now - HOUR));
      await alarms.schedule('early', '1h');
      const scheduledTime = Math.max((await storage.getAlarm())!, now);
      await fire(storage);
      await alarms.run({ late: job('late'), user: job('user') }, { scheduledTime });
      expect(ran).toEqual(['late']);
      await storage.deleteAlarm();
    }));

  it('keeps the earlier time of a job, and runs it again when it says so', () =>
    inObject(async (storage) => {
      const now = at(Date.now());
      const alarms = sharedAlarm(storage);
      await Promise.all([alarms.schedule('a', '6h'), alarms.schedule('a', '4h'), alarms.schedule('a', '5h')]);
      expect(await storage.getAlarm()).toBe(now + 4 * HOUR);
      at(now + 4 * HOUR);
      await fire(storage);
      await alarms.run({ a: async () => '2h' });
      expect(await storage.getAlarm()).toBe(now + 6 * HOUR);
      await alarms.cancel('a');
      expect(await storage.getAlarm()).toBe(null);
    }));

  it('tries a job that fails again, later each time, also when the object dies in it', () =>
    inObject(async (storage) => {
      let now = at(Date.now() + 10 * HOUR);
      const alarms = sharedAlarm(storage);
      await alarms.schedule('a', 0);
      const waits: number[] = [];
      for (let i = 0; i < 12; i++) {
        await fire(storage);
        const armed: (number | null)[] = [];
        const [report] = await alarms.run({
          a: async () => {
            armed.push(await storage.getAlarm());
            throw new TypeError('no');
          },
        });
        expect(report).toMatchObject({ job: 'a', error: expect.any(TypeError) });
        const next = (await storage.getAlarm())!;
        expect(armed).toEqual([next]);
        waits.push((next - now) / 1000);
        now = at(next);
      }
      expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
      await fire(storage);
      expect(await alarms.run({ a: async () => {} })).toEqual([{ job: 'a' }]);
      expect(await storage.getAlarm()).toBe(null);
    }));

  it('works from the alarm handler, in an object that was evicted meanwhile', async () => {
    const stub = env.TAILS.get(env.TAILS.newUniqueId());
    await runInDurableObject(stub, async (object: TailObject, { storage }) => {
      await storage.setAlarm(Date.now() + 3 * HOUR);
      await object.alarms.schedule('job', new Date(Date.now() + 2 * HOUR));
    });
    await evictDurableObject(stub);
    at(Date.now() + 2 * HOUR);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    await runInDurableObject(stub, async (object: TailObject, { storage }) => {
      const db = await object.database();
      expect((await db.query('SELECT sku FROM items')).rows).toEqual([{ sku: 'job' }]);
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
      await storage.deleteAlarm();
    });
  });
});
