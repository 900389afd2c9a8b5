// A real process, a real disk, a real kill -9 at ten moments of a round: what is published is right, and after the
// next start the work completes and each receipt arrives once per key. `updates/crash` has every moment, on a
// simulated disk.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { runHere } from '#test/support/run-here.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JARS = [makeJar('u1', 400_000), makeJar('u2', 400_000)] as const;

let origin: ScriptedOrigin;
let dir: string;

beforeEach(async () => {
  origin = await startScriptedOrigin();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-kill-'));
  await mkdir(join(dir, 'config'));
  const config = [
    'version: 2',
    'updates:',
    `  feed_url: ${origin.url}/feed.json`,
    `  acknowledge_url: ${origin.url}/acknowledge`,
    `  packages_dir: ${dir}/packages`,
    'logging:',
    `  dir: ${dir}/logs`,
    'daemon:',
    `  state_dir: ${dir}/state`,
    `  control_socket: ${dir}/control.sock`,
  ];
  await writeFile(join(dir, 'config', 'sallyport.yaml'), config.join('\n'), { mode: 0o600 });
  serveAll();
});
afterEach(async () => {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

function serveAll(): void {
  origin.serve(
    '/feed.json',
    feedOf([itemFor('u1', JARS[0]), itemFor('u2', JARS[1], { package: 'other' })]),
    'application/json',
  );
  origin.serve('/u1.jar', JARS[0]);
  origin.serve('/u2.jar', JARS[1]);
}

interface Run {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<number | null>;
}

function start(onLine: (line: string, child: ChildProcess) => void = () => undefined): Run {
  const args = ['--disable-sigusr1', PROGRAM_PATH, '--config', join(dir, 'config', 'sallyport.yaml'), 'run', '--once'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    onLine(line, child);
  });
  return { child, lines, ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))) };
}

/** Kills when this line is logged for the n-th time. */
async function killedAtLine(text: string, times: number): Promise<void> {
  let seen = 0;
  const run = start((line, child) => {
    if (line.includes(text)) seen += 1;
    if (seen === times) child.kill('SIGKILL');
  });
  await run.ended;
  // The kill need not be the cause of the end: after the last line the process may end by itself in the same moment.
  expect(run.child.killed).toBe(true);
}

/** Kills when this many bytes of a package have been handed to the kernel. */
async function killedAtBytes(path: '/u1.jar' | '/u2.jar', bytes: number): Promise<void> {
  const jar = path === '/u1.jar' ? JARS[0] : JARS[1];
  const child: { now: ChildProcess | null } = { now: null };
  origin.on(path, (_request, response) => {
    response.writeHead(200, { 'content-length': jar.length, etag: '"v1"' });
    response.write(jar.subarray(0, bytes), () => child.now?.kill('SIGKILL'));
  });
  const run = start();
  child.now = run.child;
  expect(await run.ended).toBeNull();
}

/** Kills when the receipt has arrived, before or after its answer. */
async function killedAtReceipt(answered: boolean): Promise<void> {
  const child: { now: ChildProcess | null } = { now: null };
  origin.on('/acknowledge', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      origin.receipts.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as (typeof origin.receipts)[number]);
      if (answered) response.writeHead(201).end(() => child.now?.kill('SIGKILL'));
      else child.now?.kill('SIGKILL');
    });
  });
  const run = start();
  child.now = run.child;
  expect(await run.ended).toBeNull();
  origin.forget('/acknowledge');
}

async function expectOnlyRightPackages(): Promise<void> {
  const names = await readdir(join(dir, 'packages')).catch(() => []);
  for (const name of names.filter((found) => found.endsWith('.jar'))) {
    const wanted = name === 'u1.jar' ? JARS[0] : JARS[1];
    expect((await readFile(join(dir, 'packages', name))).equals(wanted)).toBe(true);
  }
}

const MOMENTS: readonly (readonly [string, () => Promise<void>])[] = [
  ['the check has begun', () => killedAtLine('Checking for updates', 1)],
  ['the feed is read', () => killedAtLine('Feed serial', 1)],
  ['half of the first is there', () => killedAtBytes('/u1.jar', 200_000)],
  ['all of the first is there', () => killedAtBytes('/u1.jar', JARS[0].length)],
  ['the first is downloaded', () => killedAtLine('Downloaded update ID', 1)],
  ['the first is published', () => killedAtLine('Published update ID', 1)],
  ['the first is acknowledged', () => killedAtLine('Acknowledging', 1)],
  ['the first receipt has arrived and was not answered', () => killedAtReceipt(false)],
  ['the first receipt was answered', () => killedAtReceipt(true)],
  ['the second receipt is delivered', () => killedAtLine('Delivered the receipt', 2)],
];

describe('kill -9', () => {
  it.each(MOMENTS)('when %s, nothing is lost and nothing wrong is published', async (_when, kill) => {
    await kill();
    await expectOnlyRightPackages();
    serveAll();

    // The next start needs no process of its own: everything that it finds is on the disk.
    const args = ['--config', join(dir, 'config', 'sallyport.yaml'), 'run', '--once'];
    expect(await runHere(args)).toMatchObject({ code: 0, err: '' });

    await expectOnlyRightPackages();
    const names = (await readdir(join(dir, 'packages'))).toSorted();
    expect(names).toEqual(['.staging', 'u1.jar', 'u1.json', 'u2.jar', 'u2.json']);
    expect(await readdir(join(dir, 'packages', '.staging'))).toEqual([]);
    const keys = new Map(origin.receipts.map(({ key, id, outcome }) => [key, `${id} ${outcome}`]));
    expect([...keys.values()].toSorted()).toEqual(['u1 published', 'u2 published']);
  });
});
