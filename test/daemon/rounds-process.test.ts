// When a real daemon checks, over restarts, and what it reports to monitoring.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feedOf } from '#test/support/jars.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

let origin: ScriptedOrigin;
let dir = '';
let started: SallyportProcess[] = [];
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([]), 'application/json');
  dir = await mkdtemp(join(tmpdir(), 'sallyport-rounds-'));
  started = [];
});
afterEach(async () => {
  for (const { child, ended } of started) {
    child.kill('SIGKILL');
    await ended;
  }
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

/** Once a year, so that no slot falls into the test. */
function configure(feed: string): Promise<string> {
  return writeConfig(dir, { updates: { feed_url: feed, schedule: '0 0 1 1 *' }, retry: { attempts: 1 } });
}

function start(config: string, ...args: string[]): SallyportProcess {
  const process = startSallyport(['--config', config, ...args]);
  started.push(process);
  return process;
}

async function health(config: string): Promise<[status: number | NodeJS.Signals, lines: readonly string[]]> {
  const process = start(config, 'status', '--check');
  return [await process.ended, process.lines];
}

async function stop(process: SallyportProcess): Promise<void> {
  process.child.kill('SIGTERM');
  await process.ended;
}

describe('a daemon', () => {
  it('checks at its first start, not at a restart, and notifies monitoring', async () => {
    const config = await configure(`${origin.url}/feed.json`);
    const first = start(config, 'run');
    await first.said('Next check for updates at');
    expect(first.lines.join('\n')).toContain('Checking for updates at');
    expect(await health(config)).toEqual([
      0,
      [
        expect.stringMatching(
          /^OK: The last check succeeded \d+(?:\.\d)? (?:ms|s) ago\. The next is at \S+\. \| age=\d+s;;259200;0$/,
        ),
      ],
    ]);
    await stop(first);
    const next = start(config, 'run');
    await next.said('Next check for updates at');

    expect(next.lines.join('\n')).not.toContain('Checking for updates at');
    expect((await health(config))[0]).toBe(0);
    await stop(next);
    expect(await health(config)).toEqual([2, ['CRITICAL: No daemon is running, so nothing is checked.']]);
    const { schedules } = JSON.parse(await readFile(join(dir, 'state', 'schedules.json'), 'utf8')) as {
      schedules: Record<string, unknown>;
    };
    expect(schedules['updates']).toMatchObject({ failures: 0, open: false });
  });

  it('without a network at start retries by itself, also after a restart', async () => {
    const config = await configure('http://127.0.0.1:1/feed.json');
    const first = start(config, 'run');
    await first.said('Next try at');
    expect(await health(config)).toEqual([
      1,
      [expect.stringMatching(/^WARNING: 1 check in a row failed; .*\[TCP-REFUSED\].* Next try at \S+\. \| age=/)],
    ]);
    await stop(first);
    const next = start(config, 'run');

    expect(await next.said('Next try at')).toContain('failed checks in a row: 1.');
    expect(next.lines.join('\n')).not.toContain('Checking for updates at');
    await stop(next);
  });
});
