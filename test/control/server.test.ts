// The server over a real socket: permissions, responses, redaction and limits.

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { realFiles } from '#system/real-files.ts';
import { ControlRig, scriptedRound } from '#test/support/control-rig.ts';
import { anExplanation, anUpdate, aRound, aStatus, aVerified, fakeControl } from '#test/support/fake-control.ts';
import { UPDATER } from '#test/support/updater.ts';

const NEVER = new AbortController().signal;

let rig: ControlRig;
beforeEach(async () => {
  rig = await ControlRig.make();
});
afterEach(() => rig.close());

describe('the control socket', () => {
  it('is open to owner and group only, whatever the umask', async () => {
    const mask = process.umask(0);
    try {
      await rig.serve();
    } finally {
      process.umask(mask);
    }

    const { mode } = await stat(rig.path);
    expect(mode & 0o777).toBe(0o660);
    expect((await stat(join(rig.dir, 'run'))).mode & 0o777).toBe(0o750);
  });

  it('leaves the umask unchanged', async () => {
    const before = process.umask(0o077);
    await rig.serve();
    expect(process.umask(before)).toBe(0o077);
  });

  it('replaces the socket of a dead daemon', async () => {
    await mkdir(join(rig.dir, 'run'));
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(rig.dir, 'run', 'old.sock'), resolve));
    // The state after a kill: the socket file exists, and no process listens on it.
    await realFiles.rename(join(rig.dir, 'run', 'old.sock'), rig.path);
    await new Promise((resolve) => dead.close(resolve));

    await rig.serve();

    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('never replaces the socket of a running daemon', async () => {
    await rig.serve();
    await expect(rig.serve()).rejects.toMatchObject({ code: 'CONTROL-BUSY', facts: { path: rig.path } });
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('never replaces the socket of a daemon that refuses more connections', async () => {
    const server = await rig.serve();
    const held = await holdConnections(80);
    await expect(rig.serve()).rejects.toMatchObject({ code: 'CONTROL-BUSY' });
    for (const socket of held) socket.destroy();
    expect(server.path).toBe(rig.path);
  });

  it('never deletes anything but a socket', async () => {
    await mkdir(join(rig.dir, 'run'));
    await writeFile(rig.path, 'precious');

    await expect(rig.serve()).rejects.toMatchObject({
      code: 'FILE-FAILED',
      facts: { reason: 'a file is there, not a socket' },
    });

    expect(await readFile(rig.path, 'utf8')).toBe('precious');
  });

  it('names the missing or inaccessible folder if it cannot be made', async () => {
    await writeFile(join(rig.dir, 'file'), '');
    rig.path = join(rig.dir, 'file', 'control.sock');
    await expect(rig.serve()).rejects.toMatchObject({ code: 'FILE-FAILED', facts: { path: join(rig.dir, 'file') } });
  });

  it('keeps working if no descriptor is left for a connection', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    await rig.serve();
    const server = listen.mock.contexts[0] as Server;
    listen.mockRestore();

    for (let time = 0; time < 3; time += 1) {
      server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' }));
    }

    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('is deleted when the daemon ends', async () => {
    const server = await rig.serve();
    await server.close();
    expect(await rig.find()).toBeNull();
    await expect(stat(rig.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('control request', () => {
  it('returns the status unchanged', async () => {
    await rig.serve();
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('returns the packages unchanged', async () => {
    const rows = [anUpdate(), anUpdate({ id: 'u2', notes: 'Grüße "q" \\ \u2028 \n' })];
    await rig.serve(fakeControl({ listUpdates: () => Promise.resolve(rows) }));
    expect(await (await rig.ask()).listUpdates()).toEqual(rows);
  });

  it('returns the result of a round unchanged', async () => {
    await rig.serve();
    expect(await (await rig.ask()).check(() => undefined, NEVER)).toEqual(aRound());
  });

  it.each(['corp', null])('retries credentials for the profile %s', async (profile) => {
    const retried: (string | null)[] = [];
    const retryCredentials = (named: string | null) => {
      retried.push(named);
      return Promise.resolve();
    };
    await rig.serve(fakeControl({ retryCredentials }));
    await (await rig.ask()).retryCredentials(profile);
    expect(retried).toEqual([profile]);
  });

  it.each([48_000_000, null])('explains timeouts for the size %s', async (size) => {
    const asked: (number | null)[] = [];
    const explainTimeout = (given: number | null) => {
      asked.push(given);
      return Promise.resolve(anExplanation());
    };
    await rig.serve(fakeControl({ explainTimeout }));
    expect(await (await rig.ask()).explainTimeout(size)).toEqual(anExplanation());
    expect(asked).toEqual([size]);
  });

  it('seeds the model with a thousand samples', async () => {
    const seed = { id: 'x'.repeat(64), size: 1e12, elapsed_ms: 57_000.5, longest_silence_ms: 53_000, ended_at: 1.4e12 };
    const seeds = Array.from({ length: 1_000 }, () => seed);
    let given: unknown = null;
    const seedTimeout = (samples: typeof seeds) => {
      given = samples;
      return Promise.resolve({ route: null, taken: 0, known_before: samples.length });
    };
    await rig.serve(fakeControl({ seedTimeout }));
    expect(await (await rig.ask()).seedTimeout(seeds)).toEqual({ route: null, taken: 0, known_before: 1_000 });
    expect(given).toEqual(seeds);
  });

  it.each(['', '[1]', '[{"id":1}]', '['])('refuses %j as samples', async (body) => {
    await rig.serve(fakeControl());
    const head = `POST /v1/timeout/seed HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await rig.raw(head + body)).toMatch(/^HTTP\/1\.1 400 .*"code":"CONTROL-REQUEST"/s);
  });

  it('returns the result of a verification unchanged', async () => {
    await rig.serve();
    expect(await (await rig.ask()).verifyUpdates(() => undefined, NEVER)).toEqual([aVerified()]);
  });

  it('names the update for the hook', async () => {
    await rig.serve();
    expect(await (await rig.ask()).runHook('u1', () => undefined, NEVER)).toEqual({ id: 'u1', elapsed_ms: 12 });
  });

  it.each(['a/b?c=%2F', '..', '../../tmp/u1', 'ü', ''])(
    "is refused if the hook's update ID is invalid: %j",
    async (id) => {
      const runHook = vi.fn();
      await rig.serve(fakeControl({ runHook }));
      const asked = (await rig.ask()).runHook(id, () => undefined, NEVER);

      await expect(asked).rejects.toMatchObject({ code: 'ID-INVALID', facts: { id } });
      expect(runHook).not.toHaveBeenCalled();
    },
  );

  it('returns a failure of the daemon completely', async () => {
    const failure = coded('DISK-FULL', { operation: 'write', path: '/data/x', reason: 'no space left' });
    await rig.serve(fakeControl({ listUpdates: () => Promise.reject(failure), check: () => Promise.reject(failure) }));
    const control = await rig.ask();

    for (const asked of [control.listUpdates(), control.check(() => undefined, NEVER)]) {
      await expect(asked).rejects.toMatchObject({
        code: 'DISK-FULL',
        message: failure.message,
        facts: failure.facts,
        check: failure.check,
      });
    }
  });

  it('returns INTERNAL for a defect, and the daemon keeps running', async () => {
    await rig.serve(fakeControl({ listUpdates: () => Promise.reject(new TypeError('x is undefined')) }));
    const control = await rig.ask();
    await expect(control.listUpdates()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await control.status()).toEqual(aStatus());
  });

  it('ignores an event after the result, and the daemon keeps running', async () => {
    const { control, round, begun } = scriptedRound();
    await rig.serve(control);
    const asked = (await rig.ask()).check(() => undefined, NEVER);
    const report = await begun;
    round.resolve(aRound());
    expect(await asked).toEqual(aRound());

    const faults: unknown[] = [];
    const note = (error: unknown) => faults.push(error);
    process.on('uncaughtException', note);
    report({ name: 'change-stage', purpose: 'updates', stage: 'tunnel', result: 'ok' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('uncaughtException', note);

    expect(faults).toEqual([]);
  });

  it('reports an unknown request as such', async () => {
    await rig.serve();
    for (const [method, target] of [
      ['GET', '/'],
      ['GET', '/v1/check'],
      ['POST', '/v1/status'],
      ['DELETE', '/v1/updates'],
      ['GET', '/v1/status/../status'],
      ['GET', '/v2/status'],
    ]) {
      expect(await rig.raw(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 404 /,
      );
    }
  });

  it('gets 400 and is closed if it is not HTTP, and the daemon keeps running', async () => {
    await rig.serve();
    for (const garbage of [
      '\x00\x01\x02\r\n\r\n',
      'SSH-2.0-x\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      expect(await rig.raw(garbage)).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });
});

describe('control response', () => {
  it('contains no known secret in facts, texts, names or results', async () => {
    const secret = 'p:ss wörd%/@#"\\';
    rig.known.add(secret);
    const { control, round, begun } = scriptedRound();
    const error = coded('URL-FOREIGN', { url: `http://x/${encodeURIComponent(secret)}`, origin: secret, host: secret });
    await rig.serve({
      ...control,
      status: () => Promise.resolve(aStatus({ config: { ...aStatus().config, file: secret } })),
      listUpdates: () => Promise.resolve([anUpdate({ notes: `before ${secret} after` })]),
      verifyUpdates: () => Promise.reject(error),
    });
    const answers = [
      rig.raw('GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      rig.raw('GET /v1/updates HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      rig.raw('POST /v1/updates/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      rig.raw('POST /v1/check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ];
    const tell = await begun;
    tell({ name: 'check-failed', error, hop: Buffer.from(`u:${secret}`).toString('base64') });
    tell({ name: 'redirected', ...UPDATER, url: secret });
    round.resolve(aRound({ published: [secret] }));

    const text = (await Promise.all(answers)).join('\n');

    expect(text.match(/\*\*\*/g)?.length).toBeGreaterThan(6);
    expect(text).not.toContain('rd%');
    expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
    expect(text).not.toContain(encodeURIComponent(secret));
    expect(text).toContain('before *** after');
  });
});

describe('many connections at once', () => {
  it('are limited: most of 200 are refused, and then the daemon answers as before', async () => {
    await rig.serve();
    const held = await holdConnections(200);
    expect(held.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(64);
    expect(held.filter(({ destroyed }) => !destroyed).length).toBeGreaterThan(0);
    await Promise.all(held.map((socket) => ended(socket)));
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('get their responses in turn: 200 requests on 16 connections', async () => {
    await rig.serve();
    const control = await rig.ask();
    for (let n = 0; n < 200; n += 16) {
      const answers = await Promise.all(Array.from({ length: 16 }, () => control.status()));
      expect(answers.every(({ main }) => main.pid === 4711)).toBe(true);
    }
  });
});

/** Opens `count` silent connections; resolves when each was accepted or refused. */
async function holdConnections(count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(rig.path));
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.resume();
  }
  const settled = sockets.map(
    (socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve)),
  );
  await Promise.all(settled);
  // Refused connections are closed before the last accepted one gets its response.
  const turned = sockets.slice(64).map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  await Promise.all(turned);
  return sockets;
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
    socket.destroy();
  });
}
