import { beforeEach, describe, expect, it } from 'vitest';
import type { ReloadWatch } from '#daemon/reload/reload.ts';
import { reportReloads, showService } from '#daemon/service/service.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import type { Notifier } from '#system/process/notify.ts';
import { WatchedClock } from '#system/time/watched-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let time: FakeClock;
let told: string[];
let known: KnownSecrets;
let report: Report;
let reloads: ReloadWatch;

beforeEach(() => {
  time = new FakeClock();
  told = [];
  known = new KnownSecrets();
  const notifier: Notifier = {
    ready: () => told.push('READY'),
    reloading: () => told.push('RELOADING'),
    stopping: () => told.push('STOPPING'),
    status: (sentence) => told.push(sentence),
    alive: () => told.push('WATCHDOG'),
  };
  reloads = reportReloads(notifier);
  report = showService(notifier, { clock: new WatchedClock(time), redactor: createRedactor(known) });
});

const refused = () => coded('TCP-REFUSED', { hop: 'origin', host: 'h', port: 9, elapsed: 2 });
const failed = () => report({ name: 'check-failed', hop: 'origin', error: refused() });

describe('the service status', () => {
  it('is the result of the last check and the time of the next one', () => {
    report({ name: 'checking', url: 'http://h/feed.json' });
    report({ name: 'up-to-date' });
    report({ name: 'round-ended', published: 0, failed: 0, pruned: 0 });
    report({ name: 'next-round', at: time.now() });

    expect(told.at(-1)).toMatch(/^Everything is up to date\. Next check for updates at \S+\.$/);
  });

  it('counts the time until the first byte of a package', () => {
    const id = '1602600';
    const wait = {
      limit: 340_000,
      size: 9,
      explanation: 'x',
      proxy: 'corp',
      scans: true,
      held: 53_000,
      held_size: null,
    };
    report({ name: 'waiting', id, ...wait });
    time.advance(9_000);
    expect(told.at(-1)).toBe(
      '1602600  waiting for the first byte  0:08 of 5:40  proxy corp is probably scanning (held past packages of this size for up to 53 s)',
    );
    report({ name: 'progress', id, received: 1, length: 9 });
    expect(time.pending).toBe(0);
  });

  it('is the failure with what to check, until a check succeeds', () => {
    failed();
    report({ name: 'round-ended', published: 0, failed: 0, pruned: 0 });
    report({ name: 'next-round', at: time.now() });
    expect(told.at(-1)).toMatch(/^The check failed at .*\[TCP-REFUSED\].* Check .* Next check for updates at \S+\.$/);

    report({ name: 'checking', url: 'http://h/feed.json' });
    report({ name: 'up-to-date' });
    expect(told.at(-1)).toBe('Everything is up to date.');
  });

  it('drops the failure of an update published later, keeps that of another', () => {
    const fail = (id: string) => report({ name: 'download-failed', id, hop: 'origin', error: refused() });
    const end = () => {
      report({ name: 'published', id: 'u1', path: '/p' });
      report({ name: 'round-ended', published: 1, failed: 0, pruned: 0 });
      report({ name: 'next-round', at: time.now() });
    };
    fail('u1');
    end();
    expect(told.at(-1)).not.toContain('TCP-REFUSED');

    fail('u2');
    end();
    expect(told.at(-1)).toMatch(/^Update ID u2 failed .*\[TCP-REFUSED\]/);
  });

  it('starts with the rejection of the configuration until it is fixed', () => {
    report({ name: 'up-to-date' });
    report({ name: 'reloading', file: 'f', cause: 'it changed' });
    report({ name: 'reload-refused', count: 2 });
    expect(told.at(-1)).toMatch(/^Configuration rejected \(2 errors\); .* Everything is up to date\.$/);

    report({ name: 'reloading', file: 'f', cause: 'it changed' });
    report({ name: 'reloaded', count: 1, waiting: 0 });
    expect(told.at(-1)).toBe('Everything is up to date.');
  });

  it('starts with the error of overdue checks, until one succeeds', () => {
    failed();
    report({ name: 'checks-overdue', error: coded('FEED-OVERDUE', { age: 260_000_000, cause: 'TCP-REFUSED at a' }) });
    report({ name: 'check-next-try', at: time.now(), failures: 9 });
    expect(told.at(-1)).toMatch(
      /^Updates are overdue: \[FEED-OVERDUE\] .* 72 h .*\[TCP-REFUSED\].* Next try at \S+; .* 9\.$/,
    );

    report({ name: 'up-to-date' });
    report({ name: 'checks-recovered', age: 260_000_000 });
    expect(told.at(-1)).toBe('Everything is up to date.');
  });

  it('does not change with every step of a download', () => {
    report({ name: 'downloading', id: 'u1' });
    for (let step = 1; step <= 100; step += 1) {
      time.advance(100);
      report({ name: 'progress', id: 'u1', received: step, length: 100 });
    }

    expect(told.length).toBeLessThanOrEqual(6);
    expect(told.at(-1)).toContain('update ID u1');
  });

  it('contains no secret', () => {
    known.add('hunter2hunter2');
    report({ name: 'checking', url: 'http://h/feed.json?key=hunter2hunter2' });

    expect(told.join()).not.toContain('hunter2hunter2');
  });
});

describe('the service manager', () => {
  it.each(['applied', 'unchanged', 'refused'] as const)('gets READY after a reload that is %s', (outcome) => {
    reloads.began?.();
    reloads.ended(outcome);

    expect(told).toEqual(['RELOADING', 'READY']);
  });

  it('gets sentences from the log, and no state', () => {
    report({ name: 'reloading', file: 'f', cause: 'it changed' });
    report({ name: 'reload-unchanged' });
    report({ name: 'stopping', reason: 'SIGTERM' });

    expect(told).toEqual(['', 'Stopping (SIGTERM); the bytes downloaded so far are kept.']);
  });

  it('gets nothing for other events', () => {
    report({ name: 'stopped' });
    report({ name: 'published', id: 'u1', path: '/p' });

    expect(told).toEqual([]);
  });
});
