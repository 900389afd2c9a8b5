// Opens TCP connections to a proxy, or to the target itself if the connection is direct. No other module opens TCP
// connections.
//
// Guarantees: a connection that is not open after `timeoutMs`, or at the abort, fails. A failure is a coded error and
// leaves no socket. On success, the socket has TCP_NODELAY and keep-alive, and a later error on it never ends the
// process. With `bulk`, all bytes go through one reused buffer (`onread` of `net`), which costs half as much as 'data'
// events.

import { getServers } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import { type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { BulkReader } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { outOfFiles } from '#system/out-of-files.ts';

/** What to dial. `proxy` is the profile's name, null for a target that is dialed directly. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly proxy: string | null;
  /** The hop that failures name. */
  readonly hop: Hop;
}

export interface DialOptions {
  /** Called with the addresses of a name and the duration of the look-up in milliseconds; not for a literal address. */
  readonly onResolved?: (addresses: readonly string[], elapsedMs: number) => void;
  readonly bulk: boolean;
  /** Whether a file is downloaded over it; false if absent. */
  readonly isTransfer?: boolean | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** An open connection; `bulk` is set if it was requested. */
export interface DialResult {
  readonly socket: Socket;
  readonly bulk: BulkReader | null;
}

/** Chunks of 64 KiB stay in the CPU cache while they are hashed and written (measured; larger ones are slower). */
export const BULK_BUFFER_BYTES = 65_536;
/**
 * When TCP keep-alive starts to probe a silent peer, in milliseconds; firewalls forget idle flows after minutes. Node
 * then probes once a second, and the kernel ends the connection after ten probes without an acknowledgement.
 */
const KEEP_ALIVE_AFTER_MS = 30_000;
/**
 * The same for a download: a host that vanished is noticed within 25 s. The probes are spread over 20 s, because an
 * interruption of 10 s is not rare (`bench/response-timeout`).
 */
export const TRANSFER_KEEP_ALIVE = { enable: true, initialDelay: 5_000, interval: 2_000, count: 10 } as const;
/** The same for a Node that always sends ten probes, one a second, in milliseconds. */
const TRANSFER_KEEP_ALIVE_AFTER_MS = 15_000;
/**
 * The divisor of the time limit for each address except the last: each gets a quarter. Node's 250 ms are too short for
 * distant hosts.
 */
const ATTEMPT_SHARE = 4;
/** Node's own minimum for one address, in milliseconds. */
const MIN_ATTEMPT_MS = 10;

const CONNECT_KEY = 'response_timeout.connect_timeout_ms';

/**
 * Connects, trying the addresses of the host in turn.
 * @throws CodedError DNS-PROXY, DNS-TARGET, TCP-REFUSED, TCP-TIMEOUT, TCP-FAILED, TOO-MANY-FILES, OUT-OF-MEMORY
 */
export function dial(target: DialTarget, options: DialOptions): Promise<DialResult> {
  const startedMs = options.clock.monotonic();
  let resolved = isIP(target.host) !== 0;
  let asking: Socket | null = null;
  const late = (elapsed: number) =>
    resolved
      ? timedOut(target, elapsed, asking?.localAddress)
      : unresolved(target, `no answer in ${Math.round(elapsed)} ms`);
  return boundedStep<DialResult>({ ...options, late }, ({ done, fail }) => {
    const source = options.bulk ? createBulkSource() : null;
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: options.isTransfer === true ? TRANSFER_KEEP_ALIVE_AFTER_MS : KEEP_ALIVE_AFTER_MS,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: Math.max(MIN_ATTEMPT_MS, Math.floor(options.timeoutMs / ATTEMPT_SHARE)),
      ...(source === null ? {} : { onread: source.onread }),
    });
    asking = socket;
    const onError = (error: Error) => fail(dialFailure(target, error, options.clock.monotonic() - startedMs));
    const onConnect = () => {
      // Older versions of Node have two parameters.
      if (options.isTransfer === true && socket.setKeepAlive.length > 2) socket.setKeepAlive(TRANSFER_KEEP_ALIVE);
      done({ socket, bulk: source?.attach(socket) ?? null });
    };
    const addresses: string[] = [];
    const onLookup = (error: Error | null, address: string) => {
      if (error === null) addresses.push(address);
    };
    const onAttempt = () => {
      if (!resolved) options.onResolved?.(addresses, options.clock.monotonic() - startedMs);
      resolved = true;
    };
    // The listener stays for the socket's life: each user of the connection also listens, but an error between two
    // users must not crash the process.
    socket.on('error', ignore);
    socket.once('error', onError);
    socket.once('connect', onConnect);
    socket.on('lookup', onLookup);
    socket.on('connectionAttempt', onAttempt);
    return (succeeded) => {
      socket.off('error', onError);
      socket.off('connect', onConnect);
      socket.off('lookup', onLookup);
      socket.off('connectionAttempt', onAttempt);
      if (!succeeded) socket.destroy();
    };
  });
}

/** Buffers of closed connections, for the next ones. A round with many packages would otherwise leave one for each. */
const unusedBuffers: Buffer[] = [];
const MAX_UNUSED_BUFFERS = 4;

/** One reused buffer and the receiver of its bytes. Bytes before `consume` are kept, and the socket is paused. */
function createBulkSource() {
  const early: Buffer[] = [];
  let consumer: ((chunk: Uint8Array) => void) | null = null;
  const onread = {
    buffer: unusedBuffers.pop() ?? Buffer.allocUnsafeSlow(BULK_BUFFER_BYTES),
    callback(bytes: number, buffer: Uint8Array): boolean {
      const chunk = bytes === buffer.length ? buffer : buffer.subarray(0, bytes);
      if (consumer === null) {
        early.push(Buffer.from(chunk));
        return false;
      }
      consumer(chunk);
      return true;
    },
  };
  const attach = (socket: Socket): BulkReader => {
    // Nothing is read into it after that.
    socket.once('close', () => {
      if (unusedBuffers.length < MAX_UNUSED_BUFFERS) unusedBuffers.push(onread.buffer);
    });
    return {
      consume(onBytes) {
        if (consumer !== null) {
          consumer = onBytes;
          return;
        }
        // Deferred until the caller has finished its setup, because it may end the connection on the first bytes.
        process.nextTick(() => {
          consumer = onBytes;
          for (const chunk of early.splice(0)) {
            if (!socket.destroyed) onBytes(chunk);
          }
          if (!socket.destroyed) socket.resume();
        });
      },
    };
  };
  return { onread, attach };
}

function dialFailure(target: DialTarget, error: Error, elapsed: number): CodedError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const { host, port, hop } = target;
  const isLookup = (error as NodeJS.ErrnoException).syscall === 'getaddrinfo';
  // Without free file descriptors, the resolver library only reports that there was no response.
  const exhausted =
    exhaustion(error, `connect to ${host}:${port}`) ?? (isLookup ? exhaustion(outOfFiles(), `resolve ${host}`) : null);
  if (exhausted !== null) return exhausted;
  if (isLookup) return unresolved(target, code, error);
  if (code === 'ECONNREFUSED') return coded('TCP-REFUSED', { host, port, elapsed, hop }, error);
  if (code === 'ETIMEDOUT') return timedOut(target, elapsed, undefined, error);
  return coded('TCP-FAILED', { host, port, reason: code === '' ? error.message : code, hop }, error);
}

/** `source` is the local address of the attempt: a firewall rule may cover only another address of this host. */
function timedOut({ host, port, hop }: DialTarget, elapsed: number, source = 'this host', cause?: Error): CodedError {
  return coded('TCP-TIMEOUT', { host, port, elapsed, key: CONNECT_KEY, source, hop }, cause);
}

function unresolved({ host, proxy, hop }: DialTarget, reason: string, cause?: Error): CodedError {
  if (proxy === null) return coded('DNS-TARGET', { host, reason, hop }, cause);
  return coded('DNS-PROXY', { host, reason, servers: getServers(), proxy, hop }, cause);
}

function ignore(): void {}
