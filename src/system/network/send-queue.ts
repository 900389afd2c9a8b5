// Reads how many written bytes the other end of a TCP connection has not acknowledged yet: TIOCOUTQ of tcp(7).
//
// Node reports a byte as written when the kernel has accepted it, and the kernel may hold megabytes for a slow
// reader. Guarantees: nothing here throws; the result is null when the kernel or koffi cannot provide it. Only
// `openSendQueue` loads koffi. A crash leaves nothing.

import type { Duplex } from 'node:stream';

/**
 * Bytes that the kernel still holds for this socket, or for the TCP socket below its TLS; null when that is unknown.
 */
export type ReadSendQueue = (socket: Duplex) => number | null;

/** asm-generic/ioctls.h; the same on x64 and arm64, the platforms that we ship a Node for. */
const TIOCOUTQ = 0x5411;
const PLATFORMS: ReadonlySet<string> = new Set(['x64', 'arm64']);

const UNKNOWN: ReadSendQueue = () => null;

let opened: Promise<ReadSendQueue> | null = null;

/** Loads the function that reads the queue. Without koffi, and on systems other than Linux, it always returns null. */
export function openSendQueue(): Promise<ReadSendQueue> {
  opened ??= openReader().catch(() => UNKNOWN);
  return opened;
}

async function openReader(): Promise<ReadSendQueue> {
  if (process.platform !== 'linux' || !PLATFORMS.has(process.arch)) return UNKNOWN;
  const { default: koffi } = await import('koffi');
  const ioctl = koffi.load(null).func('int ioctl(int fd, unsigned long request, _Out_ int *value)');
  return (socket) => {
    // Node does not expose the descriptor of a socket. A TLS socket has that of the socket below.
    const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
    if (socket.destroyed || handle?.fd === undefined || handle.fd < 0) return null;
    const value = [0];
    return ioctl(handle.fd, TIOCOUTQ, value) === 0 ? (value[0] ?? null) : null;
  };
}
