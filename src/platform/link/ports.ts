// The interfaces that the link needs, and the status that it provides.

import type { CodedError } from '#errors/coded-error.ts';
import type { RequestSigner } from '#http/signatures/request-signer.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { AgentMessage, PlatformMessage } from '#platform/messages.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { LinkMode, Phase } from './machine.ts';

/** The settings that the link reads when it starts. */
export interface LinkSettings {
  /** `platform.url`: https or wss; http or ws on loopback. Null if the link is not wanted. */
  readonly url: URL | null;
  readonly mode: LinkMode;
  /** Milliseconds between two pings, at most. */
  readonly pingMs: number;
  /** The configured response timeout in milliseconds, and its key. A poll may take this long in addition to its wait. */
  readonly responseTimeoutMs: number;
  readonly responseTimeoutKey: string;
}

export interface LinkPorts {
  readonly router: Router;
  readonly clock: Clock;
  /** Measures the opening and the reuse of connections. */
  readonly connectionClock: Clock;
  readonly random: Random;
  readonly report: ScopedReport;
  /** The active settings; read at each start and for each connection. */
  settings(): LinkSettings;
  /** User-Agent, token and configured headers for this URL. @throws CodedError TOKEN-REBIND */
  headers(url: URL): Readonly<Record<string, string>>;
  /** Signs requests once this host is activated; null before. */
  signer(): RequestSigner | null;
  /** The greeting, made for each connection. @throws CodedError */
  hello(): Promise<AgentMessage>;
  /**
   * Handles one message; messages come one at a time, in their order. Resolves with the answers to send, after
   * everything that must be durable is durable. `delay` does not come here. @throws CodedError if it cannot be kept: the
   * link then ends, so that the platform sends the message again
   */
  receive(message: Exclude<PlatformMessage, { type: 'delay' }>): Promise<readonly AgentMessage[]>;
}

/** The state of the link, as status and the outcome of a connection read it. */
export type LinkState =
  | { readonly kind: 'off' }
  /** Opening, until the platform has answered for the first time. */
  | { readonly kind: 'connecting'; readonly since: number; readonly phase: Phase }
  | {
      readonly kind: 'connected';
      /** `probing` while WebSocket is tried again between two polls. */
      readonly phase: Phase;
      readonly over: LinkMode;
      /** Wall clock. */
      readonly since: number;
      /** The address of this host in the connection; null if it is not known. */
      readonly localAddress: string | null;
      /** Name of the proxy profile; null when direct. */
      readonly proxy: string | null;
      /** WS-BLOCKED while long polling is used because WebSocket does not work. */
      readonly blocked: CodedError | null;
    }
  /** Until the next attempt (wall clock). `failure` is null after an end that nothing was wrong with. */
  | { readonly kind: 'waiting'; readonly untilMs: number; readonly failure: CodedError | null };
