// A probe: one small request to a proxy while a transfer through it is silent, to find out whether the proxy is alive.
// It has a connection of its own, and the proxy answers it without a server and without a credential.
//
// Guarantees: the probe goes to the address that the transfer itself is connected to. It contains no credential and no
// part of the transfer's request, except its host and port in two kinds of probe. The listener is called at most once
// for each event, and never after `close`, which leaves no socket. The first byte of any response counts as an answer;
// over an HTTPS proxy, only a byte after the TLS handshake.

import type { Socket } from 'node:net';
import type { Hop } from '#errors/hop.ts';
import type { ProxyHop } from '#proxy/hop.ts';
import type { ProbeListener, ProbeRequest, ProxyProbes, RunningProbe } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { pump } from './connect-answer.ts';
import { dial } from './dial.ts';

/** The proxy of an open connection, as probes need it. */
interface ProbedProxy {
  readonly hop: ProxyHop;
  /** The connection of the transfer. */
  readonly socket: Socket;
  readonly authority: string;
  readonly userAgent: string | null;
  readonly clock: Clock;
  readonly secure: ProbeTarget['secure'];
}

/** Where a probe goes, and how. */
interface ProbeTarget {
  /** The address and port that the socket of the transfer is connected to. */
  readonly address: string;
  readonly port: number;
  /** Name of the profile; `hop` is for failures. */
  readonly proxy: string;
  readonly hop: Hop;
  /** Starts TLS to an HTTPS proxy; null for other proxies. */
  readonly secure: ((socket: Socket, signal: AbortSignal) => Promise<Socket>) | null;
  /** `host:port` of the server that the transfer is from. */
  readonly authority: string;
  readonly userAgent: string | null;
  readonly clock: Clock;
}

/** The user of a probe decides how long it lasts. This only bounds what a forgotten one would hold open, in ms. */
const MAX_PROBE_MS = 600_000;
/** RFC 1928, 3: version 5, two methods: no authentication, and user and password. */
const SOCKS_GREETING = Buffer.from([5, 2, 0, 2]);

/** The probes of a proxy; undefined for SOCKS 4, which has no message that asks no server. */
export function probesOf(
  { hop, socket, authority, userAgent, clock, secure }: ProbedProxy,
  gone: () => void,
): ProxyProbes | undefined {
  const { remoteAddress: address, remotePort: port } = socket;
  const kinds = kindsFor(hop);
  if (kinds.length === 0 || address === undefined || port === undefined) return undefined;
  const target = { address, port, proxy: hop.name, hop: hop.place, secure, authority, userAgent, clock };
  return { kinds, open: (kind, listener) => openProbe(target, kind, listener), gone };
}

function kindsFor({ scheme, profile }: ProxyHop): readonly ProbeRequest[] {
  if (scheme === 'socks4' || scheme === 'socks4a') return [];
  if (scheme === 'socks5' || scheme === 'socks5h') return ['greeting'];
  // Without authentication at the proxy, CONNECT would reach the server.
  return profile.authentication === 'transparent' ? ['get', 'options'] : ['get', 'options', 'connect'];
}

/** Starts a probe. What becomes of it is only reported to the listener. */
function openProbe(target: ProbeTarget, kind: ProbeRequest, listener: ProbeListener): RunningProbe {
  const ending = new AbortController();
  const { signal } = ending;
  let stop = () => {};
  const end = (report: () => void) => {
    if (signal.aborted) return;
    ending.abort();
    stop();
    report();
  };
  const ended = () => end(() => listener.ended());
  const run = async () => {
    const { address: host, port, proxy, hop, clock } = target;
    const { socket } = await dial({ host, port, proxy, hop }, { bulk: false, timeoutMs: MAX_PROBE_MS, clock, signal });
    stop = () => socket.destroy();
    if (signal.aborted) {
      stop();
      return;
    }
    listener.accepted();
    const stream = target.secure === null ? socket : await target.secure(socket, signal);
    const unlisten = pump(stream, {
      onBytes: () => end(() => listener.answered()),
      onEnd: ended,
      onBroken: ended,
    });
    stop = () => {
      unlisten();
      stream.destroy();
      socket.destroy();
    };
    if (signal.aborted) stop();
    else stream.write(requestOf(kind, target));
  };
  run().catch(ended);
  return { close: () => end(() => {}) };
}

function requestOf(kind: ProbeRequest, { address, port, authority, userAgent }: ProbeTarget): Buffer {
  if (kind === 'greeting') return SOCKS_GREETING;
  const agent = userAgent === null ? '' : `User-Agent: ${userAgent}\r\n`;
  const lines = (line: string, host: string) =>
    Buffer.from(`${line} HTTP/1.1\r\nHost: ${host}\r\n${agent}Connection: close\r\n`);
  const end = Buffer.from('\r\n');
  if (kind === 'connect') return Buffer.concat([lines(`CONNECT ${authority}`, authority), end]);
  if (kind === 'options') {
    const limit = Buffer.from('Max-Forwards: 0\r\n');
    return Buffer.concat([lines(`OPTIONS http://${authority}/`, authority), limit, end]);
  }
  // Its own address as Host: a proxy that also serves as an intercepting one then has nothing to forward it to.
  return Buffer.concat([lines('GET /', `${address.includes(':') ? `[${address}]` : address}:${port}`), end]);
}
