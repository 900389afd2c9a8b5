// SIGTERM to a real process: it ends in time whatever hangs, with every byte kept, and the next start resumes.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAULTS, type FaultProxy, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('u1', 400_000);
const HALF = 200_000;
const FAULTS_BY_NAME = {
  'hang-on-close': new URL('../support/faults/hang-on-close.ts', import.meta.url),
  'hang-on-sync': new URL('../support/faults/hang-on-sync.ts', import.meta.url),
  stray: new URL('../support/faults/stray.ts', import.meta.url),
};

let dir = '';
let origin: ScriptedOrigin;
let proxy: FaultProxy | null = null;
let started: SallyportProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-stop-'));
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
  origin.on('/u1.jar', (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > 0) {
      const range = `bytes ${from}-${JAR.length - 1}/${JAR.length}`;
      response.writeHead(206, { 'content-range': range, 'content-length': JAR.length - from, etag: '"v1"' });
      response.end(JAR.subarray(from));
      return;
    }
    response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
    response.write(JAR.subarray(0, HALF));
  });
  started = [];
});
afterEach(async () => {
  for (const { child, ended } of started) {
    child.kill('SIGKILL');
    await ended;
  }
  await proxy?.close();
  proxy = null;
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

async function configure(over: Record<string, object | boolean> = {}): Promise<string> {
  const updates = { feed_url: `${origin.url}/feed.json` };
  return await writeConfig(dir, { updates, logging: { level: 'debug' }, ...over });
}

function start(config: string, args: readonly string[], options: Parameters<typeof startSallyport>[1] = {}) {
  const process = startSallyport(['--config', config, ...args], options);
  started.push(process);
  return process;
}

function staged(): string {
  return join(dir, 'packages', '.staging', 'u1.jar.unverified');
}

function fault(name: keyof typeof FAULTS_BY_NAME): string[] {
  return ['--import', fileURLToPath(FAULTS_BY_NAME[name])];
}

/** Runs until half of the package is on the disk. */
async function halfWay(config: string, options: Parameters<typeof startSallyport>[1] = {}): Promise<SallyportProcess> {
  const run = start(config, ['run'], options);
  await run.said('Received');
  await expect.poll(async () => (await stat(staged())).size, { interval: 5 }).toBe(HALF);
  return run;
}

describe('uncaught defect: an error without a handler', () => {
  it.each(['exception', 'rejection'])('is reported on the screen and in the log without secrets: %s', async (STRAY) => {
    const run = await halfWay(await configure(), { execArgv: fault('stray'), env: { STRAY } });
    run.child.kill('SIGWINCH');

    expect(await run.ended).toBe(70);
    const said = run.lines.join('\n');
    expect(said).toMatch(/^\[INTERNAL\] .*stray defect/m);
    expect(said).toMatch(/^ {4}at .*stray\.ts/m);
    const log = await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8');
    expect(log).toMatch(/\[ERROR\] .*\[INTERNAL\] .*stray defect/);
    expect(said + log).not.toContain('hunter2');
  });
});

describe('SIGTERM', () => {
  it('keeps the bytes of a download and what a resume needs; the next start resumes', async () => {
    const config = await configure();
    const run = await halfWay(config);
    run.child.kill('SIGTERM');

    expect(await run.ended).toBe(0);
    expect(run.lines.at(-1)).toContain('Stopped.');
    expect((await stat(staged())).size).toBe(HALF);
    expect(JSON.parse(await readFile(join(dir, 'packages', '.staging', 'u1.journal'), 'utf8'))).toMatchObject({
      validator: '"v1"',
    });
    const next = start(config, ['run', '--once']);
    expect(await next.ended).toBe(0);
    expect(await next.said('Resuming update ID u1 at 200000')).toContain('[INFO]');
    expect((await readFile(join(dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
  });

  it('ends at once while a proxy is silent', async () => {
    proxy = await startFaultProxy(FAULTS.silent);
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: proxy.port, default: true }];
    const run = start(await configure({ proxies }), ['run']);
    await run.said('Checking for updates');
    const before = performance.now();
    run.child.kill('SIGTERM');

    expect(await run.ended).toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('ends in time when a connection does not close, and names it', async () => {
    const run = await halfWay(await configure(), { execArgv: fault('hang-on-close') });
    run.child.kill('SIGTERM');

    expect(await run.ended).toBe(19);
    expect(run.lines.join('\n')).toMatch(/\[STOP-FORCED\] .* Still running: .*an open connection/);
    expect((await stat(staged())).size).toBe(HALF);
  });

  it('ends in time when a write is stuck in the kernel; the bytes are resumed', async () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const config = await configure();
    const run = await halfWay(config, { execArgv: fault('hang-on-sync'), env: { FAULT_FIFO: fifo } });
    run.child.kill('SIGTERM');

    expect(await run.ended).toBe('SIGKILL');
    const log = await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8');
    expect(log).toMatch(/\[STOP-FORCED\] .* Still running: a round, the download of update ID u1\./);
    const next = start(config, ['run', '--once']);
    expect(await next.ended).toBe(0);
    expect((await readFile(join(dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
  });

  it('ends the process at once when it is sent a second time', async () => {
    const run = await halfWay(await configure(), { execArgv: fault('hang-on-close') });
    run.child.kill('SIGTERM');
    await run.said('Stopping (SIGTERM)');
    run.child.kill('SIGTERM');

    expect(await run.ended).toBe('SIGTERM');
  });
});
