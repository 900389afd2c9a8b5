// Checks the paths of the control sockets: each fits a socket address, and the admin socket has its own path. Pure.

import { basename } from 'node:path';
import { type DaemonPlaces, MAX_SOCKET_NAME_BYTES, MAX_SOCKET_PATH_BYTES, socketsOf } from '#config/places.ts';
import type { Finding } from '#config/problem.ts';

/** The errors in the paths that a daemon would listen on. */
export function validateSockets(daemon: DaemonPlaces): Finding[] {
  const { admin, ...others } = socketsOf(daemon);
  const own = validateSocket('control_socket', others.control);
  // The names of the other sockets are derived from this one.
  if (own.length > 0) return own;
  const longer = [others.operate, others.look].flatMap((path) => validateSocket('control_socket', path)).slice(0, 1);
  if (longer.length > 0) return longer;
  if (!Object.values(others).includes(admin)) return validateSocket('admin_socket', admin);
  const message = 'Another control socket already has this path. The admin socket needs a path of its own.';
  const path = ['daemon', 'admin_socket'];
  return [{ path, severity: 'error', at: 'value', found: admin, allowed: '', message }];
}

function validateSocket(key: string, path: string): Finding[] {
  const isLinux = process.platform === 'linux';
  const [what, maxBytes] = isLinux ? ['name', MAX_SOCKET_NAME_BYTES] : ['path', MAX_SOCKET_PATH_BYTES];
  const length = Buffer.byteLength(isLinux ? basename(path) : path);
  if (length <= maxBytes) return [];
  const message = `The ${what} of a unix socket can have at most ${maxBytes} bytes. This one has ${length}.`;
  return [{ path: ['daemon', key], severity: 'error', at: 'value', found: path, allowed: '', message }];
}
