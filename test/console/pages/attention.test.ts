import { describe, expect, it } from 'vitest';
import { attentionItems } from '#console/pages/service/attention.ts';
import { MAX_ROWS, matches, withLines } from '#console/pages/service/log-lines.ts';
import { isSetUp, setupSteps } from '#console/pages/service/setup-steps.ts';
import type { Status } from '#control/control.ts';
import { aSession } from '#test/support/console-pages.ts';
import { aFailure, anUpload, aStatus } from '#test/support/fake-control.ts';

const AT = '2026-11-20T02:00:00.000Z';
const itemsOf = (over: Partial<Status>) => attentionItems({ status: aStatus(over), requests: [], jobs: [] });

function queue(items: number, held = 0): Partial<Status> {
  const waiting = { items, bytes: 10 };
  const quota = { items: 100, bytes: 1_000 };
  const more = { oldest: null, held, rejected: 0, quarantined: 0, next_try: null };
  return { uploads: [anUpload({ queue: { kind: 'batch', unit: 'documents', waiting, quota, ...more } })] };
}

describe('what waits for a person', () => {
  it('attention: a host that works has nothing', () => {
    expect(itemsOf({})).toEqual([]);
  });

  it('attention: a queue is shown once it is 90% full, and is a problem when it is full', () => {
    expect(itemsOf(queue(89))).toEqual([]);
    expect(itemsOf(queue(90))).toMatchObject([{ tone: 'warning', title: expect.stringContaining('90% full') }]);
    expect(itemsOf(queue(100))).toMatchObject([{ tone: 'bad' }]);
  });

  it('attention: held entries can be sent, and only those of their queue', () => {
    const [item] = itemsOf(queue(1, 2));
    expect(item?.actions).toContainEqual({ kind: 'retry-queue', queue: 'batch' });
  });

  it('attention: a password is shown only if a purpose uses its proxy', () => {
    const wait = {
      proxy: 'corp',
      user: 'svc',
      why: 'rejected' as const,
      entered_for: [],
      since: AT,
      worked_until: null,
    };
    const credentials = [
      { ...wait, used: true, next_try: null },
      { ...wait, proxy: 'old', used: false, next_try: null },
    ];
    expect(itemsOf({ credentials })).toMatchObject([{ actions: [{ kind: 'retry-password', profile: 'corp' }] }]);
  });

  it('attention: a decided request of the platform is not shown', () => {
    const request = { id: 'r-1', case: null, at: AT, decided_at: null, decided_by: null, job: null, expires_at: null };
    const requests = [
      { ...request, state: 'waiting' as const },
      { ...request, id: 'r-2', state: 'denied' as const },
    ];
    const items = attentionItems({ status: aStatus(), requests, jobs: [] });
    expect(items.map(({ actions }) => actions)).toEqual([[{ kind: 'decide', request: 'r-1' }]]);
  });

  it('attention: text of a foreign name is quoted, so that it cannot look like ours', () => {
    const { updates } = aStatus();
    const failing = [{ id: 'x fails. Run: rm', failure: aFailure(), next_try: null }];
    expect(itemsOf({ updates: { ...updates, failing } })[0]?.title).toBe('Update "x fails. Run: rm" fails');
  });
});

describe('steps of the set-up', () => {
  it('set-up: a host that works has all steps done', () => {
    expect(isSetUp(setupSteps({ session: aSession(), status: aStatus(), isRunning: true }))).toBe(true);
  });

  it('set-up: while the service is stopped, no command replaces a file that is there', () => {
    const steps = setupSteps({ session: aSession(), status: null, isRunning: false });
    expect(steps.map(({ state }) => state)).toEqual(['unknown', 'unknown', 'missing', 'unknown', 'unknown', 'unknown']);
    expect(steps[0]?.commands).toMatch(/^test -e \/etc\/sallyport\/sallyport\.yaml \|\| /);
  });

  it('set-up: without a feed, the proxy and the checks come later', () => {
    const status = aStatus();
    const routes = status.routes.map((route) => ({ ...route, target: null, last_success: null }));
    const updates = { ...status.updates, feed: null, last_success: null };
    const steps = setupSteps({ session: aSession(), status: { ...status, routes, updates }, isRunning: true });
    expect(steps.filter(({ state }) => state === 'missing').map(({ key }) => key)).toEqual(['feed']);
  });
});

describe('rows of the log', () => {
  const line = (number: number, level = 'info', message = `line ${number}`) => ({
    ...{ kind: 'line' as const, number, at: AT, level, thread: 'Update', event: 'x', message },
  });
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_none, index) => line(from + index));

  it('log rows: the newest 1,000 are kept', () => {
    const kept = withLines(lines(1, 990), lines(991, 1_200));
    expect([kept.length, kept[0]?.number, kept.at(-1)?.number]).toEqual([MAX_ROWS, 201, 1_200]);
  });

  it('log rows: a line that comes again after a reconnect is shown once', () => {
    expect(withLines(lines(1, 5), lines(4, 6)).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('log rows: a level includes those above it, and an unknown level is always shown', () => {
    const filter = { text: '', level: 'warn', thread: null };
    const levels = ['debug', 'info', 'warn', 'error', 'other'];
    expect(levels.filter((level) => matches(line(1, level), filter))).toEqual(['warn', 'error', 'other']);
    expect(matches(line(1, 'info', 'Proxy CORP'), { text: 'corp', level: null, thread: 'Update' })).toBe(true);
    expect(matches(line(1), { text: '', level: null, thread: 'Main' })).toBe(false);
  });
});
