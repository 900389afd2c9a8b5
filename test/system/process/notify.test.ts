import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { type Notifier, openNotifier } from '#system/process/notify.ts';
import { NotifySocket } from '#test/support/notify-socket.ts';

let dir: string;
let failures: CodedError[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-notify-'));
  failures = [];
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function open(socket: string): Promise<Notifier> {
  return openNotifier({ socket, onFailure: (error) => failures.push(error) });
}

describe('the service manager', () => {
  it.each([
    ['a path', () => join(dir, 'notify')],
    ['the abstract namespace', () => `@sallyport-test-${process.pid}`],
  ])('notify: every message arrives through a socket in %s', async (_where, name) => {
    const socket = new NotifySocket(name());
    try {
      const notifier = await open(socket.name);
      notifier.ready();
      notifier.status('All is well.');
      notifier.alive();
      notifier.stopping();
      await socket.until((message) => message === 'STOPPING=1');
      expect(socket.messages).toEqual(['READY=1', 'STATUS=All is well.', 'WATCHDOG=1', 'STOPPING=1']);
      expect(failures).toEqual([]);
    } finally {
      socket.close();
    }
  });

  it('notify: a reload is sent with the time of CLOCK_MONOTONIC', async () => {
    const socket = new NotifySocket(join(dir, 'notify'));
    try {
      const before = process.hrtime.bigint() / 1_000n;
      (await open(socket.name)).reloading();
      const message = await socket.until((text) => text.startsWith('RELOADING=1'));
      const micros = BigInt(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(message)?.[1] ?? 0);
      expect(micros >= before && micros <= process.hrtime.bigint() / 1_000n).toBe(true);
    } finally {
      socket.close();
    }
  });

  it('notify: a sentence cannot forge a field with line breaks and is cut if too long', async () => {
    const socket = new NotifySocket(join(dir, 'notify'));
    try {
      const notifier = await open(socket.name);
      notifier.status('one\nREADY=1\r\u2028WATCHDOG=trigger\0end');
      expect(await socket.until((message) => message.startsWith('STATUS='))).toBe(
        'STATUS=one READY=1 WATCHDOG=trigger end',
      );
      notifier.status('x'.repeat(100_000));
      const long = await socket.until((message) => message.startsWith('STATUS=x'));
      expect(long.length).toBeLessThan(2_000);
    } finally {
      socket.close();
    }
  });

  it('notify: a manager that is gone is reported once by name, without an exception', async () => {
    const notifier = await open(join(dir, 'nobody'));
    notifier.ready();
    notifier.alive();
    expect(failures.map(({ message }) => message)).toEqual([
      `[NOTIFY-FAILED] Cannot notify the service manager at ${dir}/nobody: ENOENT.`,
    ]);
  });

  it('notify: a manager that was restarted gets messages again', async () => {
    const first = new NotifySocket(join(dir, 'notify'));
    const notifier = await open(first.name);
    notifier.ready();
    first.close();
    notifier.alive();
    await rm(first.name);
    const second = new NotifySocket(first.name);
    try {
      notifier.alive();
      expect(await second.until(() => true)).toBe('WATCHDOG=1');
      expect(failures).toHaveLength(1);
    } finally {
      second.close();
    }
  });

  it.each(['vsock:2:1234', 'relative', `/${'x'.repeat(200)}`])('notify: the address %s is refused', async (name) => {
    const notifier = await open(name);
    notifier.ready();
    expect(failures.map(({ code }) => code)).toEqual(['NOTIFY-FAILED']);
  });
});
