// Reports our state to the service manager: sd_notify(3), one datagram per message to the socket that it named.
//
// Guarantees: nothing here throws or ends the process; the first failure is passed to `onFailure`, once. A status text
// cannot add a field to the message: a newline in it becomes a space. libc is called through koffi, because Node cannot
// send to a unix datagram socket; koffi is loaded only if there is a socket. Relies on being the main process of the
// service (NotifyAccess=main). A crash leaves nothing.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { kernelMonotonicMicros } from '#system/clock.ts';

/** The messages to the service manager. */
export interface Notifier {
  /** Start, or a reload, is complete. */
  ready(): void;
  /** A reload has begun; `ready` ends it. */
  reloading(): void;
  stopping(): void;
  /** One sentence for `systemctl status`. */
  status(sentence: string): void;
  /** Feeds the watchdog. */
  alive(): void;
}

export interface NotifyOptions {
  /** NOTIFY_SOCKET: a path, or `@` and a name in the abstract namespace. */
  readonly socket: string;
  /** Called at most once. */
  onFailure(error: CodedError): void;
}

/** Sends one datagram; throws when it cannot. */
type Send = (message: Buffer) => void;

/** In characters. The manager accepts datagrams of 4,096 bytes; this leaves space for the other fields. */
const MAX_STATUS_LENGTH = 1_000;

/** For a process without a service manager. */
export const SILENT_NOTIFIER: Notifier = {
  ready: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  status: () => undefined,
  alive: () => undefined,
};

/**
 * Opens the connection to the service manager. If the socket cannot be used, that is reported, and messages are
 * dropped.
 */
export async function openNotifier({ socket, onFailure }: NotifyOptions): Promise<Notifier> {
  let failed = false;
  const fail = (thrown: unknown) => {
    if (failed) return;
    failed = true;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    onFailure(coded('NOTIFY-FAILED', { socket, reason }, thrown));
  };
  let send: Send;
  try {
    send = await openSocket(addressOf(socket));
  } catch (thrown) {
    fail(thrown);
    return SILENT_NOTIFIER;
  }
  const write = (fields: readonly string[]) => {
    try {
      send(Buffer.from(fields.join('\n')));
    } catch (thrown) {
      fail(thrown);
    }
  };
  return {
    ready: () => write(['READY=1']),
    reloading: () => write(['RELOADING=1', `MONOTONIC_USEC=${kernelMonotonicMicros()}`]),
    stopping: () => write(['STOPPING=1']),
    status: (sentence) => write([`STATUS=${oneLine(sentence)}`]),
    alive: () => write(['WATCHDOG=1']),
  };
}

/** A line break would begin another field, such as a READY=1 that came in a header from outside. */
function oneLine(sentence: string): string {
  return sentence.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, MAX_STATUS_LENGTH);
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const MSG_NOSIGNAL = 0x4000;
/** sun_path of unix(7), with the zero byte that ends a path. */
const MAX_ADDRESS_BYTES = 108;

/** struct sockaddr_un: the family in the byte order of the machine, then the path, or a zero byte and the name. */
function addressOf(socket: string): Buffer {
  const isAbstract = socket.startsWith('@');
  if (!isAbstract && !socket.startsWith('/')) throw new Error('neither a path nor an abstract name');
  const name = Buffer.from(isAbstract ? `\0${socket.slice(1)}` : `${socket}\0`);
  if (name.length > MAX_ADDRESS_BYTES) throw new Error('the address is too long');
  return Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
}

/** Each message gets a new socket, as in libsystemd: the manager may have restarted since the last message. */
async function openSocket(address: Buffer): Promise<Send> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const open = libc.func('int socket(int domain, int type, int protocol)');
  const sendTo = libc.func(
    'intptr_t sendto(int fd, const uint8_t *message, size_t length, int flags, const uint8_t *address, uint32_t size)',
  );
  const close = libc.func('int close(int fd)');
  const nameOf = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  const check = (result: number) => {
    const number = result < 0 ? koffi.errno() : 0;
    if (result < 0) throw new Error(nameOf.get(number) ?? `error ${number}`);
    return result;
  };
  return (message) => {
    const fd = check(open(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0) as number);
    try {
      check(sendTo(fd, message, message.length, MSG_NOSIGNAL, address, address.length) as number);
    } finally {
      close(fd);
    }
  };
}
