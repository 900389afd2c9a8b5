// The router: for a purpose and a target it returns a `Route`, which opens connections. Nothing else opens connections.
//
// Guarantees: the proxies of a route (its candidates) are those that `choice.ts` and the chosen profile select. They
// are tried in this order, but a candidate that failed recently comes last. The next one is tried only if a proxy could
// not be reached (`failover.ts`). A direct connection is a candidate only if a setting says so. Each opened connection
// is reported.

import type { Purpose } from '#config/purposes.ts';
import { type Code, isOfGroup } from '#errors/catalogue.ts';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { hopText } from '#errors/hop.ts';
import type { Report } from '#logging/events.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock } from '#system/clock.ts';
import type { CredentialGuard } from './auth/credential-guard.ts';
import { candidateInfoOf } from './auth/lend.ts';
import type { KerberosLoader } from './auth/schemes/negotiate.ts';
import type { SecretRegistry } from './auth/schemes/scheme.ts';
import { chooseProxy, fallbacksOf, type ProxySettings } from './choosing/choice.ts';
import { failsOver, ProxyCooldown } from './choosing/failover.ts';
import { ConnectObserver } from './connect-observer.ts';
import { connectModeThrough, type Endpoint, endpointOf } from './endpoint.ts';
import { bindingOf, type Candidate, type CandidateSource, ownHop, type ProxyHop } from './hop.ts';
import { HopMemories } from './hop-memory.ts';
import { Connector, type ConnectorParts } from './opening/connector.ts';
import type { ProxyProfile } from './profile.ts';
import { reportOf } from './purpose-report.ts';
import { decidingText, directRemedy, distinctReasons, type Reason, reasonText } from './reason.ts';
import type { Connection, ConnectMode, OpenOptions, Route, Router } from './route.ts';
import { Interceptions } from './tls/interceptions.ts';
import type { TlsTrust } from './tls/trust.ts';
import { TrustStore } from './tls/trust-store.ts';

/** The part of the settings that routes depend on. */
export interface RouterSettings extends ProxySettings {
  readonly rejected_credential_retry_hours: number;
  readonly response_timeout: ConnectorParts['timeouts'];
}

export interface RouterParts {
  readonly settings: RouterSettings;
  readonly clock: Clock;
  /** The TLS trust for the targets of each purpose. */
  readonly tls: Readonly<Record<Purpose, TlsTrust>>;
  /** How to make a target's own CA trusted, if not by the `ca_file` of its purpose. */
  readonly trustRemedy?: string;
  /** The TLS trust for each proxy itself, by profile name; the bundled roots for others. */
  readonly proxyTls?: ReadonlyMap<string, TlsTrust>;
  /** One for the process, so that a new router after a reload knows which credentials were rejected. */
  readonly credentialGuard: CredentialGuard;
  /** True for settings that are only being tried: their secrets stay bound to the proxies of the active settings. */
  readonly isTried?: boolean;
  /** One for the process, for the same reason. */
  readonly coolDown?: ProxyCooldown;
  /** One for the process, for `status`. */
  readonly interceptions?: Interceptions;
  /** One for the process, for the same reason. */
  readonly memories?: HopMemories;
  /** Where profiles without an address of their own get their proxies. */
  readonly sources?: Readonly<Partial<Record<'pac' | 'environment', CandidateSource>>>;
  readonly known: SecretRegistry;
  readonly report: Report;
  /** Loads the package `kerberos`, if not the installed one. */
  readonly loadKerberos?: KerberosLoader;
  /** Sent to proxies on CONNECT, so that their logs identify us, for example `Sallyport/1.0.0`. */
  readonly userAgent?: string;
}

const HOUR_MS = 3_600_000;

/** Counts the routers of this process, so that no two of them share a connection key. */
let routers = 0;

export function createRouter(parts: RouterParts): Router {
  routers += 1;
  const generation = routers;
  const { settings, credentialGuard, coolDown = new ProxyCooldown(parts.clock) } = parts;
  credentialGuard.bindSecrets(settings.proxies.flatMap(enteredSecrets), parts.isTried);
  // Logged once for each proxy and each change of the settings.
  const toldWeak = new Set<string>();
  const { interceptions = new Interceptions() } = parts;
  const connectorParts: Omit<ConnectorParts, 'onWeakTls' | 'onTls'> = {
    ...parts,
    timeouts: settings.response_timeout,
    mayResolve: !settings.proxy_required,
    credentialRetryMs: settings.rejected_credential_retry_hours * HOUR_MS,
    userAgent: parts.userAgent ?? null,
    trusts: new TrustStore(parts.tls, parts.proxyTls ?? new Map()),
    memories: parts.memories ?? new HopMemories(parts.clock),
    onAnswered: ({ url }, answered) => (answered ? coolDown.worked(url) : coolDown.failed(url)),
  };
  return {
    route(purpose, target) {
      const endpoint = endpointOf(target);
      const { proxy, reasons } = chooseProxy(purpose, endpoint, settings);
      const onWeakTls: ConnectorParts['onWeakTls'] = ({ url }, error) => {
        if (!toldWeak.has(url)) reportOf(purpose, parts.report)({ name: 'proxy-tls-weak', error });
        toldWeak.add(url);
      };
      const onTls: ConnectorParts['onTls'] = ({ by, proxy: name, authority, withheld }) => {
        const met = by === null ? null : { by, proxy: name, withheld, atMs: parts.clock.now() };
        if (!interceptions.note(purpose, met) || by === null) return;
        const secrets = withheld.length === 0 ? 'sent' : 'withheld';
        reportOf(purpose, parts.report)({ name: 'tls-intercepted', target: authority, by, secrets });
      };
      const connector = new Connector({ ...connectorParts, onWeakTls, onTls }, { purpose, target, endpoint });
      const chosen = { proxy, reasons, endpoint, target, purpose };
      const known = knownCandidates(parts, proxy, target);
      return {
        purpose,
        target,
        proxy: proxy?.name ?? null,
        how: connectModeOf(proxy, endpoint, known),
        reasons: [...reasons, ...reasonsOf(known)],
        sharedKey: `${generation} ${purpose} ${shareKeyOf(proxy, target)}`,
        open: (options) => new Failover({ ...parts, coolDown }, chosen, connector).open(options),
      } satisfies Route;
    },
  };
}

/** A PAC file may choose by the whole URL of a plain request; everything else is chosen by the origin. */
function shareKeyOf(proxy: ProxyProfile | null, { origin, href }: URL): string {
  return proxy?.scheme === 'pac' ? href : `${proxy?.name ?? ''} ${origin}`;
}

/** The source of proxies for a profile without an address of its own. */
function sourceOf({ sources }: RouterParts, { scheme }: ProxyProfile): CandidateSource | null {
  return scheme === 'pac' || scheme === 'environment' ? (sources?.[scheme] ?? null) : null;
}

/** The candidates that a PAC file or the environment is already known to name. */
function knownCandidates(parts: RouterParts, proxy: ProxyProfile | null, target: URL): readonly Candidate[] {
  return (proxy === null ? null : sourceOf(parts, proxy)?.knownCandidates(proxy, target)) ?? [];
}

function enteredSecrets(profile: ProxyProfile) {
  const { password } = profile;
  const binding = bindingOf(profile);
  if (password === undefined || binding === null) return [];
  return [{ secret: password.reveal(), revision: password.revision, proxyUrl: binding }];
}

interface Chosen {
  readonly proxy: ProxyProfile | null;
  readonly reasons: readonly Reason[];
  readonly purpose: Purpose;
  readonly target: URL;
  readonly endpoint: Endpoint;
}

/** One of several profiles that may have candidates. */
interface ProfileOption {
  readonly profile: ProxyProfile;
  readonly reasons: readonly Reason[];
  /** Whether to try the next profile after a failure to get candidates. */
  readonly leadsOn: (code: Code) => boolean;
}

/** A proxy and the failure that it ended with. */
interface Failed {
  readonly hop: ProxyHop;
  readonly error: CodedError;
}

/** Tries the candidates of one route in order. */
class Failover {
  readonly #parts: RouterParts & { readonly coolDown: ProxyCooldown };
  readonly #chosen: Chosen;
  readonly #connector: Connector;
  readonly #report: ScopedReport;

  constructor(parts: RouterParts & { readonly coolDown: ProxyCooldown }, chosen: Chosen, connector: Connector) {
    this.#parts = parts;
    this.#chosen = chosen;
    this.#connector = connector;
    this.#report = reportOf(chosen.purpose, parts.report);
  }

  async open({ bulk, signal, watch, onCandidate, updateId, isRoutine = false }: OpenOptions): Promise<Connection> {
    signal.throwIfAborted();
    const { clock } = this.#parts;
    const choice = new ConnectObserver(clock, watch);
    const candidates = this.#byCooldown(
      await choice.run(
        'choice',
        () => this.#candidates(signal),
        (found) => ({ reasons: reasonsOf(found).map(reasonText), ways: found.map(wordsOf) }),
      ),
    );
    const failed: Failed[] = [];
    for (const [index, candidate] of candidates.entries()) {
      const observer = new ConnectObserver(clock, watch);
      if (onCandidate !== undefined) onCandidate(this.#candidateInfoOf(candidate));
      try {
        const connection = await this.#connector.open(candidate, { bulk, signal, observer });
        this.#opened(candidate, connection, { updateId, isShown: !isRoutine });
        return connection;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = this.#withPause(candidate, asCoded(thrown), observer);
        if (candidate.kind === 'direct' || !failsOver(error)) throw error;
        failed.push({ hop: candidate.hop, error });
        this.#missed(candidate.hop, error, candidates[index + 1]);
      }
    }
    throw this.#allFailed(failed);
  }

  /** The candidates of the chosen profile, followed by those of its fallbacks. */
  async #candidates(signal: AbortSignal): Promise<readonly Candidate[]> {
    const { proxy, reasons, endpoint } = this.#chosen;
    if (proxy === null) return [{ kind: 'direct', reasons }];
    const standIns = fallbacksOf(proxy, endpoint, this.#parts.settings.proxies);
    if (standIns.length === 0) return await this.#candidatesOf(proxy, reasons, signal);
    const chosen = { profile: proxy, reasons, leadsOn: (code: Code) => isOfGroup(code, 'PAC') };
    const candidates = [...(await this.#candidatesOrNone(chosen, signal))];
    for (const { profile, reason } of standIns) {
      const standIn = { profile, reasons: [...reasons, reason], leadsOn: () => true };
      // A fallback for a proxy is never a direct connection.
      candidates.push(...(await this.#candidatesOrNone(standIn, signal)).filter(({ kind }) => kind === 'proxy'));
    }
    // No profile has a candidate: report what is wrong with the chosen profile.
    return candidates.length > 0 ? candidates : await this.#candidatesOf(proxy, reasons, signal);
  }

  /** The candidates of one of several profiles. If their source is unavailable, returns none and logs an event. */
  async #candidatesOrNone(
    { profile, reasons, leadsOn }: ProfileOption,
    signal: AbortSignal,
  ): Promise<readonly Candidate[]> {
    try {
      return await this.#candidatesOf(profile, reasons, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof CodedError) || !leadsOn(thrown.code)) throw thrown;
      this.#report({ name: 'proxies-unnamed', proxy: profile.name, error: thrown });
      return [];
    }
  }

  async #candidatesOf(
    profile: ProxyProfile,
    reasons: readonly Reason[],
    signal: AbortSignal,
  ): Promise<readonly Candidate[]> {
    const hop = ownHop(profile);
    if (hop !== null) return [{ kind: 'proxy', hop, reasons }];
    const { target, purpose } = this.#chosen;
    const from = sourceOf(this.#parts, profile);
    if (from === null) throw coded('INTERNAL', { reason: `nothing names the proxies of ${profile.name}` });
    const candidates = await from.candidatesFor(profile, target, { purpose, signal });
    return this.#allowed(
      candidates.map((candidate) => ({ ...candidate, reasons: [...reasons, ...candidate.reasons] })),
    );
  }

  /** What another client may learn about the candidate. */
  #candidateInfoOf(candidate: Candidate) {
    const { settings, credentialGuard } = this.#parts;
    const retryMs = settings.rejected_credential_retry_hours * HOUR_MS;
    const how =
      candidate.kind === 'direct'
        ? 'tunnel'
        : connectModeThrough(candidate.hop.profile, candidate.hop.scheme, this.#chosen.endpoint);
    return candidateInfoOf(candidate, { credentialGuard, retryMs, how });
  }

  /**
   * A PAC file or a variable never causes a direct connection that the settings forbid: after proxies DIRECT is
   * skipped, and alone it is refused.
   * @throws CodedError POLICY-DIRECT
   */
  #allowed(candidates: readonly Candidate[]): readonly Candidate[] {
    if (!this.#parts.settings.proxy_required) return candidates;
    const through = candidates.filter(({ kind }) => kind === 'proxy');
    if (through.length > 0) return through;
    const { endpoint, purpose } = this.#chosen;
    const reasons = candidates.at(-1)?.reasons ?? [];
    throw coded('POLICY-DIRECT', {
      target: endpoint.authority,
      purpose,
      rule: decidingText(reasons),
      remedy: directRemedy(reasons, purpose),
      why: 'proxy_required is true',
      otherwise: 'ask root to change proxy_required',
    });
  }

  /** Proxies that failed recently come last, even after a DIRECT in the list; the others keep the admin's order. */
  #byCooldown(candidates: readonly Candidate[]): readonly Candidate[] {
    const cooldown = (candidate: Candidate) =>
      candidate.kind === 'proxy' ? this.#parts.coolDown.remainingMs(candidate.hop.url) : 0;
    return candidates.toSorted((one, other) => cooldown(one) - cooldown(other));
  }

  #opened(
    candidate: Candidate,
    { facts: { host, port, how } }: Connection,
    { updateId, isShown }: { readonly updateId: string | undefined; readonly isShown: boolean },
  ): void {
    const { coolDown } = this.#parts;
    const about = updateId === undefined ? {} : { update_id: updateId };
    if (candidate.kind === 'direct') {
      if (isShown) this.#report({ name: 'connected-direct', host, port, ...about });
      return;
    }
    // In absolute form no request was sent yet: only the first response shows whether the proxy works.
    if (how === 'tunnel') coolDown.worked(candidate.hop.url);
    if (isShown) this.#report({ name: 'connected', host, port, proxy: candidate.hop.name, how, ...about });
  }

  /** A temporary failure states when this proxy may be tried again. */
  #withPause(candidate: Candidate, error: CodedError, { passed }: ConnectObserver): CodedError {
    if (candidate.kind === 'direct' || !error.retryable) return error;
    const dialled = passed.filter((phase) => phase === 'dial').length;
    const wait = this.#parts.coolDown.pacing.failed(candidate.hop.url, Math.max(1, dialled));
    return wait === 0 ? error : retriedAfter(wait, error);
  }

  #missed(hop: ProxyHop, error: CodedError, next: Candidate | undefined): void {
    const cooldownMs = this.#parts.coolDown.failed(hop.url);
    if (next === undefined) return;
    this.#report({
      name: 'failed-over',
      proxy: hop.name,
      error,
      rest: cooldownMs,
      next: next.kind === 'direct' ? 'direct' : next.hop.place,
    });
  }

  /**
   * One failed proxy throws its own failure; a list throws one failure for the list, with the reason why it ends there.
   */
  #allFailed(failed: readonly Failed[]): CodedError {
    const last = failed.at(-1);
    if (last === undefined) return coded('INTERNAL', { reason: 'a route without candidates' });
    if (failed.length === 1) return last.error;
    const failures = failed.map(({ hop, error }) => `${new URL(hop.url).host} ${error.code}`);
    const why = this.#parts.settings.proxy_required ? 'proxy_required is true' : 'no setting allows it';
    const { place: hop } = last.error;
    const error = coded('POLICY', { count: failed.length, failures, why, hop }, last.error).during(last.error.trace);
    return retriedAfter(Math.max(...failed.map((one) => waitOf(one.error))), error);
  }
}

function retriedAfter(ms: number, error: CodedError): CodedError {
  if (ms <= waitOf(error)) return error;
  return new CodedError(error.code, { ...error.facts, pauseMs: ms }, error).during(error.trace);
}

/** Minimum wait before a retry, in milliseconds. */
function waitOf({ facts: { pauseMs } }: CodedError): number {
  return typeof pauseMs === 'number' ? pauseMs : 0;
}

function wordsOf(candidate: Candidate): string {
  return candidate.kind === 'direct' ? 'direct' : hopText(candidate.hop.place);
}

function reasonsOf(candidates: readonly Candidate[]): readonly Reason[] {
  return distinctReasons(candidates.flatMap(({ reasons }) => reasons));
}

/**
 * The connect mode while the first choice holds. A proxy that a PAC file or a variable names later may need another
 * one.
 */
function connectModeOf(proxy: ProxyProfile | null, endpoint: Endpoint, [known]: readonly Candidate[]): ConnectMode {
  if (proxy === null || known?.kind === 'direct') return 'direct';
  const scheme = known?.hop.scheme ?? proxy.scheme;
  return connectModeThrough(proxy, scheme === 'pac' || scheme === 'environment' ? 'http' : scheme, endpoint);
}
