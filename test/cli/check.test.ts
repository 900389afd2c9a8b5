import { describe, expect, it } from 'vitest';
import { checkCommand } from '#cli/check.ts';
import type { RoundResult } from '#control/control.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { aFailure, aRound, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const NEVER = new AbortController().signal;

async function check(result: RoundResult, json = false) {
  const terminal = fakeTerminal();
  const shown: SallyportEvent[] = [];
  const control = fakeControl({
    check: (onEvent) => {
      onEvent({ name: 'up-to-date' });
      return Promise.resolve(result);
    },
  });
  const show = (event: SallyportEvent) => void shown.push(event);
  const status = await checkCommand(control, terminal, {
    json,
    retryCredential: false,
    now: false,
    signal: NEVER,
    show,
  });
  return { status, terminal, shown };
}

describe('check', () => {
  it('shows events as they arrive and prints nothing else', async () => {
    const { status, terminal, shown } = await check(aRound());
    expect(status).toBe(0);
    expect(shown).toEqual([{ name: 'up-to-date' }]);
    expect([...terminal.printed, ...terminal.errors]).toEqual([]);
  });

  it('prints only the result with --json', async () => {
    const result = aRound({ failed: [{ id: 'u2', failure: aFailure() }], retry_at: '2026-11-20T01:00:00.000Z' });
    const { terminal, shown } = await check(result, true);
    expect(shown).toEqual([]);
    expect(JSON.parse(terminal.printed.join('\n'))).toEqual(result);
  });

  it.each(Object.entries(EXIT_STATUS))(
    'exits with the status of the class of the failure: %s is %i',
    async (name, number) => {
      const failure = aFailure({ class: name });
      expect((await check(aRound({ failure }))).status).toBe(number);
      expect((await check(aRound({ failed: [{ id: 'u1', failure }] }))).status).toBe(number);
    },
  );

  it('exits with the status of the first failure; the check comes before packages', async () => {
    const [dns, tls] = [aFailure({ class: 'dns' }), aFailure({ class: 'tls' })];
    const failed = [
      { id: 'u1', failure: tls },
      { id: 'u2', failure: dns },
    ];
    expect((await check(aRound({ failure: dns, failed }))).status).toBe(10);
    expect((await check(aRound({ failed }))).status).toBe(14);
  });

  it('exits with 70 for an unknown class of a newer daemon', async () => {
    for (const name of ['quantum', 'toString', '']) {
      expect((await check(aRound({ failure: aFailure({ class: name }) }))).status).toBe(70);
    }
  });

  it('does not count a permanently refused update as a failed check', async () => {
    expect((await check(aRound({ refused: [{ id: 'u1', failure: aFailure() }] }))).status).toBe(0);
  });
});

describe('check --retry-credential', () => {
  it('allows one more attempt with passwords on hold, then checks', async () => {
    const asked: string[] = [];
    const control = fakeControl({
      retryCredentials: () => {
        asked.push('retry');
        return Promise.resolve();
      },
      check: () => {
        asked.push('check');
        return Promise.resolve(aRound());
      },
      checkNow: () => {
        asked.push('now');
        return Promise.resolve(aRound());
      },
    });
    const options = { json: false, signal: NEVER, show: () => undefined };
    await checkCommand(control, fakeTerminal(), { ...options, retryCredential: true, now: false });
    await checkCommand(control, fakeTerminal(), { ...options, retryCredential: false, now: false });
    await checkCommand(control, fakeTerminal(), { ...options, retryCredential: false, now: true });
    expect(asked).toEqual(['retry', 'check', 'check', 'now']);
  });
});
