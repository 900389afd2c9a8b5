// What is said while npm installs: that no registry answers, at once, and that something is still at work.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';

interface Registry {
  readonly judgePing: (ended: { status: number; stderr: string }) => string | null;
  readonly showLife: (
    what: string,
    stream: { isTTY: boolean; write(text: string): void },
    timers: { setInterval(draw: () => void, ms: number): number; clearInterval(timer: number): void; now(): number },
  ) => { say(line: string): void; stop(): void };
}

// Plain JavaScript, which the types do not see.
const { judgePing, showLife } = (await import(new URL('../../tools/registry.js', import.meta.url).href)) as Registry;

describe('npm ping', () => {
  it.each([
    ['an answer', 0, '', null],
    ['no such name', 1, 'npm error code ENOTFOUND\nnpm error errno ENOTFOUND\n', 'ENOTFOUND'],
    ['nothing listens, reported by an old npm', 1, 'npm ERR! code ECONNREFUSED\n', 'ECONNREFUSED'],
    ['a proxy that wants a password', 1, 'npm error code E407\n', 'E407'],
    ['a mirror that knows no ping', 1, 'npm error code E404\nnpm error 404 Not Found\n', null],
    ['a mirror that wants a user', 1, 'npm error code E401\n', null],
    ['something else', 1, 'npm error code EUSAGE\n', null],
    ['nothing', 1, '', null],
  ])('npm ping: %s', (_what, status, stderr, code) => {
    expect(judgePing({ status, stderr })).toBe(code);
  });

  it('npm ping: a real npm without a registry is recognized within seconds', async () => {
    const args = [
      'ping',
      '--registry=http://127.0.0.1:9/',
      '--fetch-retries=0',
      '--loglevel=error',
      '--no-update-notifier',
    ];
    const child = spawn('npm', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [status] = (await once(child, 'close')) as [number];
    expect(judgePing({ status, stderr })).toBe('ECONNREFUSED');
  });
});

describe('progress while npm works', () => {
  function life(isTTY: boolean) {
    const written: string[] = [];
    let now = 0;
    let draw: () => void = () => undefined;
    const cleared = vi.fn();
    const timers = {
      setInterval: (act: () => void) => {
        draw = act;
        return 7;
      },
      clearInterval: cleared,
      now: () => now,
    };
    const shown = showLife('installing packages', { isTTY, write: (text) => void written.push(text) }, timers);
    const at = (ms: number) => {
      now = ms;
      draw();
    };
    return { shown, written, at, cleared };
  }

  it('progress while npm works: a terminal shows one line that is removed at the end', () => {
    const { shown, written, at, cleared } = life(true);
    at(1_000);
    at(2_000);
    shown.say('no registry answers');
    shown.stop();

    expect(written.join('')).toBe(
      '\r\u001b[Ksallyport: installing packages (1 s)\r\u001b[Ksallyport: installing packages (2 s)' +
        '\r\u001b[Ksallyport: no registry answers\n\r\u001b[K',
    );
    expect(cleared).toHaveBeenCalledWith(7);
  });

  it('progress while npm works: a log gets a whole line from time to time', () => {
    const { shown, written, at } = life(false);
    at(15_000);
    shown.stop();
    expect(written).toEqual(['sallyport: still installing packages (15 s) ...\n']);
  });
});
