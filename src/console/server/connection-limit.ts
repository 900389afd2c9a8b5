// Limits the connections to the console.
//
// Guarantees: at most 64 are open. If all 64 are open, a new connection replaces the oldest one that never sent a valid
// token, and first one of another user of this host. A flood of connections by another user therefore neither ends the
// session's own connections nor keeps new ones of the session out.

import type { Server, Socket } from 'node:net';

export const MAX_CONSOLE_CONNECTIONS = 64;

/** The user of each connection to a port of this process, by the port at the other end. */
export type ConnectedUsers = (port: number) => ReadonlyMap<number, number>;

/** The list does not have the connection, so it is not one of the person. */
const UNKNOWN_USER = -1;
/** Connections whose user is not known, at which their users are looked up. */
const LOOK_UP_AT = 16;

export class ConnectionLimit {
  /** Without a valid token so far, in the order in which they were opened, with the user once it was looked up. */
  readonly #strangers = new Map<Socket, number | null>();
  readonly #trusted = new Set<Socket>();
  readonly #users: ReadonlySet<number>;
  readonly #connectedUsers: ConnectedUsers;

  constructor(server: Server, users: readonly number[], connectedUsers: ConnectedUsers) {
    this.#users = new Set(users);
    this.#connectedUsers = connectedUsers;
    server.on('connection', (socket: Socket) => this.#add(socket));
  }

  /** This connection has sent a valid token. */
  trust(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#trusted.add(socket);
  }

  #add(socket: Socket): void {
    this.#strangers.set(socket, null);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#trusted.delete(socket);
    });
    if (this.#strangers.size + this.#trusted.size <= MAX_CONSOLE_CONNECTIONS) return;
    const replaced = this.#replaced() ?? socket;
    this.#strangers.delete(replaced);
    replaced.destroy();
  }

  /** The oldest stranger of another user, else the oldest stranger. That is the new one itself, if all others are trusted. */
  #replaced(): Socket | undefined {
    const [oldest] = this.#strangers.keys();
    // A unix socket is open to one user only.
    if (oldest?.localPort === undefined) return oldest;
    const known = this.#ofAnother();
    if (known !== undefined) return known;
    // The kernel needs milliseconds for the list, so it is read once for many connections. The newest ones have had the least
    // time to send a token, and the oldest is then replaced.
    const unknown = [...this.#strangers.values()].filter((user) => user === null).length;
    if (unknown < LOOK_UP_AT) return oldest;
    const users = this.#connectedUsers(oldest.localPort);
    for (const socket of this.#strangers.keys()) {
      const user = socket.remotePort === undefined ? undefined : users.get(socket.remotePort);
      this.#strangers.set(socket, user ?? UNKNOWN_USER);
    }
    return this.#ofAnother() ?? oldest;
  }

  #ofAnother(): Socket | undefined {
    for (const [socket, user] of this.#strangers) if (user !== null && !this.#users.has(user)) return socket;
    return undefined;
  }
}
