// Finds out which users connected to a port of 127.0.0.1, from the list of sockets in /proc/net/tcp (proc_pid_net(5)). A TCP
// connection has no SO_PEERCRED.
//
// Guarantees: nothing here throws. A connection that the list does not have is absent from the result, for example one of
// another network namespace.

import { readFileSync } from 'node:fs';

const LIST = '/proc/net/tcp';
/** 127.0.0.1 as the kernel writes it: in the order of bytes of x64 and arm64. */
const LOOPBACK = '0100007F';
const HEX = 16;

/** The user of each connection to this port, by the port at the other end. */
export function usersConnectedTo(port: number): ReadonlyMap<number, number> {
  try {
    return usersIn(readFileSync(LIST, 'latin1'), port);
  } catch {
    return new Map();
  }
}

/** The same from the text of the list. Pure. */
export function usersIn(list: string, port: number): ReadonlyMap<number, number> {
  const server = `${LOOPBACK}:${port.toString(HEX).toUpperCase().padStart(4, '0')}`;
  const users = new Map<number, number>();
  for (const line of list.split('\n')) {
    // Number, local and remote address, state, queues, timer, retransmits, user.
    const [, local = '', remote, , , , , user = ''] = line.trim().split(/\s+/);
    if (remote !== server || !local.startsWith(`${LOOPBACK}:`) || !/^\d+$/.test(user)) continue;
    users.set(Number.parseInt(local.slice(LOOPBACK.length + 1), HEX), Number(user));
  }
  return users;
}
