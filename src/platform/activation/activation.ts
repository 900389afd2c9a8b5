// The activation of this host: requests to the activation server, the license, and the durable state.
//
// Guarantees: no state of the activation stops other work. A key is sent once per call, over the route of updates, and
// only if this host can verify a license. Only a renewal is repeated automatically, on another day. A failure changes
// the state only if the server says that the activation was revoked. A crash leaves the old state or the new one. If
// the server had already answered, running the same command again gives the same license.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { RequestSigner } from '#http/signatures/request-signer.ts';
import type { Report } from '#logging/events.ts';
import type { ShownIdentity } from '#platform/identity/identity.ts';
import type { ActivationState } from '#platform/outcome/outcome.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { SavedState } from '#system/saved-state.ts';
import { Turns } from '#system/turns.ts';
import { ActivationExchange, clockError, type ExchangePorts } from './activation-exchange.ts';
import { offlineRequest } from './activation-messages.ts';
import {
  classifyActivation,
  isRenewalDue,
  type JudgedActivation,
  type StoredActivation,
  storedActivationSchema,
} from './activation-state.ts';
import { checkLicense, type License, MAX_LICENSE_BYTES, type SignedLicense } from './license.ts';

const FORMAT = 1;

export interface ActivationPorts extends ExchangePorts {
  readonly files: Files;
  readonly path: string;
  readonly report: Report;
}

/** What is shown of the activation. */
export interface ShownActivation {
  readonly state: ActivationState;
  readonly isUsed: boolean;
  readonly identity: ShownIdentity | null;
  readonly license: License | null;
  /** Why the stored license counts for nothing. */
  readonly problem: CodedError | null;
  /** Why the last renewal failed; null if it succeeded, or none was tried since the start. */
  readonly renewal: CodedError | null;
}

/** The activation of one composition. */
export class Activation {
  readonly #ports: ActivationPorts;
  readonly #exchange: ActivationExchange;
  readonly #state: SavedState<StoredActivation>;
  /** Requests and changes run one at a time. */
  readonly #turns = new Turns();
  #stored: StoredActivation | null = null;
  #renewal: CodedError | null = null;
  #reported: ActivationState | null = null;

  private constructor(ports: ActivationPorts) {
    this.#ports = ports;
    this.#exchange = new ActivationExchange(ports);
    this.#state = new SavedState(ports.files, ports.path, {
      format: FORMAT,
      parse: (raw) => storedActivationSchema.parse(raw),
    });
  }

  /** Loads the state. @throws CodedError STATE-UNREADABLE */
  static async open(ports: ActivationPorts): Promise<{ activation: Activation; setAside: CodedError | null }> {
    const activation = new Activation(ports);
    const loaded = await activation.#state.load();
    if (loaded.kind === 'loaded') activation.#stored = loaded.value;
    return { activation, setAside: loaded.kind === 'set-aside' ? loaded.error : null };
  }

  /** The state now. */
  get state(): ActivationState {
    return this.#judge().state;
  }

  get shown(): ShownActivation {
    const { state, verdict } = this.#judge();
    return {
      state,
      isUsed: this.#ports.settings().isUsed,
      identity: this.#ports.identity.shown,
      license: verdict === null || verdict.kind === 'invalid' ? null : verdict.license,
      problem: this.#problem(),
      renewal: this.#renewal,
    };
  }

  /**
   * Signs the requests of the purposes once this host was activated; null before, and in a process without the key. Also
   * after the license expired or was revoked, so that the server knows which host it refuses.
   */
  get signer(): RequestSigner | null {
    return this.state === 'unactivated' || this.#ports.identity.key === null ? null : this.#exchange.signer;
  }

  /**
   * Activates this host with a key, or in place of a lost installation.
   * @throws CodedError LICENSE-*, IDENTITY-ABSENT, CONFIG-INCOMPLETE; those of the files
   */
  async activate(type: 'activate' | 'replace', key: Secret, signal: AbortSignal): Promise<License> {
    return await this.#turns.run(async () => {
      await this.#requireKeys(signal);
      const answer = await this.#exchange.ask({ type, key, signal });
      return await this.#accept(answer, 'server', signal);
    });
  }

  /** Accepts a license from a file. @throws CodedError LICENSE-INVALID, LICENSE-CLOCK, LICENSE-UNVERIFIABLE */
  async install(text: string): Promise<License> {
    return await this.#turns.run(async () => {
      // Without a request: it is for hosts without a connection.
      if (this.#ports.settings().keys.length === 0) throw coded('LICENSE-UNVERIFIABLE', {});
      await this.#ports.identity.ensure(this.#ports.agent.id);
      return await this.#accept(readLicenseText(text), 'file');
    });
  }

  /** A request for a host without a connection. @throws CodedError IDENTITY-ABSENT, those of the files */
  async offlineRequest(): Promise<string> {
    return await this.#turns.run(async () => {
      const { identity, agent } = this.#ports;
      await identity.ensure(agent.id);
      return offlineRequest(this.#host(), identity.requireKey(), this.#ports.now());
    });
  }

  /** Gives the activation back, so that its key can be used elsewhere. @throws CodedError LICENSE-* */
  async release(signal: AbortSignal): Promise<void> {
    await this.#turns.run(async () => {
      const stored = this.#stored;
      if (stored === null || stored.license === null) throw coded('LICENSE-NONE', { what: 'release' });
      if (stored.source === 'server')
        await this.#exchange.ask({ type: 'release', key: null, signal, accepted: ['not-activated'] });
      await this.#forget();
    });
  }

  /**
   * Asks the server for the present license: the platform says that it changed, or it ends soon.
   * @throws CodedError LICENSE-*
   */
  async renew(signal: AbortSignal): Promise<void> {
    await this.#turns.run(async () => {
      const { license = null, source } = this.#stored ?? {};
      if (license === null || source !== 'server') throw coded('LICENSE-NONE', { what: 'renew' });
      try {
        const answer = await this.#exchange.ask({ type: 'renew', key: null, signal });
        await this.#accept(answer, 'server', signal);
        this.#renewal = null;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = asCoded(thrown);
        this.#renewal = error;
        if (error.facts['answered'] === 'revoked') await this.#revoke();
        throw error;
      }
    });
  }

  /** Checks the license, and renews it if it ends soon: at each start and once a day. Never rejects. */
  async check(signal: AbortSignal): Promise<void> {
    const judged = this.#judge();
    await this.#note(judged);
    const stored = this.#stored;
    if (stored === null || !isRenewalDue(judged, stored, this.#ports.now())) return;
    try {
      await this.renew(signal);
    } catch (thrown) {
      if (signal.aborted) return;
      this.#ports.report({ name: 'license-renewal-failed', error: asCoded(thrown) });
    }
  }

  /** The identity was replaced: nothing of the activation counts any more. @throws CodedError of the files */
  async identityChanged(): Promise<void> {
    await this.#turns.run(() => this.#forget());
  }

  /** Resolves when everything is on disk. */
  async idle(): Promise<void> {
    await this.#turns.idle();
    await this.#state.idle();
  }

  /** Verifies a license and makes it the one of this host. With a signal, keys may be requested. */
  async #accept(envelope: unknown, source: StoredActivation['source'], signal?: AbortSignal): Promise<License> {
    let verdict = checkLicense(envelope, this.#question());
    if (verdict.kind === 'invalid' && verdict.isUnsigned && signal !== undefined) {
      // The vendor may have published its next key since the last reading.
      await this.#ports.readKeys(signal);
      verdict = checkLicense(envelope, this.#question());
    }
    if (verdict.kind === 'invalid') throw coded('LICENSE-INVALID', { reason: verdict.reason, remedy: verdict.remedy });
    const { license } = verdict;
    if (verdict.kind === 'not yet valid')
      throw clockError(this.#ports.now() - license.notBeforeMs, {
        reference: 'the time from which the license is valid',
        consequence: 'the license is not valid yet',
      });
    if (verdict.kind === 'expired')
      throw coded('LICENSE-INVALID', {
        reason: `it expired on ${utcTime(license.expiresMs).slice(0, 10)}`,
        remedy: 'ask the vendor for a new license, and check the clock of this host',
      });
    await this.#save({
      agent: this.#ports.agent.id,
      public_key: this.#host().publicKey,
      state: 'activated',
      license: envelope as SignedLicense,
      source,
      revoked: false,
    });
    await this.#note(this.#judge());
    return license;
  }

  async #revoke(): Promise<void> {
    if (this.#stored !== null) await this.#save({ ...this.#stored, state: 'revoked', revoked: true });
    await this.#note(this.#judge());
  }

  async #forget(): Promise<void> {
    if (this.#stored === null) return;
    await this.#save({ ...this.#stored, state: 'unactivated', license: null, revoked: false });
    await this.#note(this.#judge());
  }

  async #save(next: StoredActivation): Promise<void> {
    await this.#state.save(() => next);
    this.#stored = next;
  }

  /** Reports a state that differs from the last one, and stores it. */
  async #note({ state }: JudgedActivation): Promise<void> {
    const stored = this.#stored;
    if (stored !== null && stored.state !== state) {
      // A disk that is full changes nothing: the state is computed again.
      await this.#save({ ...stored, state }).catch(() => undefined);
    }
    if (this.#reported === state) return;
    const isFirst = this.#reported === null;
    this.#reported = state;
    if (isFirst && state === 'unactivated') return;
    this.#ports.report({ name: 'activation-state', state });
    const problem = this.#problem();
    if (problem !== null) this.#ports.report({ name: 'license-unusable', error: problem });
  }

  #problem(): CodedError | null {
    const { verdict } = this.#judge();
    if (verdict?.kind !== 'invalid') return null;
    return coded('LICENSE-INVALID', { reason: verdict.reason, remedy: verdict.remedy });
  }

  #judge(): JudgedActivation {
    const { publicKey } = this.#ports.identity.shown ?? { publicKey: '' };
    return classifyActivation(this.#stored, { ...this.#question(), publicKey });
  }

  #question() {
    const { keys, site } = this.#ports.settings();
    return { keys, site, agent: this.#ports.agent.id, nowMs: this.#ports.now() };
  }

  #host() {
    const { agent, identity } = this.#ports;
    return { agent, publicKey: identity.shown?.publicKey ?? '' };
  }

  /** Before a key is sent: it can be used only once. */
  async #requireKeys(signal: AbortSignal): Promise<void> {
    if (this.#ports.settings().keys.length > 0) return;
    const failure = await this.#ports.readKeys(signal);
    if (this.#ports.settings().keys.length === 0) throw failure ?? coded('LICENSE-UNVERIFIABLE', {});
  }
}

/** @throws CodedError LICENSE-INVALID */
function readLicenseText(text: string): unknown {
  try {
    if (Buffer.byteLength(text) > MAX_LICENSE_BYTES) throw new RangeError('too long');
    return JSON.parse(text);
  } catch (thrown) {
    const remedy = 'use the license file as the vendor sent it';
    throw coded('LICENSE-INVALID', { reason: 'the file is not JSON', remedy }, thrown);
  }
}
