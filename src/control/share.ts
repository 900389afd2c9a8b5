// Limits how many connections of a control socket one user may have.
//
// Guarantees: one user cannot take all connections. The limit does not apply to root and the user of the service.
// Relies on SO_PEERCRED to identify the user. If the kernel does not identify a caller, only the limit for the whole
// socket applies.

import type { Server, Socket } from 'node:net';
import type { Peer } from '#system/network/peer.ts';

/** Concurrent connections of one user on each socket. */
const MAX_OF_A_USER = 16;

export interface Sharing {
  /** The uid of the service. */
  readonly self: number;
  peerOf(socket: Socket): Promise<Peer | null>;
}

/** Closes each connection that exceeds its user's share. */
export function shareConnections(server: Server, { self, peerOf }: Sharing): void {
  const counts = new Map<number, number>();
  const add = (uid: number, change: number): number => {
    const count = (counts.get(uid) ?? 0) + change;
    if (count === 0) counts.delete(uid);
    else counts.set(uid, count);
    return count;
  };
  const limit = async (socket: Socket): Promise<void> => {
    const uid = (await peerOf(socket))?.uid;
    if (uid === undefined || uid === 0 || uid === self || socket.destroyed) return;
    socket.once('close', () => add(uid, -1));
    if (add(uid, 1) > MAX_OF_A_USER) socket.destroy();
  };
  server.on('connection', (socket: Socket) => void limit(socket).catch(() => socket.destroy()));
}
