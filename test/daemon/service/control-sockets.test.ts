// The sockets of a daemon: their modes, what each one lets its callers do, and the group that may operate it.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { socketsOf } from '#config/places.ts';
import { connectControl } from '#control/client.ts';
import { type Control, VERBS } from '#control/control.ts';
import type { SocketServer } from '#control/socket-server.ts';
import { serveSockets } from '#daemon/service/control-sockets.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { groupNumber } from '#system/process/group.ts';
import { realFiles } from '#system/real-files.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { describeWith } from '#test/support/real-parts.ts';

let composed: Composed | null = null;
let server: SocketServer | null = null;
afterEach(async () => {
  await server?.close();
  await composed?.remove();
  server = null;
  composed = null;
});

async function serve(sections: Readonly<Record<string, unknown>> = {}): Promise<Composed> {
  composed = await composeIn(sections);
  const { parts, agent } = composed;
  server = await serveSockets(parts, agent, parts.ports.settings());
  return composed;
}

const MODES = { admin: 0o600, look: 0o660, operate: 0o660, control: 0o660 } as const;

/** Connects to one socket, whatever the others are. */
async function askOver(name: keyof typeof MODES): Promise<Control> {
  const path = join(composed?.dir ?? '', `${name}.sock`);
  const sockets = { admin: path, operate: path, look: path, control: path, stateDir: composed?.dir ?? '' };
  const found = await connectControl(sockets, { clock: systemClock, files: realFiles, self: realFiles.self }, VERBS);
  if (found === null) throw new Error('nobody listens');
  return found.methods;
}

describe('control sockets', () => {
  it('have the mode of their callers, and are gone after the end', async () => {
    const { dir } = await serve();
    for (const [name, mode] of Object.entries(MODES)) {
      expect([name, (await stat(join(dir, `${name}.sock`))).mode & 0o777]).toEqual([name, mode]);
    }
    await server?.close();
    for (const name of Object.keys(MODES)) {
      await expect(stat(join(dir, `${name}.sock`)), name).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it.each([
    ['look', 'CONTROL-ADMIN', 'CONTROL-OPERATE'],
    ['operate', 'CONTROL-ADMIN', null],
    ['control', 'CONTROL-ADMIN', null],
    ['admin', null, null],
  ] as const)('%s.sock lets its callers do what they may', async (name, admin, operate) => {
    const { parts } = await serve({ updates: { feed_url: 'http://127.0.0.1:9/feed.json' } });
    parts.ports.memory.forgetSerial('http://127.0.0.1:9/feed.json');
    const control = await askOver(name);
    const code = async (asked: Promise<unknown>) =>
      await asked.then(
        () => null,
        (error: { code: string }) => error.code,
      );
    expect((await control.status()).main.state).toBe('running');
    expect(await code(control.retryCredentials(null))).toBe(operate);
    expect(await code(control.forgetSerial())).toBe(admin);
  });

  it('log the sender and the reason of a refused request, and nothing else', async () => {
    const { events } = await serve();
    const uid = realFiles.self;
    await expect((await askOver('look')).retryCredentials(null)).rejects.toMatchObject({ code: 'CONTROL-OPERATE' });
    await (await askOver('operate')).retryCredentials(null);

    const reported = events.filter(({ name }) => name.startsWith('control-') && name !== 'control-listening');
    expect(reported).toMatchObject([{ name: 'control-refused' }, { name: 'control-asked' }]);
    const [refused, asked] = reported.map((event) => toRecord(event, 0, createRedactor(new KnownSecrets())).message);
    expect(refused).toContain(
      `/look.sock from ${uid === 0 ? 'root' : `user ${uid}`} (process ${process.pid}) to allow refused passwords once more`,
    );
    expect(refused).toMatch(
      /^Refused a request over .*: \[CONTROL-OPERATE\] Only root and .* can only read the status \(over look\.sock\)\. /,
    );
    expect(asked).toMatch(/^Request over .*\/operate\.sock from .* to allow refused passwords once more\.$/);
  });

  it('return every setting with its origin and who may set it, and no secret', async () => {
    const { parts } = await serve({
      proxies: [
        {
          name: 'corp',
          address: '127.0.0.1',
          port: 9,
          default: true,
          authentication: 'basic',
          user: 'svc',
          password: 'geheim-1',
        },
      ],
    });
    const { file, keys } = await (await askOver('look')).settings();
    expect(file).toBe(parts.config.loaded.file);
    const found = (key: string) => keys.find((row) => row.key === key);
    expect(found('proxies[0].port')).toMatchObject({ value: 9, source: 'file', set_by: 'admin' });
    expect(found('proxies[0].password')).toMatchObject({ value: '***' });
    expect(found('daemon.state_dir')).toMatchObject({ set_by: 'root' });
    expect(found('control.operate_group')).toMatchObject({
      value: null,
      source: 'default',
      line: null,
      set_by: 'root',
    });
    expect(JSON.stringify(keys)).not.toContain('geheim-1');
  });

  it('send the lines of a round that another user starts to followers', async () => {
    await serve({ updates: { feed_url: 'http://127.0.0.1:9/feed.json' }, retry: { attempts: 1 } });
    const leaving = new AbortController();
    const messages: string[] = [];
    const failed = Promise.withResolvers<void>();
    const following = (await askOver('look')).follow(
      { after: null },
      (one) => {
        if (one.kind !== 'line') return;
        messages.push(one.message);
        if (one.event === 'check-failed') failed.resolve();
      },
      leaving.signal,
    );
    await (await askOver('operate')).check(() => undefined, leaving.signal);
    await failed.promise;
    leaving.abort(new Error('enough'));
    await expect(following).rejects.toThrow('enough');
    expect(messages.join('\n')).toContain('[TCP-REFUSED]');
  });

  it('are not opened for an unknown group, and none is left', async () => {
    const refused = serve({ control: { operate_group: 'no-such-group-here' } });
    await expect(refused).rejects.toMatchObject({ code: 'CONTROL-GROUP', facts: { group: 'no-such-group-here' } });
    const { settings } = composed?.parts.config.loaded ?? {};
    if (settings === undefined) throw new Error('nothing was composed');
    for (const path of Object.values(socketsOf(settings.daemon))) {
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });
});

it('control sockets: a group is found by its name, and a number is itself', async () => {
  expect(await groupNumber('root')).toBe(0);
  expect(await groupNumber('4711')).toBe(4_711);
  expect(await groupNumber('no-such-group-here')).toBeNull();
});

describeWith(['root and setpriv'], 'control.operate_group', () => {
  it('owns operate.sock and control.sock, and neither of the others', async () => {
    const { dir } = await serve({ control: { operate_group: '64109' } });
    const group = async (name: string) => (await stat(join(dir, `${name}.sock`))).gid;
    expect([await group('operate'), await group('control')]).toEqual([64_109, 64_109]);
    expect([await group('look'), await group('admin')]).toEqual([process.getegid?.(), process.getegid?.()]);
    expect((await stat(join(dir, 'operate.sock'))).mode & 0o777).toBe(0o660);
  });
});
