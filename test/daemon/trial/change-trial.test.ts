import { describe, expect, it } from 'vitest';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import type { ChangeRequest } from '#control/change.ts';
import { type AuthorizedChange, ChangeTrials, type TrialParts } from '#daemon/trial/change-trial.ts';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { aFailure } from '#test/support/fake-control.ts';
import { testSettings } from '#test/support/test-settings.ts';

const PROXIES = [{ name: 'corp', address: '127.0.0.1', port: 3128, default: true }];
const before = testSettings('/x', { proxies: PROXIES });
const NEVER = new AbortController().signal;

function loadedOf(over: Record<string, unknown>): LoadResult {
  return { ok: true, settings: testSettings('/x', over) } as LoadedSettings;
}

function trialsWith(over: Partial<TrialParts> = {}) {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const parts: TrialParts = {
    clock,
    report: () => undefined,
    settings: () => before,
    loadCandidate: () => Promise.resolve(loadedOf({ proxies: [{ ...PROXIES[0], port: 8080 }] })),
    testCandidate: ({ purposes }) => {
      asked.push(purposes);
      return Promise.resolve(null);
    },
    ...over,
  };
  return { trials: new ChangeTrials(parts), clock, asked };
}

function request(over: Partial<ChangeRequest> = {}): AuthorizedChange {
  const asked = { text: '', typed: [], window_ms: 60_000, waits: true, by: 'process 1 of user 0', ...over };
  return { ...asked, authority: 'admin' };
}

const failing = (code: string) => () => Promise.resolve(aFailure({ code }));
const hanging = (_asked: unknown, signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });

/** Resolves with the first event of each name. */
function heard() {
  const failed = Promise.withResolvers<SallyportEvent>();
  const tried = Promise.withResolvers<SallyportEvent>();
  const names: string[] = [];
  return {
    onEvent: (event: SallyportEvent) => {
      names.push(event.name);
      if (event.name === 'change-failed') failed.resolve(event);
      if (event.name === 'change-tried') tried.resolve(event);
    },
    failed: failed.promise,
    tried: tried.promise,
    names,
  };
}

describe('change trial: a change', () => {
  it('is accepted if every stage passes for each changed route', async () => {
    const { trials, asked } = trialsWith();
    const verdict = await trials.attempt(request(), () => undefined, NEVER);
    expect(verdict).toEqual({ confirmed: true, by: 'stages', failure: null });
    expect(asked).toEqual([['updates', 'support_logs', 'exposure_analytics', 'platform', 'telemetry']]);
    expect(trials.pending).toBeNull();
  });

  it('is accepted without a stage if it changes no route', async () => {
    const candidate = loadedOf({ proxies: PROXIES, proxy_required: true });
    const { trials, asked } = trialsWith({ loadCandidate: () => Promise.resolve(candidate) });
    expect((await trials.attempt(request(), () => undefined, NEVER)).confirmed).toBe(true);
    expect(asked).toEqual([]);
  });

  it('that changes nothing tests the connections through a proxy', async () => {
    const uses = { proxies: PROXIES, use_proxy_for: { support_logs: 'none' } };
    const { trials, asked } = trialsWith({
      settings: () => testSettings('/x', uses),
      loadCandidate: () => Promise.resolve(loadedOf(uses)),
    });
    expect((await trials.attempt(request(), () => undefined, NEVER)).confirmed).toBe(true);
    expect(asked).toEqual([['updates', 'exposure_analytics', 'platform', 'telemetry']]);
  });

  it.each([
    'DNS-NO-NAME',
    'TCP-REFUSED',
    'PROXY-TLS-UNTRUSTED',
    'POLICY-DENIED',
    'AUTH-REJECTED',
    'TLS-UNTRUSTED',
    'HTTP-STATUS',
    'NOT-THE-FEED',
  ])('that fails with %s is discarded at the deadline', async (code) => {
    const { trials, clock } = trialsWith({ testCandidate: failing(code) });
    const { onEvent, failed } = heard();
    const verdict = trials.attempt(request(), onEvent, NEVER);
    expect(await failed).toMatchObject({ code });
    expect(trials.pending).toMatchObject({ by: 'process 1 of user 0', failure: { code } });
    clock.advance(60_000);
    expect(await verdict).toMatchObject({ confirmed: false, by: 'nobody', failure: { code } });
  });

  it('that failed is accepted anyway if a person confirms it in time', async () => {
    const { trials } = trialsWith({ testCandidate: failing('TCP-REFUSED') });
    const { onEvent, failed } = heard();
    const verdict = trials.attempt(request(), onEvent, NEVER);
    await failed;
    trials.confirm();
    expect(await verdict).toMatchObject({ confirmed: true, by: 'person' });
    expect(() => trials.confirm()).toThrow('[CHANGE-NONE]');
  });

  it('that does not wait for a person ends with its failure', async () => {
    const { trials } = trialsWith({ testCandidate: failing('TCP-REFUSED') });
    const verdict = await trials.attempt(request({ waits: false }), () => undefined, NEVER);
    expect(verdict).toMatchObject({ confirmed: false, failure: { code: 'TCP-REFUSED' } });
  });

  it('whose stages hang ends at its deadline', async () => {
    const { trials, clock } = trialsWith({ testCandidate: hanging });
    const { onEvent, tried } = heard();
    const verdict = trials.attempt(request(), onEvent, NEVER);
    await tried;
    clock.advance(60_000);
    expect(await verdict).toEqual({ confirmed: false, by: 'nobody', failure: null });
  });

  it('change trial: before its settings are accepted, a change cannot expire or be confirmed', async () => {
    const reading = Promise.withResolvers<LoadResult>();
    const { trials, clock } = trialsWith({ loadCandidate: () => reading.promise, testCandidate: hanging });
    const { onEvent, tried, names } = heard();
    const verdict = trials.attempt(request(), onEvent, NEVER);
    clock.advance(3_600_000);
    expect(() => trials.confirm()).toThrow('[CHANGE-NONE]');
    expect([trials.pending, names, clock.pending]).toEqual([null, [], 0]);
    reading.resolve(loadedOf({ proxies: [{ ...PROXIES[0], port: 8080 }] }));
    await tried;
    clock.advance(59_999);
    expect(trials.pending).not.toBeNull();
    clock.advance(1);
    expect(await verdict).toMatchObject({ confirmed: false, failure: null });
  });

  it('change trial: a caller that is gone before its settings are accepted leaves nothing', async () => {
    const reading = Promise.withResolvers<LoadResult>();
    const { trials, clock, asked } = trialsWith({ loadCandidate: () => reading.promise });
    const gone = new AbortController();
    const { onEvent, names } = heard();
    const verdict = trials.attempt(request(), onEvent, gone.signal);
    gone.abort(coded('INTERRUPTED', { reason: 'the command went away' }));
    reading.resolve(loadedOf({ proxies: PROXIES }));
    await expect(verdict).rejects.toThrow('the command went away');
    expect([trials.pending, names, clock.pending, asked]).toEqual([null, [], 0, []]);
  });

  it('keeps out a second one, and says whose is being tested', async () => {
    const { trials } = trialsWith({ testCandidate: hanging });
    const first = trials.attempt(request(), () => undefined, NEVER);
    const second = trials.attempt(request({ by: 'else' }), () => undefined, NEVER);
    await expect(second).rejects.toThrow('made by process 1 of user 0, is being tested until');
    trials.confirm();
    expect((await first).confirmed).toBe(true);
  });

  it('ends with its caller, or with the daemon', async () => {
    const { trials } = trialsWith({ testCandidate: hanging });
    const gone = new AbortController();
    const verdict = trials.attempt(request(), () => undefined, gone.signal);
    gone.abort(coded('INTERRUPTED', { reason: 'the command went away' }));
    await expect(verdict).rejects.toThrow('the command went away');
    expect(trials.pending).toBeNull();
  });

  it.each<[string, LoadResult, string]>([
    [
      'has mistakes',
      { ok: false, error: coded('CONFIG', { file: 'f', count: 1 }) } as unknown as LoadResult,
      '[CONFIG]',
    ],
    ['would go direct without a word', loadedOf({}), '[POLICY-DIRECT]'],
  ])('is refused at once if it %s', async (_name, result, code) => {
    const { trials } = trialsWith({ loadCandidate: () => Promise.resolve(result) });
    await expect(trials.attempt(request(), () => undefined, NEVER)).rejects.toThrow(code);
    expect(trials.pending).toBeNull();
  });
});
