// What a person may do, from the facts of the sockets and the file.

import { expect, it } from 'vitest';
import type { DaemonLink } from '#console/api/daemon-link.ts';
import { readSession } from '#console/api/session.ts';
import { NO_SECRETS } from '#redaction/redact.ts';
import type { FileFacts, Files } from '#system/files.ts';

const CHANGE = '/run/sallyport/change.sock';
const SOCKET = { kind: 'socket', owner: 0, group: 50, mode: 0o660 } as const;

interface Case {
  readonly uid?: number;
  readonly groups?: readonly number[];
  readonly socket?: Partial<FileFacts> | null;
  readonly authority?: 'look' | 'operate' | 'admin' | null;
}

async function session({ uid = 1_000, groups = [1_000], socket = SOCKET, authority = 'look' }: Case) {
  const files = {
    self: uid,
    // The file and its folder belong to root.
    facts: (path: string) => {
      if (path !== CHANGE) return Promise.resolve({ kind: 'directory', owner: 0, group: 0, mode: 0o755 });
      return socket === null ? Promise.reject(new Error('absent')) : Promise.resolve({ ...SOCKET, ...socket });
    },
    mayWrite: () => Promise.resolve(false),
    access: () => Promise.resolve(false),
  } as unknown as Files;
  return await readSession({
    user: { uid, name: 'ann', groups },
    host: 'plant-7',
    version: '0',
    file: '/etc/sallyport/sallyport.yaml',
    changeSocket: CHANGE,
    files,
    known: NO_SECRETS,
    link: { state: () => Promise.resolve({ daemon: 'running', authority, error: null }) } as unknown as DaemonLink,
    sockets: () => Promise.resolve({ look: '/run/look.sock', operate: '/run/operate.sock' }),
    idleMinutes: 30,
    sshLine: null,
  });
}

it.each<[string, Case, 'service' | 'nobody']>([
  ['a member of its group', { groups: [1_000, 50] }, 'service'],
  ['another user', {}, 'nobody'],
  ['a member of its group, if the group may not write', { groups: [50], socket: { mode: 0o640 } }, 'nobody'],
  ['everyone, if everyone may write', { socket: { mode: 0o606 } }, 'service'],
  ['a member of its group, if only others may write', { groups: [50], socket: { mode: 0o606 } }, 'nobody'],
  ['its owner', { socket: { owner: 1_000, mode: 0o600 } }, 'service'],
  ['its owner who may not write', { socket: { owner: 1_000, mode: 0o466 } }, 'nobody'],
  ['root', { uid: 0, groups: [0] }, 'service'],
  ['a member, if it is a plain file', { groups: [50], socket: { kind: 'file' } }, 'nobody'],
  ['a member, if it does not exist', { groups: [50], socket: null }, 'nobody'],
])('console: the change service can be used by %s: %j gives %s', async (_who, given, writes) => {
  const found = await session(given);
  expect([found.writes, found.may.change]).toEqual([writes, writes !== 'nobody']);
});

it.each([
  [null, false, false],
  ['look', true, false],
  ['operate', true, true],
  ['admin', true, true],
] as const)('console: with the authority %s a person may look: %s, operate: %s', async (authority, look, operate) => {
  expect((await session({ authority })).may).toMatchObject({ look, operate });
});
