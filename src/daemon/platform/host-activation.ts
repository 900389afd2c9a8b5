// The activation in a running Sallyport. It is opened when it is first needed, and checked at the start and once a day.
// It also signs the requests of all purposes.
//
// Guarantees: a host that needs no activation loads no module for it. A request is signed only if its origin is in the
// settings of its purpose. If a proxy decrypts TLS, no activation request is sent through it, unless the settings allow
// tokens there. A failure here does not stop other work.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { urlOf } from '#config/purpose-settings.ts';
import { type Purpose, purposeRow } from '#config/purposes.ts';
import { isLoopbackUrl } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { RequestSigner } from '#http/signatures/request-signer.ts';
import type { Report } from '#logging/events.ts';
import type { Activation, ActivationPorts } from '#platform/activation/activation.ts';
import type { HostIdentity } from '#platform/identity/identity.ts';
import type { ActivationState } from '#platform/outcome/outcome.ts';
import type { Clock, Random, Timer } from '#system/clock.ts';
import { type InstalledAgent, saveAgentId } from '#updates/agent-id.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { askUpdates, configuredFeed } from '#updates/request.ts';
import { requirePrivate } from './activation-privacy.ts';
import { acceptedKeys, type Exclusively, readLicenseKeys } from './license-keys.ts';
import { type IdentityParts, needsIdentity, openIdentity, reportFinding, usesActivation } from './open-identity.ts';

const ACTIVATION_FILE = 'activation.json';
export const AGENT_FILE = 'agent.json';
const DAY_MS = 86_400_000;
/** The daily check is up to this much later, so that the hosts of a vendor do not renew at the same moment. */
const SPREAD_MS = 3_600_000;
const NONCE_BYTES = 16;
/** An answer with a license has about 2 KB. */
const ANSWER_LIMIT_BYTES = 131_072;

export interface HostActivationParts extends IdentityParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly agent: InstalledAgent;
  /** The identity at the start; null if none was needed then. */
  readonly identity: HostIdentity | null;
  settings(): Settings;
  /** The ports of updates, whose route activation uses. */
  updates(): UpdatesPorts;
}

/** A request that may be signed. */
interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
}

export class HostActivation {
  readonly #parts: HostActivationParts;
  #identity: HostIdentity | null;
  #activation: Activation | null = null;
  #opening: Promise<Activation> | null = null;
  #timer: Timer | null = null;
  #running: AbortController | null = null;
  #exclusively: Exclusively = (signal, work) => work(signal);

  constructor(parts: HostActivationParts) {
    this.#parts = parts;
    this.#identity = parts.identity;
  }

  /** The agent ID, which changes with the identity. */
  get agent(): InstalledAgent {
    return this.#parts.agent;
  }

  /** Whether this host can be activated. */
  get isUsed(): boolean {
    return usesActivation(this.#parts.settings());
  }

  /** Whether this host has or needs an identity. */
  get isNeeded(): boolean {
    return this.#identity !== null || needsIdentity(this.#parts.settings());
  }

  /** The state now: unactivated while nothing needs an activation. */
  get state(): ActivationState {
    return this.#activation?.state ?? 'unactivated';
  }

  /** Opens what a host with an identity has. Never throws coded errors. */
  async atStart(): Promise<void> {
    // If it is not stored, that has just been tried and reported.
    if (this.#identity === null || this.#identity.isUnstored) return;
    await this.open().catch((thrown: unknown) =>
      this.#parts.report({ name: 'identity-unusable', error: asCoded(thrown) }),
    );
  }

  /** The activation, opened at the first use. @throws CodedError IDENTITY-KEY, STATE-UNREADABLE, FILE-*, DISK-FULL */
  open(): Promise<Activation> {
    this.#opening ??= this.#open().catch((thrown: unknown) => {
      this.#opening = null;
      throw thrown;
    });
    return this.#opening;
  }

  /** Stores the identity of this host if that has failed. @throws CodedError IDENTITY-UNSTORED, and those of `open` */
  async requireStored(): Promise<void> {
    if (this.#identity?.isUnstored === true) await this.open();
  }

  /** Signs a request of this purpose; null for a host that is not activated, and for an origin that is not configured. */
  signerFor(purpose: Purpose, { method, url }: OutgoingRequest): RequestSigner | null {
    const activation = this.#activation;
    if (activation === null) return null;
    // Feeds and packages are the same for every host, and caches may keep them.
    if (method === 'GET' && purposeRow(purpose).probe === 'feed') return null;
    return originsOf(purpose, this.#parts.settings()).has(webOrigin(url)) ? activation.signer : null;
  }

  /** `exclusively` runs work when no round does: a round uses the same store of metadata. */
  attach(exclusively: Exclusively): void {
    this.#exclusively = exclusively;
  }

  /** Begins the daily checks, in a daemon. */
  start(): void {
    this.#running ??= new AbortController();
    this.#parts.updates().trust.licenseKeys.watch(() => this.settingsChanged());
    this.#checkNow();
  }

  /** New settings are active: they may name other keys, or need an identity for the first time. */
  settingsChanged(): void {
    if (this.#running !== null) this.#checkNow();
  }

  /** The platform says that the activation has changed. @throws CodedError LICENSE-* */
  async renew(signal: AbortSignal): Promise<void> {
    await (await this.open()).renew(signal);
  }

  async stop(): Promise<void> {
    this.#running?.abort(new Error('Sallyport is stopping'));
    this.#running = null;
    this.#timer?.cancel();
    await this.#activation?.idle();
  }

  /** Gives this host a new identity and agent ID. Returns where the previous one is kept. */
  async resetIdentity(): Promise<{ readonly agent: string; readonly aside: string | null }> {
    const activation = await this.open();
    const identity = this.#identity as HostIdentity;
    const { agent, aside } = await identity.reset();
    await this.#takeAgent(agent);
    await activation.identityChanged();
    return { agent, aside };
  }

  async #open(): Promise<Activation> {
    const { agent, report, clock, files, stateDir } = this.#parts;
    this.#identity ??= await this.#firstIdentity();
    const finding = await this.#identity.ensure(agent.id);
    if (finding !== null) {
      reportFinding(report, finding);
      await this.#takeAgent(agent.id);
    }
    const { Activation } = await import('#platform/activation/activation.ts');
    const ports: ActivationPorts = {
      files,
      path: join(stateDir, ACTIVATION_FILE),
      identity: this.#identity,
      agent,
      report,
      now: () => clock.now(),
      nonce: () => randomBytes(NONCE_BYTES).toString('base64url'),
      settings: () => activationSettings(this.#parts.settings(), this.#parts.updates()),
      readKeys: (signal) => this.#readKeys(signal, false),
      send: (request) => sendActivation(this.#parts.updates(), request),
    };
    const { activation, setAside } = await Activation.open(ports);
    if (setAside !== null) report({ name: 'state-set-aside', error: setAside });
    this.#activation = activation;
    return activation;
  }

  /** The identity of a host that did not need one when it started. */
  async #firstIdentity(): Promise<HostIdentity> {
    const { identity, findings } = await openIdentity(this.#parts);
    for (const error of findings) reportFinding(this.#parts.report, error);
    if (identity.isUnstored) this.#parts.agent.replace(identity.agent ?? this.#parts.agent.id);
    else if (identity.agent !== null) await this.#takeAgent(identity.agent);
    return identity;
  }

  async #takeAgent(id: string): Promise<void> {
    const { agent, files, stateDir } = this.#parts;
    agent.replace(id);
    await saveAgentId(files, join(stateDir, AGENT_FILE), id);
  }

  /** Not awaited: nothing waits for it. */
  #checkNow(): void {
    const { clock, random } = this.#parts;
    this.#timer?.cancel();
    this.#timer = clock.after(DAY_MS + random() * SPREAD_MS, () => this.#checkNow());
    void this.#check().catch((thrown: unknown) =>
      this.#parts.report({ name: 'identity-unusable', error: asCoded(thrown) }),
    );
  }

  async #check(): Promise<void> {
    const signal = this.#running?.signal;
    if (signal === undefined || !needsIdentity(this.#parts.settings())) return;
    const activation = await this.open();
    await activation.check(signal);
    await this.#readKeys(signal, true);
  }

  #readKeys(signal: AbortSignal, onlyIfDue: boolean): Promise<CodedError | null> {
    return readLicenseKeys(this.#parts.updates(), this.#exclusively, { signal, onlyIfDue });
  }
}

/** The settings of an activation. A URL without TLS to another host would show the key in transit. */
function activationSettings(settings: Settings, ports: UpdatesPorts): ReturnType<ActivationPorts['settings']> {
  const { url, site = null } = settings.activation;
  const feed = configuredFeed(settings);
  const isSafe = feed !== null && (feed.protocol === 'https:' || isLoopbackUrl(feed));
  const fallback = isSafe ? new URL('/activation', feed.origin) : null;
  return {
    url: url === undefined ? fallback : new URL(url),
    feedOrigin: feed?.origin ?? null,
    keys: acceptedKeys(settings, ports),
    site,
    isUsed: usesActivation(settings),
  };
}

/** Where requests of a purpose that are not feeds or packages go, by the settings. */
function originsOf(purpose: Purpose, settings: Settings): ReadonlySet<string> {
  const receipts = purposeRow(purpose).probe === 'feed' ? settings.updates.acknowledge_url : undefined;
  const urls = [urlOf(settings, purpose), receipts];
  return new Set(urls.flatMap((url) => (url === undefined ? [] : [webOrigin(new URL(url))])));
}

/** The origin with the scheme of HTTP: the upgrade to a WebSocket and a poll of the same URL have the same one. */
function webOrigin({ protocol, host }: URL): string {
  return `${protocol.replace(/^ws/, 'http')}//${host}`;
}

/** Over the route of updates. The token belongs to the origin of the feed. */
async function sendActivation(
  ports: UpdatesPorts,
  { url, body, headers, signal }: Parameters<ActivationPorts['send']>[0],
): ReturnType<ActivationPorts['send']> {
  const response = await askUpdates(ports, {
    url,
    method: 'POST',
    credentials: configuredFeed(ports.settings())?.origin === url.origin,
    headers,
    body,
    limitBytes: ANSWER_LIMIT_BYTES,
    signal,
    requireHop: requirePrivate,
  });
  return { status: response.head.status, body: response.body, proxy: response.facts.proxy };
}
