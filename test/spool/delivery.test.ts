import { describe, expect, it } from 'vitest';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Delivery, deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import type { FakeClock } from '#test/support/fake-clock.ts';
import {
  attachmentOf,
  headOf,
  keysOf,
  kindOf,
  type Named,
  type OpenedSpool,
  openKind,
} from '#test/support/spool-rig.ts';

const SETTLED: Verdict<Named> = { does: 'settle', says: [] };
const NEVER = new AbortController().signal;
const refused = (facts: Record<string, number> = {}) =>
  coded('TCP-REFUSED', { host: 'x', port: 1, elapsed: 1, ...facts });

const postponed = (holds: boolean, failure: CodedError = refused()): Verdict<Named> => ({
  does: 'postpone',
  failure,
  holds,
  says: (at) => [{ name: 'receipt-next-try', id: 'x', at }],
});

interface Rig extends OpenedSpool {
  readonly delivery: Delivery<Named>;
  /** Keys that were sent, in order. */
  readonly sent: string[];
  readonly files: CrashingFiles;
  run(): Promise<void>;
}

async function rig(
  policy: (sending: Sending<Named>, clock: FakeClock) => Verdict<Named> | Promise<Verdict<Named>>,
  over: Partial<Delivery<Named>> & { readonly files?: CrashingFiles; readonly kind?: string } = {},
): Promise<Rig> {
  const { files = new CrashingFiles(), kind = 'receipt', ...rest } = over;
  const opened = await openKind(files, kindOf(kind));
  const { spool, clock, events } = opened;
  const sent: string[] = [];
  const delivery: Delivery<Named> = {
    spool,
    clock,
    random: () => 0.5,
    report: (event) => void events.push(event),
    policy: async (sending) => {
      sent.push(sending.entry.key);
      return await policy(sending, clock);
    },
    retry: () => ({ maxDelaySeconds: 3_600 }),
    ...rest,
  };
  return { ...opened, files, sent, delivery, run: () => deliver(delivery, NEVER) };
}

const give = async ({ spool }: OpenedSpool, ...keys: string[]) => {
  for (const key of keys) await spool.accept({ key, body: { id: key } });
};

describe('delivery: verdicts', () => {
  it('delivery: sent entries are settled in order and reported once they are on disk', async () => {
    const made: Rig = await rig(({ entry }) => ({
      does: 'settle',
      says: [{ name: 'receipt-delivered', id: entry.body.id, outcome: `${made.spool.size}` }],
    }));
    await give(made, 'a', 'b');
    made.delivery.report({ name: 'stopped' });
    await made.run();

    expect(made.sent).toEqual(['a', 'b']);
    expect(made.events.slice(1)).toMatchObject([
      { name: 'receipt-delivered', id: 'a' },
      { name: 'receipt-delivered', id: 'b' },
    ]);
    expect(made.spool.size).toBe(0);
    expect(made.spool.waitMs()).toBeNull();
  });

  it('delivery: a batch is halved until the bad document is alone and rejected', async () => {
    const documents = (entry: { body: Named }) => entry.body.id.split(',');
    const made = await rig(({ entry }) => {
      const all = documents(entry);
      if (!all.includes('bad')) return SETTLED;
      if (all.length === 1) return { does: 'reject', failure: refused(), says: [] };
      const halves = [all.slice(0, all.length / 2), all.slice(all.length / 2)];
      const parts = halves.map((half, at) => ({ key: `${entry.key}.${at}`, body: { id: half.join() } }));
      return { does: 'split', parts, says: [] };
    });
    await made.spool.accept({ key: 'k', body: { id: 'a,b,c,d,e,bad,g,h' } });
    await made.run();

    expect(made.sent).toEqual(['k', 'k.0', 'k.1', 'k.1.0', 'k.1.1', 'k.1.0.0', 'k.1.0.1']);
    expect([made.spool.size, made.spool.rejected]).toEqual([0, 1]);
  });

  it('delivery: it continues after a failure of one entry, and stops after a general failure', async () => {
    const one = await rig(() => postponed(false));
    await give(one, 'a', 'b', 'c');
    await one.run();
    expect(one.sent).toEqual(['a', 'b', 'c']);
    expect(one.spool.waitMs()).toBe(500);

    const all = await rig(() => postponed(true, refused({ retryAfterMs: 90_000 })));
    await give(all, 'a', 'b', 'c');
    await all.run();
    expect(all.sent).toEqual(['a']);
    expect(all.spool.waitMs()).toBe(90_000);
  });

  it('delivery: an attachment is verified by its digest, and a changed one is not sent', async () => {
    const made = await rig(async ({ attachment }) => {
      let length = 0;
      for await (const chunk of attachment?.open(0) ?? []) length += chunk.length;
      expect(length).toBe(attachment?.length);
      return SETTLED;
    });
    for (const key of ['a', 'b']) {
      await made.spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, 100) });
    }
    made.files.plantFile('/state/outbox/receipt/000000000001.attachment', 'x'.repeat(100));
    await made.run();

    expect(made.sent).toEqual(['b']);
    expect(made.events).toMatchObject([{ name: 'receipt-quarantined', error: { code: 'STATE-DAMAGED' } }]);
  });
});

describe('delivery: waits', () => {
  const waitAfter = async (over: Partial<Delivery<Named>>, failures: number, failure = refused()) => {
    const made = await rig(() => postponed(false, failure), over);
    await give(made, 'a');
    for (let n = 0; n < failures; n += 1) {
      if (n > 0) made.clock.advance(made.spool.waitMs() ?? 0);
      await made.run();
    }
    return made.spool.waitMs();
  };

  it('grow with each failure up to the longest, with full jitter', async () => {
    const waits = [];
    for (const failures of [1, 2, 3, 20]) waits.push(await waitAfter({}, failures));
    expect(waits).toEqual([500, 1_000, 2_000, 1_800_000]);
  });

  it('spread the first retry over as long as the kind says', async () => {
    const retry = () => ({ maxDelaySeconds: 3_600, baseMs: 600_000 });
    const waits = [];
    for (const random of [0.001, 0.25, 0.999]) waits.push(await waitAfter({ retry, random: () => random }, 1));
    expect(waits).toEqual([600, 150_000, 599_400]);
  });

  it('are at least what Retry-After asked for, at most the longest of the kind', async () => {
    expect(await waitAfter({}, 1, refused({ retryAfterMs: 600_000 }))).toBe(600_000);
    expect(await waitAfter({}, 1, refused({ retryAfterMs: 1e10 }))).toBe(3_600_000);
  });

  it('delivery: waits end if the clock steps back by years, and not later if it steps forward', async () => {
    for (const step of [-1e11, 1e11]) {
      const made = await rig(() => postponed(true, refused({ retryAfterMs: 90_000 })));
      await give(made, 'a', 'b');
      await made.run();
      made.clock.stepWall(step);
      expect(made.spool.waitMs()).toBe(90_000);
      made.clock.advance(90_000);
      expect(made.spool.waitMs()).toBe(0);
    }
  });

  it('survive a restart, with their attempts', async () => {
    const made = await rig(() => postponed(true, refused({ retryAfterMs: 90_000 })));
    await give(made, 'a');
    await made.run();
    const again = await openKind(made.files.afterCrash('power-lost'), kindOf('receipt'), { clock: made.clock });

    expect(keysOf(again.spool, made.clock.now())).toEqual([]);
    expect(headOf(again.spool, 'a')).toMatchObject({ attempts: 1, postponed: { error: 'TCP-REFUSED' } });
    expect(again.spool.waitMs()).toBe(90_000);
  });
});

describe('delivery: faults of this host', () => {
  it('keep the entry for a minute and come out', async () => {
    const made = await rig(() => {
      throw coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'ENOSPC' });
    });
    await give(made, 'a');
    await expect(made.run()).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(made.spool.waitMs()).toBe(60_000);
  });

  it('do not happen on a full disk for what is delivered: all of it is sent once', async () => {
    const made = await rig(() => SETTLED);
    await give(made, 'a', 'b', 'c');
    made.files.arm({ fullAfterBytes: 0 });
    await made.run();
    await made.run();
    expect(made.sent).toEqual(['a', 'b', 'c']);
  });

  it('end with the signal, and nothing is counted as a failure', async () => {
    const stop = new AbortController();
    const made = await rig(() => {
      stop.abort(coded('INTERRUPTED', { reason: 'SIGTERM' }));
      throw refused();
    });
    await give(made, 'a');
    await expect(deliver(made.delivery, stop.signal)).rejects.toMatchObject({ code: 'TCP-REFUSED' });
    expect(headOf(made.spool, 'a').attempts).toBe(0);
  });

  it('run one delivery of a kind at a time', async () => {
    let running = 0;
    const made = await rig(async () => {
      running += 1;
      expect(running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return SETTLED;
    });
    await give(made, 'a', 'b');
    await Promise.all([made.run(), made.run(), made.run()]);
    expect(made.sent).toEqual(['a', 'b']);
  });
});

describe('delivery: kinds', () => {
  it('one that hangs and one that is full hold up no other', async () => {
    const files = new CrashingFiles();
    const hanging = await rig(() => new Promise<Verdict<Named>>(() => undefined), { files, kind: 'bundle' });
    const failing = await rig(() => postponed(true), { files, kind: 'batch' });
    const healthy = await rig(() => SETTLED, { files });
    await give(hanging, 'a');
    for (let n = 0; n < 100; n += 1) await give(failing, `b${n}`);
    await expect(give(failing, 'one-more')).rejects.toMatchObject({ code: 'SPOOL-FULL' });
    void hanging.run();
    await failing.run();
    await give(healthy, 'a', 'b');
    await healthy.run();

    expect(healthy.sent).toEqual(['a', 'b']);
    expect(healthy.spool.size).toBe(0);
    expect([hanging.spool.size, failing.spool.size]).toEqual([1, 100]);
  });
});
