import { describe, expect, it } from 'vitest';
import { CommandHandlers } from '#daemon/platform/command-handlers.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const RENEW = { command: 'activation-changed' } as const;

/** Handlers whose renewals are counted, and fail with `failure` until it is null. */
function rig() {
  const clock = new FakeClock();
  const state: { renewals: number; failure: CodedError | null } = { renewals: 0, failure: null };
  const handlers = new CommandHandlers({
    clock,
    report: () => undefined,
    advice: null as never,
    check: () => Promise.resolve(null),
    requests: () => Promise.reject(new Error('not used')),
    renewActivation: async () => {
      state.renewals += 1;
      if (state.failure !== null) throw state.failure;
    },
    again: () => undefined,
  });
  const renew = (id: string, receivedAtMs: number) =>
    handlers.handle(id, RENEW, { signal: new AbortController().signal, receivedAtMs });
  return { clock, state, renew };
}

describe('command handlers', () => {
  it('activation-changed: commands share one renewal, and the growing wait after its failure', async () => {
    const { clock, state, renew } = rig();
    const receivedAtMs = clock.now();
    state.failure = coded('LINK-LOST', { host: 'h', elapsed: 1, hop: null });
    for (const waitMs of [60_000, 120_000, 240_000]) {
      for (let count = 0; count < 50; count += 1) {
        expect(await renew(`c${count}`, receivedAtMs)).toMatchObject({ kind: 'later', waitMs });
      }
      await clock.advanceAsync(waitMs);
    }
    expect(state.renewals).toBe(3);

    state.failure = null;
    for (let count = 0; count < 50; count += 1)
      expect(await renew(`c${count}`, receivedAtMs)).toMatchObject({ kind: 'done' });
    expect(state.renewals).toBe(4);
  });

  it('activation-changed: a command that is received after a renewal began gets one of its own', async () => {
    const { clock, state, renew } = rig();
    await renew('c1', clock.now());
    await renew('c2', clock.now());
    await clock.advanceAsync(1_000);
    await renew('c3', clock.now());
    expect(state.renewals).toBe(3);
  });
});
