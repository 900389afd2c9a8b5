// A second opinion on a probe: an ordinary Node client makes the same request to the same target through the same
// proxy. It starts only after the probe has ended.
//
// Guarantees: the client never connects directly, because only attempts through a proxy are repeated. It gets an
// account only if this proxy accepted the account during the probe, so it causes no rejected login. It gets no tokens
// or headers for the server. If an ordinary client does not support what the settings require, none is started and the
// report says why.

import type { Purpose } from '#config/purposes.ts';
import type { CandidateProxy, LentAccount } from '#proxy/candidate-info.ts';
import { AEAD_SUITES, type TlsTrust } from '#proxy/tls/trust.ts';
import type { Clock } from '#system/clock.ts';
import type { ProbeResult } from './probe.ts';
import type { SecondOpinion } from './report.ts';
import type { OpinionQuestion, WitnessTrust } from './second-opinion-question.ts';
import { compareOpinion, INTERMITTENT, noOpinion, type OwnResult, type Withheld } from './second-opinion-verdict.ts';
import type { TriedRequest } from './watched-router.ts';
import { type OpinionResult, runWitness } from './witness.ts';

/** What the settings of the probe require. */
export interface OpinionSettings {
  readonly userAgent: string;
  /** Whether names of targets may be resolved on this host. */
  readonly mayResolve: boolean;
  trustOf(purpose: Purpose): TlsTrust;
  /** By the name of the profile. */
  proxyTrustOf(profile: string): TlsTrust;
  /** Keys of the headers and tokens that updates or uploads send to the server. */
  secretsOf(purpose: Purpose): readonly string[];
}

interface OpinionParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly settings: OpinionSettings;
  /** Probes again. */
  again(): Promise<ProbeResult>;
}

/** The time limit: twice the duration of the probe, within these bounds, in milliseconds. */
const MIN_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 60_000;
/** The range of a package that the probe itself requests. */
const PART = 'bytes=0-1023';

type TriedProxy = TriedRequest & { readonly proxy: CandidateProxy };

/** Runs the client and compares the results. @throws the reason of the signal */
export async function secondOpinion(probed: ProbeResult, parts: OpinionParts): Promise<SecondOpinion> {
  const { tried } = probed;
  const proxy = tried?.candidate?.proxy ?? null;
  const nothing = { proxy: proxy?.url ?? null, status: null, code: null, elapsed_ms: null, without: [] };
  const obstacle = await whyNot(probed, proxy, parts.settings);
  if (obstacle !== null) return { ...nothing, ...noOpinion(obstacle) };
  const triedProxy: TriedProxy = { ...(tried as TriedRequest), proxy: proxy as CandidateProxy };
  const startedMs = parts.clock.monotonic();
  const { result, loan } = await queryWitness(triedProxy, probed, parts);
  const elapsedMs = Math.round(parts.clock.monotonic() - startedMs);
  const withheld = withheldFrom(triedProxy, loan, parts.settings.secretsOf(probed.probe.purpose));
  const verdict = compareOpinion(ownResult(probed, triedProxy), result, withheld);
  return {
    ...nothing,
    ...(verdict.outcome === 'gets through' && (await isOver(probed, parts)) ? INTERMITTENT : verdict),
    status: result.kind === 'answered' ? result.status : null,
    code: result.kind === 'failed' ? result.code : null,
    elapsed_ms: elapsedMs,
    without: [
      ...(withheld.account === null ? [] : [`the login of proxy ${triedProxy.proxy.name}`]),
      ...withheld.secrets,
    ],
  };
}

/** Why no client is started, as a clause; null when one is. */
async function whyNot(
  { tried, failure, observed }: ProbeResult,
  proxy: CandidateProxy | null,
  { mayResolve }: OpinionSettings,
): Promise<string | null> {
  if (tried === null || tried.candidate === null) return 'Sallyport tried no proxy';
  if (proxy === null) return 'the connection uses no proxy';
  const { phase, proven } = failure?.trace ?? { phase: 'response', proven: [] };
  const isUnsent = phase === 'choice' || (phase === 'authentication' && !proven.includes('dial'));
  if (isUnsent) return 'Sallyport sent nothing to the proxy';
  // What stops a body says nothing about the request that a client would make.
  if (observed.some(({ stage, error }) => stage === 'upload' && error !== null))
    return 'a test upload failed, and these are not repeated';
  const proved = observed.findLast(({ stage }) => stage === 'authentication')?.facts['scheme'];
  if (typeof proved === 'string' && proved !== 'Basic') return cannotLogIn(proved);
  const { url } = tried;
  const { scheme, how, address } = proxy;
  if (scheme === 'http' || scheme === 'https') {
    const isPlainTunnel = url.protocol === 'http:' && how === 'tunnel';
    return isPlainTunnel ? 'an ordinary Node client cannot send plain HTTP through CONNECT (tunnel_http)' : null;
  }
  if (address.includes(':')) return 'an ordinary Node client cannot use a SOCKS proxy at an IPv6 address';
  const { resolvesHere } = await import('#proxy/opening/socks.ts');
  const wouldResolve = !mayResolve && resolvesHere(scheme, url.hostname.replace(/^\[(.*)\]$/, '$1'));
  return wouldResolve ? `${scheme} would resolve the name of the server here, and proxy_required forbids that` : null;
}

/** The library supports Basic and the login of SOCKS. */
function cannotLogIn(scheme: string): string {
  return `an ordinary Node client cannot authenticate with ${scheme}`;
}

async function queryWitness(
  triedProxy: TriedProxy,
  probed: ProbeResult,
  { clock, signal, settings }: OpinionParts,
): Promise<{ readonly result: OpinionResult; readonly loan: LentAccount | null }> {
  const { purpose } = probed.probe;
  const loan = await triedProxy.proxy.lend(probed.startedMs, signal);
  const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, Math.round(2 * probed.elapsedMs)));
  let isRefused = false;
  try {
    const trust = settings.trustOf(purpose);
    const question: OpinionQuestion = {
      url: triedProxy.url.href,
      proxyUrl: urlFor(triedProxy.proxy, loan),
      headers: triedProxy.inPart ? { range: PART } : {},
      userAgent: settings.userAgent,
      target: { ...trustFor(trust, triedProxy.url.origin), ciphers: AEAD_SUITES },
      proxy: trustFor(settings.proxyTrustOf(triedProxy.proxy.name), triedProxy.proxy.url),
      pins: trust.pins ?? [],
    };
    const result = await runWitness(question, { clock, signal, timeoutMs });
    isRefused = result.kind === 'answered' ? result.by === 'proxy' && result.status === 407 : wasLoginRefused(result);
    return { result, loan };
  } finally {
    if (isRefused) loan?.refused();
    else loan?.returned();
  }
}

function wasLoginRefused(result: OpinionResult): boolean {
  return result.kind === 'failed' && result.loginRefused;
}

function urlFor({ url, scheme, address, port }: CandidateProxy, loan: LentAccount | null): string {
  if (loan === null) return url;
  const [user, password] = [encodeURIComponent(loan.user), encodeURIComponent(loan.password.reveal())];
  return `${scheme}://${user}:${password}@${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** As for our own connections: our certificate is shown only where the settings allow it. */
function trustFor({ ca, client }: TlsTrust, origin: string): WitnessTrust {
  const shown = client?.origins.includes(origin) === true ? client : null;
  return {
    ca: ca?.pem ?? null,
    ciphers: null,
    identity:
      shown === null
        ? null
        : {
            certificate: shown.certificate.pem,
            key: shown.privateKey.pem.reveal(),
            passphrase: shown.passphrase?.reveal() ?? null,
          },
  };
}

function withheldFrom({ proxy }: TriedProxy, loan: LentAccount | null, secrets: readonly string[]): Withheld {
  if (!proxy.hasAccount || loan !== null) return { account: null, secrets };
  const { authentication: scheme } = proxy;
  const account =
    scheme === null || scheme === 'Basic'
      ? 'the proxy did not accept the password during this diagnosis, so the client did not get it'
      : cannotLogIn(scheme);
  return { account, secrets };
}

function ownResult({ failure, responses }: ProbeResult, { url, proxy }: TriedProxy): OwnResult {
  const answer = responses.findLast((one) => one.url === url.href) ?? (failure === null ? undefined : responses.at(-1));
  return { failure, status: answer?.head.status ?? null, forwarded: proxy.how === 'forward' };
}

/** Whether the failed request works by now: an intermittent fault is not ours. */
async function isOver({ failure }: ProbeResult, { again }: OpinionParts): Promise<boolean> {
  return (await again()).failure?.code !== failure?.code;
}
