// The link over long polling: a POST sends the messages of this host, and its response has the messages of the
// platform.
//
// Guarantees: a poll ends within its wait time plus the response timeout. If `keeps` is false, the connection is closed
// after each poll, so no tunnel stays open longer than one poll.

import { coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { Session } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import { type AgentMessage, pollResponseSchema, readPlatformMessage, WIRE_VERSION } from '#platform/messages.ts';
import type { HopFacts } from '#proxy/route.ts';
import type { LinkPorts } from './ports.ts';
import type { Received } from './received.ts';
import { signed, withScheme } from './request.ts';
import { MAX_MESSAGE_BYTES } from './websocket.ts';

/** Largest response: as many messages as the platform wants to send at once. */
const MAX_RESPONSE_BYTES = 4 * MAX_MESSAGE_BYTES;

export interface PollRequest {
  readonly url: URL;
  readonly waitSeconds: number;
  readonly messages: readonly AgentMessage[];
  /** Whether the connection is kept for the next poll. */
  readonly keeps: boolean;
  readonly signal: AbortSignal;
}

export interface PollResponse {
  readonly facts: HopFacts;
  readonly received: readonly Received[];
}

/** Sends polls. While one is held, a second one has a connection of its own. */
export class Polls {
  readonly #ports: LinkPorts;
  readonly #session: Session;

  constructor(ports: LinkPorts) {
    this.#ports = ports;
    const { router, connectionClock: clock } = ports;
    this.#session = new Session({ router, purpose: 'platform', clock, isRoutine: true });
  }

  /**
   * Sends one poll.
   * @throws CodedError of the route, of `Session.request`, ORIGIN-*, LINK-PROTOCOL; the reason of `signal`
   */
  async send({ url: given, waitSeconds, messages, keeps, signal }: PollRequest): Promise<PollResponse> {
    const url = withScheme(given, 'https:', 'http:');
    const body = Buffer.from(JSON.stringify({ v: WIRE_VERSION, wait_seconds: waitSeconds, messages }));
    const { responseTimeoutMs, responseTimeoutKey: key } = this.#ports.settings();
    const limitMs = waitSeconds * 1_000 + responseTimeoutMs;
    const headers = {
      ...signed(this.#ports, { method: 'POST', url, body }),
      'content-type': 'application/json',
      accept: 'application/json',
    };
    try {
      const {
        head,
        body: page,
        facts,
      } = await this.#session.request({
        request: { method: 'POST', url, headers, body },
        deadlines: { firstByteMs: limitMs, silenceMs: responseTimeoutMs, totalMs: limitMs + responseTimeoutMs, key },
        limitBytes: MAX_RESPONSE_BYTES,
        signal,
      });
      if (head.status !== 200) {
        throw statusError(head, url, { nowMs: this.#ports.clock.now(), page, proxy: facts.proxy });
      }
      return { facts, received: receivedIn(page, url) };
    } finally {
      if (!keeps) this.#session.close();
    }
  }

  /** Closes the connection that is kept. */
  close(): void {
    this.#session.close();
  }
}

/** The messages of a response. @throws CodedError LINK-PROTOCOL */
function receivedIn(page: Buffer, url: URL): Received[] {
  const broken = (reason: string) => coded('LINK-PROTOCOL', { host: url.host, reason, hop: originAt(url.host) });
  let raw: unknown;
  try {
    raw = JSON.parse(page.toString('utf8'));
  } catch (thrown) {
    throw coded('LINK-PROTOCOL', { host: url.host, reason: 'it is not JSON', hop: originAt(url.host) }, thrown);
  }
  const response = pollResponseSchema.safeParse(raw);
  if (!response.success) throw broken('the response to a poll has not the form of the protocol');
  return response.data.messages.map((message) => {
    const read = readPlatformMessage(message);
    if (read.kind === 'invalid') throw broken(read.reason);
    return read;
  });
}
