// The service manager's end of sd_notify: a unix datagram socket, bound and read with koffi, because Node has none.

import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const MSG_DONTWAIT = 0x40;
/** How often the socket is read. */
const LOOK_EVERY_MS = 1;

const libc = koffi.load(null);
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const bindSocket = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)');
const receive = libc.func('intptr_t recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)');
const closeSocket = libc.func('int close(int fd)');

/** A bound socket, read until it is closed. */
export class NotifySocket {
  /** What NOTIFY_SOCKET is to be. */
  readonly name: string;
  /** Every datagram so far, in order. */
  readonly messages: string[] = [];
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();

  /** `name` is a path, or `@` and a name in the abstract namespace. */
  constructor(name: string) {
    this.name = name;
    this.#fd = openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0) as number;
    const path = Buffer.from(name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`);
    const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), path]);
    if (bindSocket(this.#fd, address, address.length) !== 0) throw new Error(`cannot bind ${name}: ${koffi.errno()}`);
    this.#timer = setInterval(() => this.#read(), LOOK_EVERY_MS);
  }

  /** Waits for a message that fits; also one that came before. */
  async until(fits: (message: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  close(): void {
    clearInterval(this.#timer);
    closeSocket(this.#fd);
  }

  #read(): void {
    const buffer = Buffer.alloc(8_192);
    for (;;) {
      const length = Number(receive(this.#fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) return;
      this.messages.push(buffer.toString('utf8', 0, length));
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}
