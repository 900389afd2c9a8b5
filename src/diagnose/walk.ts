// One purpose, walked over its real route until it fails or all of it went well: the work's own first request, the upgrade
// to a WebSocket where its endpoint is one, a part of what it would fetch, and then each other host up to TLS.
//
// Guarantees: it ends at the first failure, which is the one that the work would meet; it costs no attempt with a
// credential that the work would not make; an abort rejects with its reason.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Phase } from '#errors/journey.ts';
import { openWebSocket } from '#http/websocket.ts';
import type { Report } from '#logging/events.ts';
import type { Purpose, Route, Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { askPart, type Net, type Part, type PartSeen } from './ask.ts';
import type { StageName } from './report.ts';
import { type Answer, authorityOf, type Seen, WatchedRouter } from './watched-router.ts';

/** What a purpose reaches, and how its work begins. */
export interface Probe {
  readonly purpose: Purpose;
  readonly target: URL;
  /** Every URL of the purpose, the target among them. */
  readonly endpoints: readonly URL[];
  /** Does what the work does first, over this router. Returns something that the work would fetch next, if anything. */
  ask(net: Net): Promise<Part | null>;
  /** Headers for the upgrade to a WebSocket. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface WalkParts {
  readonly router: Router;
  readonly clock: Clock;
  readonly report: Report;
  /** How long the answer to an upgrade may take, in milliseconds. */
  readonly upgradeTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a walk showed. */
export interface Walk {
  readonly probe: Probe;
  /** The choice; null where there is none. */
  readonly route: Route | null;
  readonly seen: readonly Seen[];
  readonly answers: readonly Answer[];
  readonly part: PartSeen | null;
  readonly failure: CodedError | null;
  /** The failure as the stage told it. */
  readonly met: CodedError | null;
  readonly elapsedMs: number;
  readonly endpoints: readonly EndpointSeen[];
}

/** How far one host was reached; `tried` is false where the way failed before it. */
export interface EndpointSeen {
  readonly authority: string;
  readonly tried: boolean;
  readonly seen: readonly Seen[];
  readonly failure: CodedError | null;
}

/** Phases that are the same for every target: where one of them fails, the others need not be tried. */
const OF_THE_WAY: ReadonlySet<Phase> = new Set(['choice', 'resolve', 'dial', 'proxy_tls', 'authentication']);

export async function walk(probe: Probe, parts: WalkParts): Promise<Walk> {
  const { clock, signal } = parts;
  const startedMs = clock.monotonic();
  const watched = new WatchedRouter(parts.router, clock);
  let part: PartSeen | null = null;
  let met: CodedError | null = null;
  let failure: CodedError | null = null;
  let stage: StageName = 'http';
  try {
    const net: Net = { router: watched, clock, report: parts.report, signal };
    const next = await probe.ask(net);
    if (probe.target.protocol === 'wss:') {
      stage = 'websocket';
      await upgrade(probe, watched, parts);
    }
    if (next !== null) {
      stage = 'range';
      part = await askForPart(next, watched, net);
    }
  } catch (thrown) {
    signal.throwIfAborted();
    met = noteFailure(asCoded(thrown), stage, watched);
    failure = await ofThePort(met, probe, parts);
  }
  const elapsedMs = clock.monotonic() - startedMs;
  const endpoints = await tryEndpoints(probe, watched, { ...parts, failure });
  const { seen, answers } = watched;
  return { probe, route: routeOf(probe, parts.router), seen, answers, part, failure, met, elapsedMs, endpoints };
}

async function upgrade({ target, purpose, headers }: Probe, watched: WatchedRouter, parts: WalkParts): Promise<void> {
  const { clock, signal, upgradeTimeoutMs: timeoutMs } = parts;
  const startedMs = clock.monotonic();
  const open = await openWebSocket(target, { router: watched, purpose, headers, timeoutMs, clock, signal });
  open.close();
  const elapsedMs = clock.monotonic() - startedMs;
  watched.seen.push({ stage: 'websocket', target: authorityOf(target), elapsedMs, facts: {}, error: null });
}

async function askForPart(next: Part, watched: WatchedRouter, net: Net): Promise<PartSeen> {
  const startedMs = net.clock.monotonic();
  watched.tellsAnswers = false;
  const part = await askPart(next, net);
  const elapsedMs = net.clock.monotonic() - startedMs;
  const { status, contentLength } = part.head;
  const facts = { status, bytes: contentLength, works: part.rangeWorked };
  watched.seen.push({ stage: 'range', target: authorityOf(part.url), elapsedMs, facts, error: null });
  return part;
}

/** A failure that no step of the way has told is one of the stage that was under way. */
function noteFailure(error: CodedError, under: StageName, watched: WatchedRouter): CodedError {
  const { seen, lanes } = watched;
  if (seen.some((one) => one.error === error)) return error;
  const last = lanes.at(-1);
  const stage = seen.length === 0 ? 'choice' : under;
  error.during({ phase: seen.length === 0 ? 'choice' : 'response', elapsedMs: 0, proven: last?.passed ?? [] });
  const target = last === undefined ? '' : `${last.host}:${last.port}`;
  seen.push({ stage, target, elapsedMs: error.journey?.elapsedMs ?? null, facts: {}, error });
  return error;
}

/**
 * A refusal of a port is told from one of the host by asking for the same host's port 443: a tunnel there says that the
 * port is what is refused. The stage keeps the failure as it came.
 */
async function ofThePort(error: CodedError, { purpose, target }: Probe, parts: WalkParts): Promise<CodedError> {
  const { proxy, status, said, target: refused, hop } = error.facts;
  if (error.code !== 'POLICY-DENIED' || authorityOf(target).endsWith(':443') || target.protocol === 'http:')
    return error;
  const onStandardPort = await tryEndpoint(new URL(`https://${target.hostname}/`), { purpose, ...parts });
  const { failure } = onStandardPort;
  if (failure !== null && failure.journey?.proven.includes('tunnel') !== true) return error;
  return coded('POLICY-PORT', { proxy, target: refused, status, said, hop }, error).during(error.journey);
}

/** Each host up to TLS, those of the walk as they were seen on it. */
async function tryEndpoints(
  { endpoints, purpose }: Probe,
  watched: WatchedRouter,
  { router, clock, signal, failure }: WalkParts & { readonly failure: CodedError | null },
): Promise<EndpointSeen[]> {
  const tried: EndpointSeen[] = [];
  const isWayBlocked = failure !== null && OF_THE_WAY.has(failure.journey?.phase ?? 'choice');
  for (const url of endpoints) {
    const authority = authorityOf(url);
    if (tried.some((one) => one.authority === authority)) continue;
    const seen = watched.seen.filter((one) => one.target === authority);
    const isKnown = seen.some(({ stage }) => stage === 'tls' || stage === 'http');
    if (isKnown) tried.push({ authority, tried: true, seen, failure: seen.find(isOfTls)?.error ?? null });
    else if (isWayBlocked) tried.push({ authority, tried: false, seen: [], failure: null });
    else tried.push(await tryEndpoint(url, { purpose, router, clock, signal }));
  }
  return tried;
}

function isOfTls({ stage, error }: Seen): boolean {
  return stage === 'tls' && error !== null;
}

async function tryEndpoint(
  url: URL,
  { purpose, router, clock, signal }: Pick<WalkParts, 'router' | 'clock' | 'signal'> & { readonly purpose: Purpose },
): Promise<EndpointSeen> {
  const authority = authorityOf(url);
  const watched = new WatchedRouter(router, clock);
  try {
    const lane = await watched.route(purpose, url).open({ bulk: false, signal });
    lane.release();
    return { authority, tried: true, seen: watched.seen, failure: null };
  } catch (thrown) {
    signal.throwIfAborted();
    return { authority, tried: true, seen: watched.seen, failure: asCoded(thrown) };
  }
}

function routeOf({ purpose, target }: Probe, router: Router): Route | null {
  try {
    return router.route(purpose, target);
  } catch (thrown) {
    if (asCoded(thrown).code === 'INTERNAL') throw coded('INTERNAL', { reason: 'no route can be described' }, thrown);
    return null;
  }
}
