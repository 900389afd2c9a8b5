// The control socket with clients that are wrong, slow or silent, and the files that it never deletes.

import { spawnSync } from 'node:child_process';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Control } from '#control/control.ts';
import { ControlRig } from '#test/support/control-rig.ts';
import { aDiagnosis, aRound, aStatus, fakeControl } from '#test/support/fake-control.ts';

let rig: ControlRig;
beforeEach(async () => {
  rig = await ControlRig.make();
});
afterEach(() => rig.close());

/** A request with a body, as bytes. */
function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const WITH_BODY = ['/v1/credentials/retry', '/v1/timeout/seed', '/v1/change/try', '/v1/diagnose'];
const DIAGNOSIS = { purposes: null, shell: {}, candidate: null, through: null };
const CHANGE = { text: '', typed: [], window_ms: 60_000, waits: false, by: 'a test' };
const long = 'x'.repeat(300);

describe('a request body', () => {
  const asked: string[] = [];
  const never = (what: string) => () => {
    asked.push(what);
    return Promise.reject(new Error('asked in vain'));
  };
  const deaf: Partial<Control> = {
    retryCredentials: never('retry'),
    seedTimeout: never('seed'),
    tryChange: never('try'),
    diagnose: never('diagnose'),
  };

  const WRONG = ['', '{', 'null', '7', '[]', '"x"', '{"a":1}', `{"__proto__":{"purposes":null}}`].map((body) => [body]);

  it.each(WRONG)('that is malformed is refused as CONTROL-REQUEST and does nothing: %s', async (body) => {
    await rig.serve(fakeControl(deaf));
    for (const path of WITH_BODY) {
      // An empty list of samples is valid.
      if (body === '[]' && path === '/v1/timeout/seed') continue;
      expect(await rig.raw(post(path, body)), path).toMatch(/^HTTP\/1\.1 400 .*"code":"CONTROL-REQUEST"/s);
    }
    expect(asked).toEqual([]);
  });

  it.each([
    ['/v1/credentials/retry', { profile: long }],
    ['/v1/diagnose', { ...DIAGNOSIS, through: long }],
    ['/v1/diagnose', { ...DIAGNOSIS, purposes: Array.from({ length: 6 }, () => 'updates') }],
    ['/v1/diagnose', { ...DIAGNOSIS, shell: { [long]: 'x' } }],
    ['/v1/diagnose', { ...DIAGNOSIS, shell: { HTTP_PROXY: 'x'.repeat(131_073) } }],
    ['/v1/diagnose', { ...DIAGNOSIS, shell: { HTTP_PROXY: 'x'.repeat(65_536), NO_PROXY: 'x'.repeat(65_537) } }],
    ['/v1/diagnose', { ...DIAGNOSIS, shell: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`V${n}`, 'x'])) }],
    ['/v1/diagnose', { ...DIAGNOSIS, candidate: { text: 'x'.repeat(1_048_577), typed: [] } }],
    ['/v1/diagnose', { ...DIAGNOSIS, candidate: { text: '', typed: [long] } }],
    ['/v1/diagnose', { ...DIAGNOSIS, candidate: { text: '', typed: Array.from({ length: 257 }, () => 'x') } }],
    ['/v1/change/try', { ...CHANGE, text: 'x'.repeat(1_048_577) }],
    ['/v1/change/try', { ...CHANGE, typed: [long] }],
    ['/v1/change/try', { ...CHANGE, by: long }],
    ['/v1/change/try', { ...CHANGE, window_ms: 1e300 }],
    ['/v1/change/try', { ...CHANGE, window_ms: 0 }],
  ])('over a limit of %s is refused with the name of the field', async (path, body) => {
    await rig.serve(fakeControl(deaf));
    const answer = await rig.raw(post(path, JSON.stringify(body)));
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*"code":"CONTROL-REQUEST"/s);
    expect(answer).toMatch(
      /"reason":"(?:profile|through|purposes|shell|candidate|text|typed|by|window_ms) is malformed/,
    );
    expect(asked).toEqual([]);
  });

  it('of 16 MiB is read completely and refused, so that the client learns why', async () => {
    await rig.serve(fakeControl(deaf));
    const control = await rig.ask();
    const candidate = { text: 'x'.repeat(16_777_216), typed: [] };
    const asking = control.diagnose({ ...DIAGNOSIS, candidate }, () => undefined, new AbortController().signal);
    await expect(asking).rejects.toMatchObject({ code: 'CONTROL-REQUEST', facts: { reason: /longer than/ } });
    expect(await control.status()).toEqual(aStatus());
  });

  it('of the largest configuration is accepted, even if all of it is escaped', async () => {
    let length = 0;
    const diagnose: Control['diagnose'] = ({ candidate }) => {
      length = candidate?.text.length ?? 0;
      return Promise.resolve(aDiagnosis());
    };
    await rig.serve(fakeControl({ diagnose }));
    const candidate = { text: '"\n'.repeat(524_288), typed: [] };
    await (await rig.ask()).diagnose({ ...DIAGNOSIS, candidate }, () => undefined, new AbortController().signal);
    expect(length).toBe(1_048_576);
  });
});

it('control socket: a user with many open connections does not lock out another user', async () => {
  let uid = 1_501;
  const follow: Control['follow'] = (_request, _onEvent, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await rig.serve(fakeControl({ follow }), { peerOf: () => Promise.resolve({ uid, pid: 7 }) });
  let refused = 0;
  const sockets = Array.from({ length: 70 }, () => {
    const socket = connect(rig.path);
    socket.on('error', () => undefined).on('close', () => (refused += 1));
    socket.resume();
    socket.write(post('/v1/follow', JSON.stringify({ after: null })));
    return socket;
  });
  await vi.waitFor(() => expect(refused).toBe(54), 5_000);
  uid = 1_502;
  expect(await (await rig.ask()).status()).toEqual(aStatus());
  uid = 1_501;
  await expect(rig.ask()).rejects.toMatchObject({ code: 'CONTROL-UNREACHABLE' });
  for (const socket of sockets) socket.destroy();
  await vi.waitFor(async () => expect(await (await rig.ask()).status()).toEqual(aStatus()), 5_000);
});

describe('a slow or greedy client', () => {
  /** How many ms the daemon keeps a connection that sent only this. */
  async function keptFor(sent: string): Promise<number> {
    const start = performance.now();
    const socket = connect(rig.path);
    socket.on('error', () => undefined);
    socket.resume();
    if (sent !== '') socket.write(sent);
    await new Promise((resolve) => socket.once('close', resolve));
    return performance.now() - start;
  }

  it('is disconnected if it sends nothing, half a head or half a body', async () => {
    await rig.serve(fakeControl(), { silenceMs: 400 });
    const half = `POST /v1/diagnose HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`;
    const kept = await Promise.all(['', 'GET /v1/st', half].map((sent) => keptFor(sent)));
    for (const ms of kept) {
      expect(ms).toBeGreaterThan(350);
      expect(ms).toBeLessThan(8_000);
    }
  });

  it('gets one response on its connection and no more', async () => {
    await rig.serve();
    const one = 'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n';
    const answers = await rig.raw(one + one + one);
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    expect(answers).toMatch(/connection: close/i);
  });

  it('is disconnected if it does not read its response', async () => {
    const gone = Promise.withResolvers<unknown>();
    const check: Control['check'] = (_onEvent, signal) => {
      signal.addEventListener('abort', () => gone.resolve(signal.reason), { once: true });
      return Promise.resolve(aRound({ published: ['x'.repeat(8_000_000)] }));
    };
    await rig.serve(fakeControl({ check }), { silenceMs: 200 });
    const socket = connect(rig.path);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('POST /v1/check HTTP/1.1\r\nHost: x\r\n\r\n');
    // The response is larger than the socket buffers, so only the daemon can have ended the connection.
    expect(await gone.promise).toMatchObject({ code: 'INTERRUPTED' });
    socket.destroy();
  });
});

describe('the path of the control socket', () => {
  it.each([
    ['a FIFO', (path: string) => void spawnSync('mkfifo', [path]), 'special file'],
    ['a folder', (path: string) => mkdir(path), 'directory'],
    ['a file', (path: string) => writeFile(path, 'precious'), 'file'],
    ['a link', (path: string) => symlink('/dev/null', path), 'symbolic link'],
  ])('keeps what is there: %s', async (_what, make, kind) => {
    await mkdir(join(rig.dir, 'run'));
    await make(rig.path);
    const before = await stat(rig.path);
    await expect(rig.serve()).rejects.toMatchObject({
      code: 'FILE-FAILED',
      facts: { reason: `a ${kind} is there, not a socket` },
    });
    expect((await stat(rig.path)).ino).toBe(before.ino);
  });
});

describe('a long control socket path', () => {
  it('works for listening and connecting, and is free afterwards', async () => {
    const folder = join(rig.dir, ...Array.from({ length: 8 }, () => 'a folder with a long name'));
    rig.path = join(folder, 'control.sock');
    expect(Buffer.byteLength(rig.path)).toBeGreaterThan(200);

    const server = await rig.serve();
    const { mode } = await stat(rig.path);
    expect(mode & 0o777).toBe(0o660);
    expect(await (await rig.ask()).status()).toEqual(aStatus());
    await expect(rig.serve()).rejects.toMatchObject({ code: 'CONTROL-BUSY' });

    await server.close();
    await expect(stat(rig.path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await rig.find()).toBeNull();
    await rig.serve();
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });
});
