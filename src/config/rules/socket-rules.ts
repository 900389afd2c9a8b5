// Whether the control sockets of a configuration can be made: their names fit into an address, and each has its own. Pure.

import { basename } from 'node:path';
import { type DaemonPlaces, LONGEST_SOCKET_NAME, LONGEST_SOCKET_PATH, socketsOf } from '#config/places.ts';
import type { Finding } from '#config/problem.ts';

/** What is wrong with where a daemon would listen. */
export function judgeSockets(daemon: DaemonPlaces): Finding[] {
  const { admin, ...others } = socketsOf(daemon);
  const own = judgeSocket('control_socket', others.control);
  // Those beside it have names that are made of its own.
  if (own.length > 0) return own;
  const longer = [others.operate, others.look].flatMap((path) => judgeSocket('control_socket', path)).slice(0, 1);
  if (longer.length > 0) return longer;
  if (!Object.values(others).includes(admin)) return judgeSocket('admin_socket', admin);
  const message = 'The admin has a socket of their own: name another path than that of the other sockets.';
  const path = ['daemon', 'admin_socket'];
  return [{ path, severity: 'error', at: 'value', found: admin, allowed: '', message }];
}

function judgeSocket(key: string, path: string): Finding[] {
  const isLinux = process.platform === 'linux';
  const [what, most] = isLinux ? ['name', LONGEST_SOCKET_NAME] : ['path', LONGEST_SOCKET_PATH];
  const length = Buffer.byteLength(isLinux ? basename(path) : path);
  if (length <= most) return [];
  const message = `The ${what} of a unix socket has at most ${most} bytes; this one has ${length}.`;
  return [{ path: ['daemon', key], severity: 'error', at: 'value', found: path, allowed: '', message }];
}
