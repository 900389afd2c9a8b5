// Resets a connection once nothing is on its way any more: a reset throws away what the other side has not read yet.

import type { Socket } from 'node:net';
import { HAS_TCP_TABLE, tcpRow } from './tcp-table.ts';

/** Whether everything was read is looked at after this time, and as often. */
const RESET_MS = 50;
const RESET_TURNS = 100;

/** Resets `client` once the other side of `watched` has read everything that was written to it. */
export function resetOnceRead(client: Socket, watched: Socket = client, turns = RESET_TURNS): void {
  const { localPort = 0, remotePort = 0 } = watched;
  setTimeout(() => {
    const rows = HAS_TCP_TABLE ? [tcpRow(localPort, remotePort), tcpRow(remotePort, localPort)] : [];
    const isUnread = watched.writableLength > 0 || rows.some((row) => row === null || row.unsent + row.unread > 0);
    if (isUnread && turns > 0 && !client.destroyed) resetOnceRead(client, watched, turns - 1);
    else client.resetAndDestroy();
  }, RESET_MS);
}
