// Identifies the process at the other end of a unix socket, with SO_PEERCRED of unix(7). The kernel records it when
// that process connects.
//
// Guarantees: nothing here throws; the result is null when the kernel or koffi cannot provide it. koffi is loaded on
// first use. In a user namespace (PrivateUsers= of systemd), every user outside the namespace has the uid 65534.

import type { Socket } from 'node:net';
import type { Clock } from '#system/clock.ts';
import { nameOfUser } from '#system/process/user.ts';

/** A process at the time when it connected. */
export interface Peer {
  readonly uid: number;
  /** 0 when the process is outside our namespace. */
  readonly pid: number;
}

/** The uid that the kernel reports for users outside our user namespace; systemd's `PrivateUsers=` creates one. */
const OVERFLOW_UID = 65_534;

/** The user of a process in words: `root`, `user 1000`. */
export function userWords(peer: Pick<Peer, 'uid'> | null): string {
  if (peer === null) return 'an unknown user';
  if (peer.uid === OVERFLOW_UID) return 'a user that the service cannot identify';
  return peer.uid === 0 ? 'root' : `user ${peer.uid}`;
}

/** The same with the name: `user 1000 (anna)`. Root and unknown users have no other name. */
export async function namedUser(peer: Pick<Peer, 'uid'> | null, clock: Clock): Promise<string> {
  const words = userWords(peer);
  if (peer === null || peer.uid === 0 || peer.uid === OVERFLOW_UID) return words;
  const name = await nameOfUser(peer.uid, clock);
  return name === null ? words : `${words} (${name})`;
}

type ReadPeer = (fd: number) => Peer | null;

/** asm-generic/socket.h; the same on x64 and arm64, the platforms that we ship a Node for. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const PLATFORMS: ReadonlySet<string> = new Set(['x64', 'arm64']);
/** struct ucred: pid, uid, gid, each of 4 bytes. */
const UCRED_FIELDS = 3;

let reader: Promise<ReadPeer> | null = null;

/** The process that connected to this socket; null when it is unknown. */
export async function peerOf(socket: Socket): Promise<Peer | null> {
  // Node does not expose the descriptor of a socket.
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  if (handle?.fd === undefined || handle.fd < 0 || process.platform !== 'linux') return null;
  reader ??= openReader().catch(() => () => null);
  const read = await reader;
  // The connection may have closed meanwhile, and its descriptor may belong to another one.
  return socket.destroyed ? null : read(handle.fd);
}

async function openReader(): Promise<ReadPeer> {
  if (!PLATFORMS.has(process.arch)) return () => null;
  const { default: koffi } = await import('koffi');
  const get = koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *size)');
  return (fd) => {
    const fields = new Uint32Array(UCRED_FIELDS);
    const value = Buffer.from(fields.buffer);
    if (get(fd, SOL_SOCKET, SO_PEERCRED, value, [value.length]) !== 0) return null;
    const [pid = 0, uid = 0] = fields;
    return { pid, uid };
  };
}
