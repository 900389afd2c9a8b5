// The one door to the network (principle 1): a `Route` is the choice of how to reach a target, with its reasons; it yields
// connections, and only they carry bytes out. Work, diagnosis and "Test connection" all use it.

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
  /** The target's host and port. */
  readonly host: string;
  readonly port: number;
  /** For failures. */
  readonly hop: Hop;
  /** What went well until the connection was open, in order. */
  readonly passed: readonly ConnectPhase[];
}

/** Whether the hop can look into a response: never where there is none, nor into TLS that goes through it. */
export function canLookInside({ how }: Pick<HopFacts, 'how'>, url: URL): boolean {
  return how === 'forward' || (how === 'tunnel' && url.protocol === 'http:');
}

/** Where the bytes of an answer come from: the proxy that forwards it, else the target, also through a tunnel. */
export function answersFrom({ how, hop, host, port }: Pick<HopFacts, 'how' | 'hop' | 'host' | 'port'>): Hop {
  return how === 'tunnel' ? originAt(`${host.includes(':') ? `[${host}]` : host}:${port}`) : hop;
}

/** Whose a silence or a cut is: the other end's, and of a tunnel nobody knows which of the two ends. */
export function cutBy({ how, hop }: Pick<HopFacts, 'how' | 'hop'>): Hop | null {
  return how === 'tunnel' ? null : hop;
}

/** What a response head looks like to the hop that may have made it. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Name, value, name, value, as received. */
  readonly rawHeaders: readonly string[];
}

/** One open connection, ready for HTTP/1.1 to the target; TLS to the target is already done where it is https. */
export interface Connection {
  readonly socket: Duplex;
  /** `absolute` when requests must name the whole URL (plain http through a proxy), else `origin`. */
  readonly form: 'origin' | 'absolute';
  readonly facts: HopFacts;
  /**
   * Headers that this hop wants on a request, such as Proxy-Authorization; empty in a tunnel and direct. `target` is the
   * request target as it goes to the wire: Digest signs both. Called once for each request. Where it throws, the connection is
   * released.
   */
  headersFor(method: string, target: string): Readonly<Record<string, string>>;
  /**
   * Set on a plain connection that was asked for with `bulk`: every byte goes to the consumer through one reused
   * buffer (valid only during the call), and the socket emits no 'data'. `pause` and `resume` give back-pressure.
   */
  readonly bulk: BulkSource | null;
  /**
   * Looks at a response that this hop may have made itself (absolute-form): throws the proxy's own failure
   * (AUTH-*, POLICY-DENIED, PROXY-UPSTREAM), or returns when the origin answered. The page of a refusal can still be read.
   */
  validateResponse(head: ResponseHead, url: string): void;
  /** What the hop shows itself to be by first bytes that are no HTTP; null where they say nothing of it. */
  classifyNoise(firstBytes: Uint8Array): CodedError | null;
  /**
   * Resolves when what the hop's answers said of our credential is on disk: an end is told after that. Where one more
   * question to the hop was needed to know whose the refused answer was, resolves to the failure that it showed.
   */
  settled(): Promise<CodedError | null>;
  /** Ends the use of the connection. */
  release(): void;
}

/** Bytes of a plain socket through one reused buffer (`net`'s `onread`). */
export interface BulkSource {
  /** Sets who gets the bytes from now on; called at most once, before anything is written. */
  consume(onBytes: (chunk: Uint8Array) => void): void;
}

/** The choice for one purpose and target, explained; nothing is dialled before `open`. */
export interface Route {
  readonly purpose: Purpose;
  readonly target: URL;
  /** Proxy profile's name, or null for direct. Which of its proxies was used is in the facts of the connection. */
  readonly proxy: string | null;
  /** The connect mode of the first candidate. */
  readonly how: ConnectMode;
  /** What decided, in order; `reasonText` makes sentences of them. */
  readonly reasons: readonly Reason[];
  /**
   * Routes with the same key share connections: they come from the same settings and choose alike. Every change of the
   * settings makes other keys.
   */
  readonly sharedKey: string;
  /**
   * Opens a connection to the first candidate that can be reached: dials, tunnels, authenticates, does TLS, each with its
   * deadline.
   * @throws CodedError DNS-*, TCP-*, TUNNEL-*, NOT-A-PROXY, AUTH-*, POLICY*, PROXY-*, TLS-*, with its trace
   */
  open(options: OpenOptions): Promise<Connection>;
}

export interface OpenOptions {
  readonly bulk: boolean;
  readonly signal: AbortSignal;
  /** Hears of each step as it ends. */
  readonly watch?: StepListener;
  /** Called with each candidate just before it is tried. */
  readonly onCandidate?: (candidate: CandidateInfo) => void;
  /** The update that the connection is for, where it is for one. */
  readonly updateId?: string;
}

/** Makes routes; the one factory that `compose` hands around. */
export interface Router {
  /** @throws CodedError POLICY-DIRECT when the choice is direct and `proxy_required` forbids it */
  route(purpose: Purpose, target: URL): Route;
}
