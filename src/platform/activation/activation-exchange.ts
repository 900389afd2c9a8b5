// Sends one request to the activation server, and interprets its response.
//
// Guarantees: every request is signed with the key of this host, even before an activation. This binds the activation
// key to the host that has the private key. No request is repeated.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type RequestSigner, requestSigner } from '#http/signatures/request-signer.ts';
import type { HostIdentity } from '#platform/identity/identity.ts';
import type { Secret } from '#redaction/secret.ts';
import { type ActivationServer, exchangeFailure, otherAnswer, refusal } from './activation-failure.ts';
import {
  type ActivationAnswer,
  type ActivationRequestType,
  activationBody,
  readActivationAnswer,
} from './activation-messages.ts';
import type { SignedLicense } from './license.ts';

/** The settings that an activation uses. */
interface ActivationSettings {
  /** `activation.url`, or its default; null if neither is configured. */
  readonly url: URL | null;
  readonly feedOrigin: string | null;
  readonly keys: readonly string[];
  readonly site: string | null;
  /** Whether this host needs an activation at all. */
  readonly isUsed: boolean;
}

interface ActivationRequest {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface ActivationResponse {
  readonly status: number;
  readonly body: Uint8Array;
  /** The profile that it came through; null without a proxy. */
  readonly proxy: string | null;
}

export interface ExchangePorts {
  readonly identity: HostIdentity;
  readonly agent: { readonly id: string; readonly version: string };
  now(): number;
  /** A text of printable ASCII, never the same one. */
  nonce(): string;
  settings(): ActivationSettings;
  /** Reads the keys of the signed feed again; why not, or null. It may have none. Rejects only if aborted. */
  readKeys(signal: AbortSignal): Promise<CodedError | null>;
  /** Sends over the route of updates. @throws CodedError of the route and the exchange */
  send(request: ActivationRequest): Promise<ActivationResponse>;
}

/** What is asked of the server. */
interface Question {
  readonly type: ActivationRequestType;
  readonly key: Secret | null;
  readonly signal: AbortSignal;
  /** Codes of refusals that are as good as a success. */
  readonly accepted?: readonly string[];
}

export class ActivationExchange {
  readonly #ports: ExchangePorts;

  constructor(ports: ExchangePorts) {
    this.#ports = ports;
  }

  /** Signs as this host. @throws CodedError IDENTITY-ABSENT */
  get signer(): RequestSigner {
    const { agent, identity, now, nonce } = this.#ports;
    return requestSigner({ key: identity.requireKey(), keyId: agent.id, now, nonce });
  }

  /**
   * Sends a request; the license of the answer, or null for a release.
   * @throws CodedError LICENSE, LICENSE-PROXY, LICENSE-CLOCK, IDENTITY-ABSENT, CONFIG-INCOMPLETE; those of the files
   */
  async ask({ type, key, signal, accepted = [] }: Question): Promise<SignedLicense | null> {
    const { identity, agent } = this.#ports;
    const server = this.#server();
    await identity.ensure(agent.id);
    const { publicKey } = identity.shown ?? { publicKey: '' };
    const body = activationBody(type, { agent, publicKey }, key?.reveal() ?? null);
    const { answer, status, proxy } = await this.#send(server, body, signal);
    if (answer.kind === 'granted' && (answer.license !== null || type === 'release')) return answer.license;
    if (answer.kind !== 'refused') throw otherAnswer(status, server, proxy);
    if (accepted.includes(answer.code)) return null;
    throw this.#refusal(answer, server, proxy);
  }

  async #send(
    server: ActivationServer,
    body: string,
    signal: AbortSignal,
  ): Promise<{ answer: ActivationAnswer; status: number; proxy: string | null }> {
    const { url } = server;
    const signed = this.signer.sign({ method: 'POST', url, body: Buffer.from(body) });
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...signed };
    try {
      const { status, body: answer, proxy } = await this.#ports.send({ url, body, headers, signal });
      return { answer: readActivationAnswer(status, answer), status, proxy };
    } catch (thrown) {
      signal.throwIfAborted();
      throw exchangeFailure(asCoded(thrown), server);
    }
  }

  #refusal(
    { code, serverTimeMs }: Extract<ActivationAnswer, { kind: 'refused' }>,
    server: ActivationServer,
    proxy: string | null,
  ): CodedError {
    if (code !== 'clock' || serverTimeMs === null) return refusal(code, server, proxy);
    return clockError(this.#ports.now() - serverTimeMs, {
      reference: 'the clock of the activation server',
      consequence: 'the server refused the request',
    });
  }

  #server(): ActivationServer {
    const { url, feedOrigin } = this.#ports.settings();
    if (url !== null) return { url, feedOrigin };
    throw coded('CONFIG-INCOMPLETE', {
      key: 'activation.url',
      what: 'there is no server that could activate this host',
    });
  }
}

/** `offMs`: how far the clock of this host is ahead. */
export function clockError(
  offMs: number,
  words: { readonly reference: string; readonly consequence: string },
): CodedError {
  return coded('LICENSE-CLOCK', { off: Math.abs(offMs), side: offMs < 0 ? 'behind' : 'ahead of', ...words });
}
