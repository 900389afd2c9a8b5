// The log of a real process: SIGUSR2, stdout in a pipe and in a journal.

import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feedOf } from '#test/support/jars.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

let dir = '';
let origin: ScriptedOrigin;
let started: SallyportProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-log-signals-'));
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([]), 'application/json');
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

async function start(logging: object, ...args: string[]): Promise<SallyportProcess> {
  const config = await writeConfig(dir, { updates: { feed_url: `${origin.url}/feed.json` }, logging });
  const run = startSallyport(['--config', config, 'run', ...args]);
  started.push(run);
  return run;
}

describe('SIGUSR2', () => {
  it('opens a new log file after the old one was moved away, and loses no line', async () => {
    const run = await start({ rotation: 'external' });
    await run.said('Next check for updates');
    const path = join(dir, 'logs', 'sallyport.log');
    // The file is written shortly after the screen.
    await expect.poll(() => readFile(path, 'utf8'), { interval: 5 }).toContain('Next check for updates');
    await rename(path, `${path}.1`);
    run.child.kill('SIGUSR2');
    await expect.poll(() => readFile(path, 'utf8').catch(() => null), { interval: 5 }).toBe('');
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);

    const both = (await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'));
    expect(both.trimEnd().split('\n')).toEqual(run.lines);
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(3);
  });
});

describe('stdout of run', () => {
  it('has plain lines in a pipe, JSON by logging.stdout; --log overrides both', async () => {
    const plain = await start({}, '--once');
    await plain.ended;
    expect(plain.lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \[INFO\] \[Thread: Main\] Sallyport /);

    const asked = await start({ stdout: 'json' }, '--once');
    await asked.ended;
    expect(JSON.parse(asked.lines[0] ?? '')).toMatchObject({ event: 'started' });

    const overridden = await start({ stdout: 'json' }, '--once', '--log', 'text');
    await overridden.ended;
    expect(overridden.lines[0]).toMatch(/^\d{4}-/);
  });
});
