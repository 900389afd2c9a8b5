// The client over a real socket: live events, disconnects on both sides, and incompatible servers.

import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectControl } from '#control/client.ts';
import { VERBS } from '#control/control.ts';
import type { Authority } from '#control/verb.ts';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { ControlRig, says, scriptedRound } from '#test/support/control-rig.ts';
import { aRound, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { UPDATER } from '#test/support/updater.ts';

const NEVER = new AbortController().signal;

let rig: ControlRig;
beforeEach(async () => {
  rig = await ControlRig.make();
});
afterEach(() => rig.close());

describe('events from the daemon', () => {
  it('arrive one by one, with whole errors, before the result', async () => {
    const { control, round, begun } = scriptedRound();
    await rig.serve(control);
    const error = coded('FEED-ROLLBACK', { known: 9, found: 3 });
    const events: SallyportEvent[] = [
      { name: 'downloading', id: '1602503' },
      { name: 'progress', id: '1602503', received: 10, length: 20 },
      { name: 'response-via', ...UPDATER, via: ['1.1 a', '1.1 "b"'] },
      { name: 'check-failed', error, hop: 'proxy corp (proxy.example.com:3128)' },
    ];
    const heard: SallyportEvent[] = [];
    const all = Promise.withResolvers<void>();
    const asked = (await rig.ask()).check((event) => {
      heard.push(event);
      if (heard.length === events.length) all.resolve();
    }, NEVER);

    const tell = await begun;
    for (const event of events) tell(event);
    await all.promise;
    round.resolve(aRound());

    expect(await asked).toEqual(aRound());
    expect(heard.slice(0, 3)).toEqual(events.slice(0, 3));
    const failed = heard[3] as { error: Error };
    expect(failed).toMatchObject({
      name: 'check-failed',
      error: { code: 'FEED-ROLLBACK', facts: { known: 9, found: 3 } },
    });
    expect(failed.error.message).toBe(error.message);
  });

  it('are left out if only a newer daemon knows them', async () => {
    const { control, round, begun } = scriptedRound();
    await rig.serve(control);
    const heard: string[] = [];
    const asked = (await rig.ask()).check((event) => heard.push(event.name), NEVER);
    const tell = await begun;
    for (const name of ['quantum-entangled', '__proto__', 'up-to-date']) tell({ name } as never);
    round.resolve(aRound());
    await asked;
    expect(heard).toEqual(['up-to-date']);
  });

  it('are not buffered without limit: a client that stops reading is disconnected', async () => {
    const { control, begun, gone } = scriptedRound();
    await rig.serve(control);
    const deaf = connect(rig.path);
    deaf.on('error', () => undefined);
    deaf.pause();
    deaf.write('POST /v1/check HTTP/1.1\r\nHost: x\r\n\r\n');
    const tell = await begun;
    for (let n = 0; n < 20_000; n += 1) tell({ name: 'published', id: 'x'.repeat(100), path: 'y'.repeat(100) });
    expect(await gone).toMatchObject({ code: 'INTERRUPTED' });
    deaf.destroy();
  });
});

describe('a disconnect', () => {
  it('of a client ends its own request and nothing else', async () => {
    const { control, round, begun, gone } = scriptedRound();
    await rig.serve(control);
    const leaving = new AbortController();
    const asked = (await rig.ask()).check(() => undefined, leaving.signal);
    const tell = await begun;

    leaving.abort(coded('INTERRUPTED', { reason: 'SIGINT' }));

    await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED', facts: { reason: 'SIGINT' } });
    expect(await gone).toMatchObject({ code: 'INTERRUPTED' });
    tell({ name: 'up-to-date' });
    round.resolve(aRound());
    expect(await (await rig.ask()).status()).toEqual(aStatus());
  });

  it('of a client before its request prevents the request', async () => {
    let asked = 0;
    await rig.serve(
      fakeControl({
        check: () => {
          asked += 1;
          return Promise.resolve(aRound());
        },
      }),
    );
    const reason = coded('INTERRUPTED', { reason: 'SIGINT' });
    await expect((await rig.ask()).check(() => undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(asked).toBe(0);
  });

  it('of a daemon during its response is reported, even if it is abrupt', async () => {
    const { control, begun } = scriptedRound();
    const server = await rig.serve(control);
    const asked = (await rig.ask()).check(() => undefined, NEVER);
    const tell = await begun;
    tell({ name: 'up-to-date' });
    await Promise.all([
      expect(asked).rejects.toMatchObject({ code: 'CONTROL-UNREACHABLE', facts: { path: rig.path } }),
      server.close(),
    ]);
  });

  it('of a daemon without a result is reported, even if it is orderly', async () => {
    await rig.impostor((socket, asked) =>
      asked === '/v1/status'
        ? says(socket, JSON.stringify(aStatus()))
        : says(socket, '{"event":{"name":"up-to-date"}}\n'),
    );
    await expect((await rig.ask()).check(() => undefined, NEVER)).rejects.toMatchObject({
      code: 'CONTROL-UNREACHABLE',
    });
  });
});

describe('an incompatible daemon', () => {
  it.each([
    ['a response of another shape', (socket: Socket) => says(socket, '{"main":{}}'), 'another version'],
    [
      'an unknown request',
      (socket: Socket) => says(socket, '{"error":"no such request"}', '404 Not Found'),
      'another version',
    ],
    ['a response that is not JSON', (socket: Socket) => says(socket, '<html>hello</html>'), 'is not Sallyport'],
    ['an empty response', (socket: Socket) => says(socket, ''), 'stopped before'],
    ['null', (socket: Socket) => says(socket, 'null'), 'another version'],
    ['bytes that are not HTTP', (socket: Socket) => socket.end('220 mail.example.com ESMTP\r\n'), ''],
    ['a closed connection', (socket: Socket) => socket.end(), ''],
  ])('is reported as CONTROL-UNREACHABLE, not as absent: %s', async (_what, answer, reason) => {
    await rig.impostor((socket) => answer(socket));
    const asked = rig.find();
    await expect(asked).rejects.toMatchObject({ code: 'CONTROL-UNREACHABLE', facts: { path: rig.path } });
    await expect(asked).rejects.toThrow(reason);
  });

  it('may fail with an unknown code, which is still a failure', async () => {
    for (const body of [
      '{"error":{"code":"QUANTUM","facts":{}}}',
      '{"error":7}',
      '{}',
      'null',
      '{"error":{"code":"toString"}}',
    ]) {
      await rig.impostor((socket) => says(socket, body, '500 Oh'));
      await expect(rig.find()).rejects.toMatchObject({ name: 'CodedError' });
      await rig.quit();
    }
  });

  it.each([
    'not json\n',
    'null\n',
    '{"result":{"published":7}}\n',
    '{"error":{"code":"QUANTUM","facts":{}}}\n',
    '{"event":7}\n{"event":null}\n{"event":{"name":7}}\n{}\n',
    '{"event":{"name":"check-failed","error":{"code":"QUANTUM","facts":null}}}\n',
  ])('that sends %j fails with a code, and events stay valid', async (lines) => {
    await rig.impostor((socket, asked) => says(socket, asked === '/v1/status' ? JSON.stringify(aStatus()) : lines));
    const heard: SallyportEvent[] = [];
    const asked = (await rig.ask()).check((event) => heard.push(event), NEVER);
    await expect(asked).rejects.toMatchObject({ name: 'CodedError' });
    for (const event of heard) expect(event).toMatchObject({ name: 'check-failed', error: { code: 'INTERNAL' } });
  });

  it('is reported as it fails, not as absent', async () => {
    const failure = coded('FILE-FAILED', { operation: 'read', path: '/data', reason: 'ENOENT' });
    await rig.serve(fakeControl({ status: () => Promise.reject(failure) }));
    await expect(rig.find()).rejects.toMatchObject({ code: 'FILE-FAILED' });
  });
});

describe('a starting daemon', () => {
  it('is used through its socket with the most authority', async () => {
    const of = (name: string) => join(rig.dir, name);
    const sockets = { admin: of('admin'), operate: of('operate'), look: of('look'), control: of('control') };
    const serve = async (path: string, authority: Authority) => {
      rig.path = path;
      await rig.serve(fakeControl(), { authority });
    };
    const files = {
      realPath: realFiles.realPath,
      facts: async (path: string) => {
        // The client has already found `operate` missing. Now the daemon creates both sockets.
        if (path === sockets.look && (await realFiles.facts(path)) === null) {
          await serve(sockets.operate, 'operate');
          await serve(sockets.look, 'look');
        }
        return await realFiles.facts(path);
      },
    };
    const parts = { clock: systemClock, files, self: process.geteuid?.() ?? 0 };

    const found = await connectControl({ ...sockets, stateDir: rig.dir }, parts, VERBS);

    await expect(found?.methods.check(() => undefined, NEVER)).resolves.toBeDefined();
  });
});
