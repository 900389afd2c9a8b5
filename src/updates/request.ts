// Makes a small request for updates, over their route and with their headers and deadlines. A redirect is returned, not
// followed.

import { urlOf } from '#config/purpose-settings.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { Deadlines } from '#http/deadlines.ts';
import { isRedirect } from '#http/follow.ts';
import { purposeHeaders, type TokenGuard } from '#http/purpose-headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import type { Session, SessionResponse } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import type { Report } from '#logging/events.ts';
import type { PathHabits } from '#path/habits.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { answersFrom, type HopFacts } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { AgentIdentity } from './agent-id.ts';

/** A feed or a receipt is small: a quarter of an hour is enough for any, and ends a trickling response. */
const DOCUMENT_TOTAL_MS = 900_000;

/** The dependencies of a small request. */
export interface UpdatesRequestPorts {
  readonly clock: Clock;
  /** The session of small requests; the code that ends the work closes it. */
  readonly session: Session;
  readonly habits: PathHabits;
  readonly report: Report;
  readonly agent: AgentIdentity;
  /** A shorter limit for a complete response than that of a round, for a diagnosis. */
  readonly bounds?: Pick<Deadlines, 'totalMs' | 'extend'>;
  readonly tokens: TokenGuard;
  /** Called with the address of this host in each connection that answered; null if it is not known. */
  reachedFrom?(address: string | null): void;
  settings(): Settings;
}

/** One hop of a small request. */
export interface UpdatesRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  /** Whether our token and headers may be sent to this origin. */
  readonly credentials: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
  /** Called when a proxy, or the server itself, has accepted the connection. */
  onConnected?(): void;
  /** Throws if nothing may be sent over this connection. */
  requireHop?(facts: HopFacts): void;
}

/**
 * Sends it and returns a response with status 2xx or a redirect.
 * @throws CodedError ORIGIN-STATUS, ORIGIN-REFUSED for other statuses; everything of the route and the exchange
 */
export async function requestUpdates(
  ports: UpdatesRequestPorts,
  request: UpdatesRequest,
): Promise<{ head: ResponseInfo; body: Uint8Array; from: Hop }> {
  const { head, body, facts } = await askUpdates(ports, request);
  const { status } = head;
  if ((status < 200 || status > 299) && !isRedirect(status)) {
    throw statusError(head, request.url, { nowMs: ports.clock.now(), page: body, proxy: facts.proxy });
  }
  return { head, body, from: answersFrom(facts) };
}

/**
 * Sends it and returns the response, whatever its status.
 * @throws CodedError everything of the route and the exchange, DOCUMENT-TOO-LARGE
 */
export async function askUpdates(ports: UpdatesRequestPorts, request: UpdatesRequest): Promise<SessionResponse> {
  const settings = ports.settings();
  const headers = { ...updatesHeaders(settings, ports, request.credentials), ...request.headers };
  const answer = await ports.session.request({
    request: {
      method: request.method,
      url: request.url,
      headers,
      ...(request.body === undefined ? {} : { body: request.body }),
    },
    deadlines: {
      firstByteMs: settings.response_timeout.base_ms,
      silenceMs: settings.response_timeout.base_ms,
      totalMs: Math.max(DOCUMENT_TOTAL_MS, settings.response_timeout.base_ms),
      key: 'response_timeout.base_ms',
      ...ports.bounds,
    },
    limitBytes: request.limitBytes,
    signal: request.signal,
    onConnected: () => request.onConnected?.(),
    requireHop: (facts) => request.requireHop?.(facts),
  });
  const { head, facts } = answer;
  const { via } = head;
  if (via !== null) reportOf('updates', ports.report)({ name: 'response-via', via });
  ports.reachedFrom?.(facts.localAddress ?? null);
  ports.habits.observe({ proxy: facts.proxyUrl, origin: request.url.origin, via, rangeWorked: null });
  return answer;
}

/**
 * The headers of every request of the updater. The admin's own headers and the token are included only where
 * credentials may be sent.
 * @throws CodedError TOKEN-REBIND
 */
export function updatesHeaders(
  settings: Settings,
  { agent, tokens }: { readonly agent: AgentIdentity; readonly tokens: TokenGuard },
  credentials: boolean,
): Record<string, string> {
  return purposeHeaders('updates', settings, { agent, tokens, credentials });
}

/** The same as `feedUrl`; null if nothing is configured. */
export function configuredFeed(settings: Settings): URL | null {
  return urlOf(settings, 'updates') === undefined ? null : feedUrl(settings);
}

/**
 * The configured URL of updates: that of the unsigned feed, or the folder of the metadata of a signed one. Everything is
 * checked against its origin, and the memory has the records of a feed under it.
 * @throws CodedError CONFIG-INCOMPLETE
 */
export function feedUrl(settings: Settings): URL {
  const url = urlOf(settings, 'updates');
  if (url !== undefined) return settings.updates.trust === 'tuf' ? folderUrl(url) : new URL(url);
  throw coded('CONFIG-INCOMPLETE', { key: 'updates.feed_url', what: 'there is nowhere to look for updates' });
}

/** Whether nothing between here and this origin can read packages, as far as it is known before a connection is open. */
export function isOpaqueOrigin({ updates }: Settings, origin: string): boolean {
  return origin.startsWith('https:') && updates.allow_interception_by === undefined;
}

/** Where the packages are, as far as the settings say it; null if nothing is configured. */
export function configuredPackages(settings: Settings): URL | null {
  const { trust, tuf } = settings.updates;
  return trust === 'tuf' && tuf !== undefined ? targetsUrl(tuf) : configuredFeed(settings);
}

/** The folder of the targets: `targets` next to the folder of the metadata, unless it is set. */
export function targetsUrl(written: { readonly metadata_url: string; readonly targets_url?: string }): URL {
  return written.targets_url === undefined
    ? new URL('../targets/', folderUrl(written.metadata_url))
    : folderUrl(written.targets_url);
}

/** The URL of a folder, with a slash at its end. */
export function folderUrl(text: string): URL {
  const url = new URL(text);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
