// Lists the endpoints that the settings need: each host and port, with its use, requests and routes. Pure.
//
// Guarantees: the list depends only on the settings. The functions that choose a route (`choice.ts`) and check a URL
// (`check-url.ts`) are those of updates and uploads, so a URL that they would refuse is not listed as needed. If a
// redirect or a feed named a host that is in the list, the host gets the time of this. Other such hosts are listed
// separately. Only the scheme, host and port of a URL are listed. The order is fixed.

import { allowedOriginsOf, isEnabled, urlOf, usesWebSocket } from '#config/purpose-settings.ts';
import { isPurpose, type ProbeKind, PURPOSES, type Purpose, purposeRow, urlKeyOf, usesOf } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import {
  type EndpointCandidate,
  type EndpointList,
  type EndpointProxy,
  type EndpointRow,
  type ObservedOnly,
  type SentBody,
  USES,
  type Use,
} from '#control/endpoints.ts';
import { usesActivation } from '#daemon/platform/open-identity.ts';
import { type PlaceOf, placedKey, placedReason } from '#diagnose/places.ts';
import { asCoded } from '#errors/coded-error.ts';
import { fillTemplate } from '#errors/template.ts';
import { checkUrl } from '#http/check-url.ts';
import type { ObservedHost } from '#path/observed-hosts.ts';
import { chooseProxy, fallbacksOf } from '#proxy/choosing/choice.ts';
import { connectModeThrough, endpointOf } from '#proxy/endpoint.ts';
import type { HopScheme, ProfileScheme, ProxyProfile } from '#proxy/profile.ts';
import { utcTime } from '#system/moment.ts';
import { targetsUrl } from '#updates/request.ts';
import { requestBodies } from '#uploads/request-bodies.ts';
import { isUploadPurpose } from '#uploads/upload-gate.ts';
import { exposedWords } from './interception.ts';

export interface EndpointsInput {
  readonly settings: Settings;
  /** Null when the record of observed hosts cannot be read. */
  readonly observedHosts: readonly ObservedHost[] | null;
  /** Wall time, ms since the epoch. */
  readonly now: number;
  readonly version: string;
  readonly config: string;
  readonly source: EndpointList['source'];
  readonly placeOf: PlaceOf;
}

/** A URL that a key of the settings names. */
interface Target {
  readonly purpose: Purpose;
  readonly use: Use;
  readonly url: URL;
  readonly key: string;
}

/** The methods of the request for a PAC file, which belongs to no purpose. */
const PAC_REQUESTS = ['GET'];

/** Authentication schemes that authenticate by a HEAD request for the same URL before a plain request. */
const PROVES_BEFORE: ReadonlySet<string> = new Set(['digest', 'ntlm', 'negotiate', 'auto']);

/** Every endpoint that is needed, and those that were only observed. */
export function listEndpoints(input: EndpointsInput): EndpointList {
  const { settings, observedHosts, now, version, config, source } = input;
  const targets = targetsOf(settings);
  const rows = merged(targets.map((target) => rowOf(target, input)));
  const used = profilesOf(rows, settings);
  const endpoints = [...rows, ...merged(used.flatMap((profile) => pacRow(profile, input)))].toSorted(inOrder);
  return {
    version,
    at: utcTime(now),
    config,
    source,
    endpoints,
    seen_only:
      observedHosts === null
        ? null
        : observedHosts.flatMap((host) => observedOnly(host, settings)).toSorted(compareHostPort),
    proxies: used.map(proxyOf),
    bodies: targets.flatMap((target) => bodyOf(target, settings)),
    notes: notesOf(targets, used, input),
  };
}

/** Names of the profiles that a configured purpose uses or may have to use. */
export function proxiesInUse(settings: Settings): ReadonlySet<string> {
  const rows = targetsOf(settings).map((target) =>
    rowOf(target, { settings, observedHosts: null, placeOf: () => null }),
  );
  return new Set(profilesOf(rows, settings).map(({ name }) => name));
}

function targetsOf(settings: Settings): Target[] {
  return PURPOSES.flatMap((purpose) => TARGETS[purposeRow(purpose).probe](settings, purpose));
}

const TARGETS: Readonly<Record<ProbeKind, (settings: Settings, purpose: Purpose) => Target[]>> = {
  feed: feedTargets,
  request: requestTargets,
};

function feedTargets({ updates, activation }: Settings, purpose: Purpose): Target[] {
  const found: Target[] = [];
  const add = (use: Use, named: { readonly text: string | undefined; readonly key: string }) => {
    if (named.text !== undefined) found.push({ purpose, use, url: new URL(named.text), key: named.key });
  };
  const feed = { text: updates.feed_url, key: 'updates.feed_url' };
  add('feed', feed);
  if (updates.trust === 'tls') add('packages', feed);
  else found.push(...signedTargets(updates.tuf, purpose));
  for (const [index, text] of updates.allowed_origins.entries()) {
    // An origin that no feed and no redirect may point to is not needed.
    const key = `updates.allowed_origins[${index}]`;
    const base = urlOf({ updates }, purpose);
    if (base !== undefined && isReachable(text, base, [text])) add('packages', { text, key });
  }
  add('receipts', { text: updates.acknowledge_url, key: 'updates.acknowledge_url' });
  // Without license keys, nothing is sent there. The default is at the origin of the feed.
  if (usesActivation({ activation })) add('activation', { text: activation.url, key: 'activation.url' });
  return found;
}

/** Metadata and feeds, and the packages, of the repository and of each mirror. */
function signedTargets(tuf: Settings['updates']['tuf'], purpose: Purpose): Target[] {
  if (tuf === undefined) return [];
  const copies = [tuf, ...tuf.mirrors].map((copy, index) => ({
    copy,
    at: index === 0 ? 'updates.tuf' : `updates.tuf.mirrors[${index - 1}]`,
  }));
  return copies.flatMap(({ copy, at }) => {
    const named = copy.targets_url === undefined ? 'metadata_url' : 'targets_url';
    return [
      { purpose, use: 'feed' as const, url: new URL(copy.metadata_url), key: `${at}.metadata_url` },
      { purpose, use: 'feed' as const, url: targetsUrl(copy), key: `${at}.${named}` },
      { purpose, use: 'packages' as const, url: targetsUrl(copy), key: `${at}.${named}` },
    ];
  });
}

/** One URL, which every use of the purpose requests. */
function requestTargets(settings: Settings, purpose: Purpose): Target[] {
  const text = urlOf(settings, purpose);
  if (text === undefined) return [];
  return usesOf(purpose).map((use) => ({ purpose, use, url: new URL(text), key: urlKeyOf(purpose) }));
}

function isReachable(text: string, feed: string, allowedOrigins: readonly string[]): boolean {
  const configured = new URL(feed);
  return checkUrl(text, { from: configured, configured, allowedOrigins }).ok;
}

function rowOf(
  { purpose, use, url, key }: Target,
  { settings, observedHosts, placeOf }: Pick<EndpointsInput, 'settings' | 'observedHosts' | 'placeOf'>,
): EndpointRow {
  const endpoint = endpointOf(url);
  const requests = [...(purposeRow(purpose).uses[use] ?? [])];
  const websocket = usesWebSocket(settings, purpose);
  const common = { ...placeOfUrl(url), purpose, use, requests, websocket, tls_end_to_end: isTls(url) };
  // The settings name the feed itself; only a redirect adds another host.
  const sight = observedHosts?.find(
    (host) => host.purpose === purpose && host.origin === url.origin && leadsTo(host, use),
  );
  const from = [placedKey(key, placeOf)];
  const observed = { from, seen: sight === undefined ? null : sightOf(sight) };
  try {
    const { proxy, reasons } = chooseProxy(purpose, endpoint, settings);
    const why = reasons.map((reason) => placedReason(reason, placeOf));
    if (proxy === null) return { ...common, ...observed, why, refused: null, ways: [directCandidate(requests)] };
    const standIns = fallbacksOf(proxy, endpoint, settings.proxies).map(({ profile }) => profile);
    const candidates = [proxy, ...standIns].map((profile, index) =>
      candidateThrough(profile, { url, requests, index }),
    );
    return { ...common, ...observed, why, refused: null, ways: candidates };
  } catch (thrown) {
    const { code, message } = asCoded(thrown);
    return { ...common, ...observed, why: [], ways: [], refused: { code, message } };
  }
}

function candidateThrough(
  profile: ProxyProfile,
  { url, requests, index }: { readonly url: URL; readonly requests: readonly string[]; readonly index: number },
): EndpointCandidate {
  const { name, scheme } = profile;
  const common = { proxy: name, stands_in: index > 0 };
  // A file or a variable may name a proxy of any kind; most are HTTP proxies.
  const mode = connectModeThrough(profile, hopScheme(scheme) ?? 'http', endpointOf(url));
  if (scheme.startsWith('socks')) return { ...common, how: 'socks', methods: [] };
  if (mode === 'tunnel') return { ...common, how: 'connect', methods: ['CONNECT'] };
  return { ...common, how: 'plain', methods: provesBefore(profile) ? [...requests, 'HEAD'] : [...requests] };
}

function provesBefore({ scheme, authentication, pac }: ProxyProfile): boolean {
  const isAnonymous = scheme === 'pac' && pac?.credentials_for === undefined;
  return !isAnonymous && PROVES_BEFORE.has(authentication);
}

function directCandidate(requests: readonly string[]): EndpointCandidate {
  return { proxy: null, how: 'direct', methods: [...requests], stands_in: false };
}

/** The PAC file itself is fetched directly: no proxy is known before it is read. */
function pacRow({ name, pac }: ProxyProfile, { settings, placeOf }: EndpointsInput): EndpointRow[] {
  if (pac?.url === undefined) return [];
  const url = new URL(pac.url);
  const key = `proxies[${settings.proxies.findIndex((one) => one.name === name)}].pac.url`;
  const requests = [...PAC_REQUESTS];
  return [
    {
      ...placeOfUrl(url),
      websocket: false,
      tls_end_to_end: isTls(url),
      purpose: null,
      use: 'pac_file',
      requests,
      ways: [directCandidate(requests)],
      refused: null,
      from: [placedKey(key, placeOf)],
      why: [],
      seen: null,
    },
  ];
}

/** Merges rows of the same use and place. */
function merged(rows: readonly EndpointRow[]): EndpointRow[] {
  const found = new Map<string, EndpointRow>();
  for (const row of rows) {
    const key = JSON.stringify([row.purpose, row.use, row.scheme, row.host, row.port]);
    const before = found.get(key);
    found.set(key, before === undefined ? row : { ...before, from: [...before.from, ...row.from] });
  }
  return [...found.values()];
}

function profilesOf(rows: readonly EndpointRow[], { proxies }: Settings): ProxyProfile[] {
  const used = new Set(rows.flatMap(({ ways: candidates }) => candidates.map(({ proxy }) => proxy)));
  return proxies.filter(({ name }) => used.has(name));
}

function proxyOf(profile: ProxyProfile): EndpointProxy {
  const { name, scheme, address, port, authentication } = profile;
  if (isElsewhere(profile)) return { name, scheme, address: null, port: null, authentication };
  return { name, scheme, address: address ?? null, port, authentication };
}

function isElsewhere({ scheme }: ProxyProfile): boolean {
  return hopScheme(scheme) === null;
}

/** Null when a file or a variable names the proxies. */
function hopScheme(scheme: ProfileScheme): HopScheme | null {
  return scheme === 'pac' || scheme === 'environment' ? null : scheme;
}

/** A host that a feed or redirect pointed to, but that the settings do not allow. */
function observedOnly({ purpose, origin, ...sight }: ObservedHost, settings: Settings): ObservedOnly[] {
  const url = isPurpose(purpose) ? urlOf(settings, purpose) : undefined;
  if (!isPurpose(purpose) || url === undefined) return [];
  const configured = new URL(url);
  const allowedOrigins = allowedOriginsOf(settings, purpose);
  const verdict = checkUrl(origin, { from: configured, configured, allowedOrigins });
  if (verdict.ok) return [];
  return [{ ...placeOfUrl(new URL(origin)), purpose, ...sightOf(sight), code: verdict.error.code }];
}

function notesOf(targets: readonly Target[], used: readonly ProxyProfile[], { settings }: EndpointsInput): string[] {
  const { allowed_origins: origins } = settings.updates;
  const feed = urlOf(settings, 'updates');
  const needless = feed === undefined ? [] : origins.filter((text) => !isReachable(text, feed, [text]));
  return [
    ...(targets.length === 0 ? [`No URL is set: ${PURPOSES.map(urlKeyOf).join(', ')}.`] : []),
    ...PURPOSES.filter((purpose) => urlOf(settings, purpose) !== undefined && !isEnabled(settings, purpose)).map(
      (purpose) => `${purpose} is configured but not enabled. It needs its hosts only when ${purpose}.enabled is true.`,
    ),
    ...PURPOSES.filter((purpose) => mayIntercept(settings, purpose)).map(
      (purpose) =>
        `For ${purpose}, a proxy with a CA of ${purpose}.allow_interception_by may decrypt TLS. It can then read ${exposedWords(purpose)}.`,
    ),
    ...needless.map((origin) =>
      fillTemplate('{origin} in updates.allowed_origins is never used: an https feed cannot lead to http.', { origin }),
    ),
    ...used.filter(isElsewhere).map(({ name, scheme }) => {
      const source = scheme === 'pac' ? 'a PAC file' : 'environment variables';
      const direct = settings.proxy_required ? '' : '. Some targets may be reached directly';
      return fillTemplate(`The proxies of profile {name} come from ${source}${direct}.`, { name });
    }),
  ];
}

/** Whether the settings permit a proxy to decrypt the TLS of a purpose. */
function mayIntercept(settings: Settings, purpose: Purpose): boolean {
  const section = settings[purpose];
  return 'allow_interception_by' in section && section.allow_interception_by !== undefined;
}

/** Receipts are a few hundred bytes, so only uploads are listed. */
function bodyOf({ purpose, use, url }: Target, settings: Settings): SentBody[] {
  if (!isUploadPurpose(purpose)) return [];
  const { types, largest } = requestBodies(purpose, settings);
  const methods = [...(purposeRow(purpose).uses[use] ?? [])];
  return [{ ...placeOfUrl(url), purpose, methods, types: [...types], largest }];
}

function placeOfUrl(url: URL): Pick<EndpointRow, 'scheme' | 'host' | 'port'> {
  const { host, port } = endpointOf(url);
  // The answer has no `ws`, which only a loopback address may use: to a proxy it is plain HTTP.
  const scheme = url.protocol === 'ws:' ? 'http' : (url.protocol.slice(0, -1) as EndpointRow['scheme']);
  return { scheme, host, port };
}

function isTls({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:';
}

function leadsTo({ by }: ObservedHost, use: Use): boolean {
  return use === 'packages' || (use === 'feed' && by === 'redirect');
}

function sightOf({ by, seen_at: at }: Pick<ObservedHost, 'by' | 'seen_at'>): { by: ObservedHost['by']; at: string } {
  return { by, at: utcTime(at) };
}

function compareHostPort(a: Pick<EndpointRow, 'host' | 'port'>, b: Pick<EndpointRow, 'host' | 'port'>): number {
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  return a.port - b.port;
}

function inOrder(a: EndpointRow, b: EndpointRow): number {
  return compareHostPort(a, b) || USES.indexOf(a.use) - USES.indexOf(b.use);
}
