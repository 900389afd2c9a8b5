// A real daemon reads the worst feed that the protocol allows, and nothing reads its stdout: it always answers its
// socket at once, and its memory does not grow (issue 10, A3 and A10).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Control } from '#control/control.ts';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { connectAt } from '#test/support/connect-at.ts';
import { feedOf } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { layeredFeed, worstItem } from '#test/support/worst-feeds.ts';
import { FEED_LIMITS } from '#updates/feed/feed-document.ts';

/** It was 160 s at first. The rest is for a busy machine. */
const MAX_ANSWER_MS = 2_000;
/** Often enough that no wait of that length is missed, and seldom enough that the answers are a small part of the work. */
const ASK_EVERY_MS = 50;

let dir = '';
let origin: ScriptedOrigin;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-worst-'));
  origin = await startScriptedOrigin();
});
afterEach(async () => {
  await origin.close();
  await rm(dir, { recursive: true });
});

const layered = feedOf(layeredFeed());
const unknown = feedOf(
  Array.from({ length: FEED_LIMITS.items }, (_none, n) => worstItem(`i${n}`, { requires: [`gone-${n}`] })),
  { serial: 2 },
);
const brackets = Buffer.alloc(FEED_LIMITS.documentBytes, '[');
const WORST = [
  ['layers of items, each of which requires the whole layer below', layered, 'REQUIRES-DEPTH'],
  ['2,000 items, each of which requires one that is not there', unknown, 'REQUIRES-UNKNOWN'],
  ['4 MiB of brackets', brackets, 'FEED-LIMIT'],
] as const;

async function connect(socket: string): Promise<Control> {
  for (;;) {
    const control = await connectAt(socket);
    if (control !== null) return control;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The longest answer until `work` ends. */
async function longestAnswer(control: Control, work: Promise<unknown>): Promise<number> {
  let working = true;
  void work.finally(() => {
    working = false;
  });
  let longest = 0;
  while (working) {
    const askedMs = performance.now();
    await control.status();
    longest = Math.max(longest, performance.now() - askedMs);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  await work;
  return longest;
}

function residentKb(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe('a daemon that reads the worst feed', () => {
  it('answers on its socket meanwhile', async () => {
    const config = await writeConfig(dir, {
      updates: { feed_url: `${origin.url}/feed.json`, schedule: '0 3 * * *' },
      retry: { attempts: 1 },
    });
    origin.serve('/feed.json', layered, 'application/json');
    const daemon = startSallyport(['-c', config, 'run']);
    try {
      const control = await connect(join(dir, 'control.sock'));
      for (const [what, feed, code] of WORST) {
        origin.serve('/feed.json', feed, 'application/json');
        const rounds = control.check(() => undefined, AbortSignal.timeout(60_000));

        expect(await longestAnswer(control, rounds), what).toBeLessThan(MAX_ANSWER_MS);
        expect(await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8'), what).toContain(`[${code}]`);
      }
    } finally {
      daemon.child.kill('SIGTERM');
      expect(await daemon.ended).toBe(0);
    }
  }, 120_000);

  it('does not grow while its stdout is not read', async () => {
    origin.serve('/feed.json', unknown, 'application/json');
    const config = await writeConfig(dir, {
      updates: { feed_url: `${origin.url}/feed.json`, schedule: '0 3 * * *' },
      logging: { rotate_bytes: 10_737_418_240 },
    });
    const daemon = startSallyport(['-c', config, 'run', '--log', 'json']);
    daemon.child.stdout?.pause();
    daemon.child.stdout?.removeAllListeners('data');
    try {
      const control = await connect(join(dir, 'control.sock'));
      const sizes: number[] = [];
      for (let round = 0; round < 6; round += 1) {
        daemon.child.stdout?.pause();
        await control.check(() => undefined, AbortSignal.timeout(60_000));
        sizes.push(residentKb(daemon.child.pid));
      }

      const log = await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8');
      expect(log).toContain('The program that reads stdout is too slow');
      // 1.5 MB of lines each round; two rounds warm it up.
      expect((sizes.at(-1) ?? 0) - (sizes[2] ?? 0)).toBeLessThan(60_000);
    } finally {
      daemon.child.stdout?.resume();
      daemon.child.kill('SIGTERM');
      expect(await daemon.ended).toBe(0);
    }
  }, 120_000);
});

/** With a stopped terminal, the process ends by force. */
const SOON = fileURLToPath(new URL('../support/faults/soon.ts', import.meta.url));
/** A terminal that reads nothing, as after Ctrl-S, until stdin ends; then the service is stopped. */
const STUCK_TERMINAL = `
import os, pty, sys
pid, _ = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
sys.stdin.read()
os.kill(pid, 15)
os.waitpid(pid, 0)
`;

describeWith(['python3'], 'a daemon at a stopped terminal', () => {
  it('continues, answers, and ends when it is stopped', async () => {
    origin.serve('/feed.json', unknown, 'application/json');
    const config = await writeConfig(dir, { updates: { feed_url: `${origin.url}/feed.json`, schedule: '0 3 * * *' } });
    const command = [process.execPath, '--disable-sigusr1', '--import', SOON, PROGRAM_PATH, '-c', config, 'run'];
    const terminal = spawn('python3', ['-c', STUCK_TERMINAL, ...command], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = once(terminal, 'exit');
    try {
      const control = await connect(join(dir, 'control.sock'));
      for (let round = 0; round < 2; round += 1) {
        await control.check(() => undefined, AbortSignal.timeout(60_000));
      }
      expect((await control.status()).updates.serial).not.toBeNull();
    } finally {
      terminal.stdin.end();
      expect(await ended).toEqual([0, null]);
    }
  }, 120_000);
});
