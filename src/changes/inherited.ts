// The connection that systemd accepted and passed to this process: sd_listen_fds(3), for a socket unit with Accept=yes.

import { Socket } from 'node:net';
import { coded } from '#errors/coded-error.ts';

/** SD_LISTEN_FDS_START */
const FIRST_DESCRIPTOR = 3;

/** The connection. @throws CodedError CHANGE-REQUEST if systemd did not start this process for one */
export function inheritedSocket(environment: Readonly<Record<string, string | undefined>>, pid: number): Socket {
  const { LISTEN_FDS: count, LISTEN_PID: receiver } = environment;
  if (count !== '1' || receiver !== String(pid)) {
    throw coded('CHANGE-REQUEST', { reason: 'only sallyport-change.socket can start this command' });
  }
  return new Socket({ fd: FIRST_DESCRIPTOR, readable: true, writable: true, allowHalfOpen: true });
}
