// If a failure has two possible causes, sends one more request through the same proxy to find out which one it is. Does
// the proxy refuse the port or the host? Is the clock or the certificate wrong? Which protocol does a silent port use?
//
// Guarantees: only a proxy that the probe has used gets the request, so no other credential is sent. If this request
// fails, the first failure is reported.

import type { Purpose } from '#config/purposes.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';
import type { FieldValue } from '#errors/template.ts';
import { schemeRemedy } from '#proxy/auth/verdict.ts';
import type { SpokenProtocol } from '#proxy/opening/port-probe.ts';
import { type TryParts, tryEndpoint } from './endpoints.ts';
import { requestAnything } from './requests.ts';
import { authorityOf } from './watched-router.ts';

/** How long the response with the time may take, in milliseconds; only its head is read. */
const TIME_MS = 5_000;
/** How long each attempt to detect a port's protocol may take, in milliseconds. */
const PROBE_MS = 3_000;
/** The proxy scheme for each protocol. */
const WANTED: Readonly<Record<SpokenProtocol, string>> = { TLS: 'https', SOCKS: 'socks5h', HTTP: 'http' };

/** The failure, or the more exact one that a second request shows. */
export async function secondLook(error: CodedError, purpose: Purpose, parts: TryParts): Promise<CodedError> {
  try {
    if (error.code === 'POLICY-DENIED') return await checkPort(error, purpose, parts);
    if (error.code === 'TLS-CLOCK') return await compareWithProxyClock(error, purpose, parts);
    if (error.code === 'TUNNEL-CLOSED' || error.code === 'TUNNEL-TIMEOUT') return await detectScheme(error, parts);
  } catch (thrown) {
    // Only an abort gets here: the original failure stands.
    if (!parts.signal.aborted) throw thrown;
  }
  return error;
}

/** Requests port 443 of the same host. If that tunnel is allowed, the proxy refuses the port and not the host. */
async function checkPort(error: CodedError, purpose: Purpose, parts: TryParts): Promise<CodedError> {
  const { proxy, status, said, target: refused, hop } = error.facts;
  const target = tunnelled(refused);
  if (target === null || authorityOf(target).endsWith(':443')) return error;
  const url = new URL(`https://${target.hostname}/`);
  const { failure } = await tryEndpoint({ url, always: true }, purpose, parts);
  if (failure !== null && failure.trace?.proven.includes('tunnel') !== true) return error;
  return coded('POLICY-PORT', { proxy, target: refused, status, said, hop }, error).during(error.trace);
}

/**
 * Detects the protocol of a port that did not answer: TLS or SOCKS after a plain CONNECT, HTTP after the greeting of
 * SOCKS.
 */
async function detectScheme(error: CodedError, { clock, signal }: TryParts): Promise<CodedError> {
  const { proxy, address: host, port, scheme, variable, reason } = error.facts;
  if (typeof proxy !== 'string' || typeof host !== 'string' || typeof port !== 'number') return error;
  const protocols = scheme === 'http' ? (['TLS', 'SOCKS'] as const) : (['HTTP'] as const);
  const { probePort } = await import('#proxy/opening/port-probe.ts');
  const hop = error.place ?? proxyAt(proxy, `${host}:${port}`);
  const speaks = await probePort({ host, port, proxy, hop }, protocols, { clock, signal, timeoutMs: PROBE_MS });
  if (speaks === null || scheme === 'https') return error;
  const wanted = WANTED[speaks];
  const remedy = schemeRemedy({ name: proxy, variable: typeof variable === 'string' ? variable : null }, [wanted]);
  const facts = { proxy, port, speaks, scheme, wanted, answer: reason ?? 'nothing', remedy, hop };
  return coded('PROXY-SCHEME', facts, error).during(error.trace);
}

/**
 * Few proxies send a Date with a tunnel, but all do with a response of their own or of a server. So one plain http
 * request is made for its Date, and the same handshake then shows which of the two is wrong.
 */
async function compareWithProxyClock(error: CodedError, purpose: Purpose, parts: TryParts): Promise<CodedError> {
  const target = error.place?.kind === 'origin' ? tunnelled(error.place.address) : null;
  const { proxy, other_clock: otherClock } = error.facts;
  if (target === null || proxy === null || otherClock !== null) return error;
  const deadlines = { firstByteMs: TIME_MS, silenceMs: TIME_MS, totalMs: TIME_MS, key: 'response_timeout.base_ms' };
  const net = { ...parts, report: () => undefined };
  const requestContext = { purpose, deadlines, headers: () => ({}) };
  await requestAnything(new URL(`http://${target.hostname}/`), requestContext, net).catch(() =>
    parts.signal.throwIfAborted(),
  );
  const { failure } = await tryEndpoint({ url: target, always: true }, purpose, parts);
  const isSame = failure?.code === 'TLS-CLOCK' || failure?.code === 'TLS-EXPIRED';
  return isSame ? failure.during(error.trace) : error;
}

/** The target of a tunnel, from `host:port`; null for a request by URL. */
function tunnelled(authority: FieldValue): URL | null {
  return typeof authority === 'string' && !authority.includes('/') ? URL.parse(`https://${authority}/`) : null;
}
