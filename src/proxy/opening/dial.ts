// TCP to a proxy or, where the choice says so, to the target itself: the only place that opens a connection.
//
// Guarantees: ends within `timeoutMs` or at the abort with a coded failure, and then no socket is left; on success
// the socket is open, without delay and with keep-alive, and an error on it later never ends the process.
// With `bulk` every byte goes through one reused buffer (net's `onread`), which costs half of 'data' events.

import { getServers } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import { type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { BulkSource } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { outOfFiles } from '#system/out-of-files.ts';

/** What is dialled: `proxy` is the profile's name, null for a target that is dialled directly. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly proxy: string | null;
  /** For failures. */
  readonly hop: Hop;
}

export interface DialOptions {
  /** Hears the addresses of a name and how long the look-up took, in milliseconds; not for a literal address. */
  readonly onResolved?: (addresses: readonly string[], elapsedMs: number) => void;
  readonly bulk: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** An open connection; `bulk` is set where it was asked for. */
export interface Dialled {
  readonly socket: Socket;
  readonly bulk: BulkSource | null;
}

/** Chunks of 64 KiB stay in the processor's cache while they are hashed and written (measured; larger is slower). */
export const BULK_BUFFER_BYTES = 65_536;
/** When TCP keep-alive starts to probe a silent peer, in milliseconds; firewalls forget idle flows after minutes. */
const KEEP_ALIVE_AFTER_MS = 30_000;
/** The share of the time that each address but the last gets; Node's 250 ms give up on far but healthy hosts. */
const ATTEMPT_SHARE = 4;
/** Node's own minimum for one address, in milliseconds. */
const MIN_ATTEMPT_MS = 10;

const CONNECT_KEY = 'response_timeout.connect_timeout_ms';

/**
 * Connects, trying the addresses of the host in turn.
 * @throws CodedError DNS-PROXY, DNS-TARGET, TCP-REFUSED, TCP-TIMEOUT, TCP-FAILED, TOO-MANY-FILES, OUT-OF-MEMORY
 */
export function dial(target: DialTarget, options: DialOptions): Promise<Dialled> {
  const startedMs = options.clock.monotonic();
  let resolved = isIP(target.host) !== 0;
  let asking: Socket | null = null;
  const late = (elapsed: number) =>
    resolved
      ? timedOut(target, elapsed, asking?.localAddress)
      : unresolved(target, `no answer in ${Math.round(elapsed)} ms`);
  return boundedStep<Dialled>({ ...options, late }, ({ done, fail }) => {
    const source = options.bulk ? createBulkSource() : null;
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: Math.max(MIN_ATTEMPT_MS, Math.floor(options.timeoutMs / ATTEMPT_SHARE)),
      ...(source === null ? {} : { onread: source.onread }),
    });
    asking = socket;
    const onError = (error: Error) => fail(dialFailure(target, error, options.clock.monotonic() - startedMs));
    const onConnect = () => done({ socket, bulk: source?.attach(socket) ?? null });
    const addresses: string[] = [];
    const onLookup = (error: Error | null, address: string) => {
      if (error === null) addresses.push(address);
    };
    const onAttempt = () => {
      if (!resolved) options.onResolved?.(addresses, options.clock.monotonic() - startedMs);
      resolved = true;
    };
    // Stays for the socket's life: whoever uses the connection listens as well, but an error between two users is no crash.
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

/** One reused buffer and who gets its bytes. What comes before `consume` is kept, and the socket waits. */
function createBulkSource() {
  const early: Buffer[] = [];
  let consumer: ((chunk: Uint8Array) => void) | null = null;
  const onread = {
    buffer: Buffer.allocUnsafeSlow(BULK_BUFFER_BYTES),
    callback(bytes: number, buffer: Uint8Array): boolean {
      const chunk = buffer.subarray(0, bytes);
      if (consumer === null) {
        early.push(Buffer.from(chunk));
        return false;
      }
      consumer(chunk);
      return true;
    },
  };
  const attach = (socket: Socket): BulkSource => ({
    consume(onBytes) {
      // Not before the caller has finished setting up: it may answer the first bytes by ending the connection.
      process.nextTick(() => {
        consumer = onBytes;
        for (const chunk of early.splice(0)) {
          if (!socket.destroyed) onBytes(chunk);
        }
        if (!socket.destroyed) socket.resume();
      });
    },
  });
  return { onread, attach };
}

function dialFailure(target: DialTarget, error: Error, elapsed: number): CodedError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const { host, port, hop } = target;
  const isLookup = (error as NodeJS.ErrnoException).syscall === 'getaddrinfo';
  // The library that resolves names says of a host without files only that there was no answer.
  const exhausted =
    exhaustion(error, `connect to ${host}:${port}`) ?? (isLookup ? exhaustion(outOfFiles(), `resolve ${host}`) : null);
  if (exhausted !== null) return exhausted;
  if (isLookup) return unresolved(target, code, error);
  if (code === 'ECONNREFUSED') return coded('TCP-REFUSED', { host, port, elapsed, hop }, error);
  if (code === 'ETIMEDOUT') return timedOut(target, elapsed, undefined, error);
  return coded('TCP-FAILED', { host, port, reason: code === '' ? error.message : code, hop }, error);
}

/** `source` is the address that this host asks from: a firewall's rule may be for another of its addresses. */
function timedOut({ host, port, hop }: DialTarget, elapsed: number, source = 'this host', cause?: Error): CodedError {
  return coded('TCP-TIMEOUT', { host, port, elapsed, key: CONNECT_KEY, source, hop }, cause);
}

function unresolved({ host, proxy, hop }: DialTarget, reason: string, cause?: Error): CodedError {
  if (proxy === null) return coded('DNS-TARGET', { host, reason, hop }, cause);
  return coded('DNS-PROXY', { host, reason, servers: getServers(), proxy, hop }, cause);
}

function ignore(): void {}
