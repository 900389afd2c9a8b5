// Limits the connections to the console.
//
// Guarantees: at most 64 are open. If all 64 are open, a new connection replaces the oldest one that never sent a valid
// token. Another user of this host therefore cannot keep the session's own connections out.

import type { Server, Socket } from 'node:net';

export const MAX_CONSOLE_CONNECTIONS = 64;

export class ConnectionLimit {
  /** In the order in which they were opened. */
  readonly #strangers = new Set<Socket>();
  readonly #trusted = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => this.#add(socket));
  }

  /** This connection has sent a valid token. */
  trust(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#trusted.add(socket);
  }

  #add(socket: Socket): void {
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#trusted.delete(socket);
    });
    if (this.#strangers.size + this.#trusted.size <= MAX_CONSOLE_CONNECTIONS) return;
    // The new one itself, if all others are trusted.
    const [oldest = socket] = this.#strangers;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }
}
