// The only access to the network (principle 1). A `Route` says how to reach a target for a purpose, and why. Its
// function `open` opens the connection. Updates, uploads and diagnosis all send their bytes over such connections.

import type { Duplex } from 'node:stream';
import type { Purpose } from '#config/purposes.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import { type Hop, originAt } from '#errors/hop.ts';
import type { CandidateInfo } from './candidate-info.ts';
import type { StepListener } from './connect-observer.ts';
import type { Reason } from './reason.ts';

/** How a target is reached: CONNECT through a proxy, absolute-form to a proxy, or a direct connection. */
export type ConnectMode = 'tunnel' | 'forward' | 'direct';

/** What is known of the hop once a connection is open. */
export interface HopFacts {
  /** Name of the proxy profile; null when direct. */
  readonly proxy: string | null;
  /** The proxy really used: `http://proxy.example.com:3128` without user, or `direct`; a `RouteKey`'s proxy. */
  readonly proxyUrl: string;
  readonly how: ConnectMode;
  /** Host and port of the target. */
  readonly host: string;
  readonly port: number;
  /** The hop that failures name. */
  readonly hop: Hop;
  /** Steps that succeeded until the connection was open, in order. */
  readonly passed: readonly ConnectPhase[];
  /** The address of this host that the connection uses, without a port. */
  readonly localAddress?: string | undefined;
  /** Names of request headers that must not be sent, in lower case, because a proxy decrypts the connection. */
  readonly withheld?: readonly string[] | undefined;
  /** The subject of the CA with which a proxy decrypts the connection, with permission; missing if none does. */
  readonly decryptedBy?: string | undefined;
}

/** Whether a hop can read a response: not for a direct connection, and not inside TLS to the target. */
export function canLookInside({ how, decryptedBy }: Pick<HopFacts, 'how' | 'decryptedBy'>, url: URL): boolean {
  return decryptedBy !== undefined || how === 'forward' || (how === 'tunnel' && url.protocol === 'http:');
}

/** Whether nothing between this host and the target can read a response. */
export function isEndToEnd({ decryptedBy }: Pick<HopFacts, 'decryptedBy'>, url: URL): boolean {
  return url.protocol === 'https:' && decryptedBy === undefined;
}

/**
 * The hop that sends the bytes of a response: the proxy in forward mode, else the target, including through a tunnel.
 */
export function answersFrom({ how, hop, host, port }: Pick<HopFacts, 'how' | 'hop' | 'host' | 'port'>): Hop {
  return how === 'tunnel' ? originAt(`${host.includes(':') ? `[${host}]` : host}:${port}`) : hop;
}

/**
 * The hop that a silence or a lost connection is attributed to. Null for a tunnel, because either of its two ends may
 * be the cause.
 */
export function cutBy({ how, hop }: Pick<HopFacts, 'how' | 'hop'>): Hop | null {
  return how === 'tunnel' ? null : hop;
}

/** The parts of a response head from which the hop that made it is recognized. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Name, value, name, value, as received. */
  readonly rawHeaders: readonly string[];
}

/** An open connection, ready for HTTP/1.1 to the target. For https, TLS to the target is already established. */
export interface Connection {
  readonly socket: Duplex;
  /** `absolute` if requests must contain the whole URL (plain http through a proxy), else `origin`. */
  readonly form: 'origin' | 'absolute';
  readonly facts: HopFacts;
  /**
   * Headers that this hop needs on a request, for example Proxy-Authorization; empty in a tunnel and direct. `target`
   * is the request target as sent, because Digest signs it. Called once for each request. If it throws, the connection
   * is released.
   */
  headersFor(method: string, target: string): Readonly<Record<string, string>>;
  /**
   * Set on a plain connection that was opened with `bulk`: all bytes go to the consumer through one reused buffer
   * (valid only during the call), and the socket emits no 'data'. `pause` and `resume` provide back-pressure.
   */
  readonly bulk: BulkReader | null;
  /**
   * Checks a response that this hop may have made itself (absolute form). Throws the proxy's own failure (AUTH-*,
   * POLICY-DENIED, PROXY-UPSTREAM), or returns if the origin answered. The page of a refusal can still be read.
   */
  validateResponse(head: ResponseHead, url: string): void;
  /** Identifies what the hop is from first bytes that are not HTTP; null when they do not show it. */
  classifyNoise(firstBytes: Uint8Array): CodedError | null;
  /**
   * Resolves once the credential verdict of the hop's responses is on disk; report an end only after that. If one more
   * request to the hop was needed to find out which server rejected the credential, resolves to the failure that it
   * showed.
   */
  settled(): Promise<CodedError | null>;
  /** Ends the use of the connection and frees it. */
  release(): void;
  /** Probes of the proxy that it leads through; absent for a direct connection and for a proxy that none suits. */
  readonly probes?: ProxyProbes | undefined;
}

/**
 * What a probe sends. `get`: a request for the proxy's own address. `options`: OPTIONS with Max-Forwards 0. `connect`:
 * CONNECT without a credential. `greeting`: the first message of SOCKS 5.
 */
export type ProbeRequest = 'get' | 'options' | 'connect' | 'greeting';

/** Small requests to the proxy of a connection, each on a connection of its own. */
export interface ProxyProbes {
  /** The kinds that suit this proxy, the best first. */
  readonly kinds: readonly ProbeRequest[];
  open(kind: ProbeRequest, listener: ProbeListener): RunningProbe;
  /** The proxy is dead: for some time, other candidates come first. */
  gone(): void;
}

/** Learns what became of a probe. */
export interface ProbeListener {
  /** The TCP connection is complete, which the kernel of a host does even for a process that hangs. */
  accepted(): void;
  /** The first byte of an answer. Nothing follows. */
  answered(): void;
  /** It was refused, reset or closed without an answer. Nothing follows. */
  ended(): void;
}

export interface RunningProbe {
  /** Closes it; nothing is reported any longer. */
  close(): void;
}

/** The bytes of a plain socket through one reused buffer (`onread` of `net`). */
export interface BulkReader {
  /** Sets the receiver of the bytes, before anything is written. A later call replaces it at once. */
  consume(onBytes: (chunk: Uint8Array) => void): void;
}

/** The choice for one purpose and target, with reasons. Nothing is dialed before `open`. */
export interface Route {
  readonly purpose: Purpose;
  readonly target: URL;
  /** Name of the proxy profile; null for direct. The facts of the connection name the proxy that was used. */
  readonly proxy: string | null;
  /** The connect mode of the first candidate. */
  readonly how: ConnectMode;
  /** What decided, in order; `reasonText` converts each to a sentence. */
  readonly reasons: readonly Reason[];
  /**
   * Routes with the same key share connections: they come from the same settings and lead to the same choice. Every
   * change of the settings changes the keys.
   */
  readonly sharedKey: string;
  /**
   * Opens a connection to the first candidate that can be reached: dials, tunnels, authenticates and starts TLS, each
   * with its deadline.
   * @throws CodedError DNS-*, TCP-*, TUNNEL-*, NOT-A-PROXY, AUTH-*, POLICY*, PROXY-*, TLS-*, with its trace
   */
  open(options: OpenOptions): Promise<Connection>;
}

export interface OpenOptions {
  readonly bulk: boolean;
  readonly signal: AbortSignal;
  /** Called with each step when it ends. */
  readonly watch?: StepListener;
  /** Called with each candidate just before it is tried. */
  readonly onCandidate?: (candidate: CandidateInfo) => void;
  /** The update that the connection is for, if any. */
  readonly updateId?: string;
  /** One of many connections that are opened again and again: the log does not show that it is open. */
  readonly isRoutine?: boolean;
}

/** Makes routes. `compose` passes this one factory to all modules. */
export interface Router {
  /** @throws CodedError POLICY-DIRECT if the choice is direct and `proxy_required` forbids it */
  route(purpose: Purpose, target: URL): Route;
}
