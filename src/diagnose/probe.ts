// Tests the connection of one purpose over its real route (a probe), until a step fails or all have succeeded. The
// steps are: the first request of a check for updates or of an upload, the upgrade to a WebSocket if the work opens
// one, a range request for a file that would be downloaded, and TLS to each other host.
//
// Guarantees: the first failure ends the probe, and a check for updates or an upload would have the same failure. A
// credential is sent only if they would send it. An abort rejects with its reason. Each purpose has its own deadline. A
// step that the deadline interrupts counts as the failure, and later hosts are not tested.

import type { Purpose } from '#config/purposes.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { openWebSocket, type WebSocketOptions } from '#http/websocket.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Route, Router } from '#proxy/route.ts';
import { type ObservedEndpoint, type PurposeEndpoint, type TryParts, tryEndpoints } from './endpoints.ts';
import type { StageName } from './report.ts';
import { type Net, type ObservedPart, type PackagePart, requestPart } from './requests.ts';
import { secondLook } from './second-look.ts';
import {
  authorityOf,
  type ObservedResponse,
  type ObservedStage,
  type TriedRequest,
  WatchedRouter,
} from './watched-router.ts';

/** The target of a purpose, and its first request. */
export interface Probe {
  readonly purpose: Purpose;
  readonly target: URL;
  /** Whether the settings allow the purpose to send and receive. */
  readonly enabled: boolean;
  /** Every host of the purpose, including that of the target. */
  readonly endpoints: readonly PurposeEndpoint[];
  /**
   * Makes the first request of a round or an upload over this router. Returns the item that a round would download
   * next, if there is one.
   */
  ask(net: Net): Promise<PackagePart | null>;
  /** The upgrade that the purpose requests; null if it opens no WebSocket. */
  readonly upgrade: ProbedUpgrade | null;
  /** Test objects to send, the smallest first. None for a purpose that sends nothing. */
  readonly testUploads: readonly TestUpload[];
}

/** The upgrade to a WebSocket that the purpose requests. */
export interface ProbedUpgrade extends Pick<WebSocketOptions, 'protocol' | 'refusal'> {
  readonly url: URL;
  headers(): Readonly<Record<string, string>>;
  /** Whether the work uses HTTPS requests to the same URL where WebSocket is blocked. */
  readonly hasFallback: boolean;
}

/** A test object that the far side discards. */
export interface TestUpload {
  readonly bytes: number;
  /** Sends it once. `isDiscarded` is false if the server does not know test objects. @throws what would stop real ones */
  send(net: Net): Promise<{ readonly status: number; readonly isDiscarded: boolean }>;
}

export interface ProbeParts extends TryParts {
  readonly report: ScopedReport;
  /** Called with each stage as soon as it is over. */
  onStage?(purpose: Purpose, stage: ObservedStage): void;
  /** How long the response to an upgrade may take, in milliseconds. */
  readonly upgradeTimeoutMs: number;
}

/** The result of a probe. */
export interface ProbeResult {
  readonly probe: Probe;
  /** The chosen route; null when there is none. */
  readonly route: Route | null;
  readonly observed: readonly ObservedStage[];
  readonly responses: readonly ObservedResponse[];
  readonly part: ObservedPart | null;
  readonly failure: CodedError | null;
  /** The failure as the stage reported it. */
  readonly met: CodedError | null;
  /** Why no WebSocket works, where the work continues without one. */
  readonly blocked: CodedError | null;
  readonly elapsedMs: number;
  readonly endpoints: readonly ObservedEndpoint[];
  /** The failed request, or the first one if none failed; null before any. */
  readonly tried: TriedRequest | null;
  /** When it started, monotonic. */
  readonly startedMs: number;
}

/** Answers to a GET by a server that accepts only polls and upgrades: 400, 405, 415, 426. */
const MAY_BE_METHOD: ReadonlySet<number> = new Set([400, 405, 415, 426]);
/** Longest time for one purpose, in milliseconds, in addition to two waits for a silent path. */
const MAX_PURPOSE_MS = 300_000;

export async function runProbe(probe: Probe, given: ProbeParts): Promise<ProbeResult> {
  const { clock } = given;
  const over = new AbortController();
  const limit = MAX_PURPOSE_MS + 2 * Math.min(given.upgradeTimeoutMs, MAX_PURPOSE_MS);
  const { purpose } = probe;
  const timer = clock.after(limit, () => over.abort(coded('DIAGNOSIS-LATE', { purpose, limit, hop: null })));
  try {
    return await runUntil(probe, { ...given, signal: AbortSignal.any([given.signal, over.signal]) }, given.signal);
  } finally {
    timer.cancel();
  }
}

/** `aborted` is the caller's signal; that of `parts` also ends at the deadline. */
async function runUntil(probe: Probe, parts: ProbeParts, aborted: AbortSignal): Promise<ProbeResult> {
  const { clock, router } = parts;
  const startedMs = clock.monotonic();
  const watched = new WatchedRouter(router, clock, (stage) => parts.onStage?.(probe.purpose, stage));
  const { part, met, blocked, failure } = await probeStages(probe, watched, parts);
  const { observed, responses } = watched;
  aborted.throwIfAborted();
  const endpoints = await tryEndpoints(probe, { observed, failure }, parts);
  aborted.throwIfAborted();
  const common = { probe, route: routeOf(probe, router), responses, part, blocked, endpoints };
  // If everything succeeded, the result is the failure or warning of another host of the purpose.
  const missed = failure === null ? endpoints.filter((one) => one.failure !== null && !isOn(observed, one)) : [];
  const needing = missed.find(({ always }) => always);
  const needed = needing?.failure ?? null;
  return {
    ...common,
    observed: [...observed, ...missed.flatMap((one) => one.observed)],
    failure: needed === null ? failure : await secondLook(needed, probe.purpose, parts),
    met: needed ?? met,
    elapsedMs: clock.monotonic() - startedMs,
    tried: needing === undefined ? decisive(probe, watched, failure) : (needing.last ?? null),
    startedMs,
  };
}

function decisive({ target }: Probe, { tried }: WatchedRouter, failure: CodedError | null): TriedRequest | null {
  const own = tried.findLast(({ url, inPart }) => url.host === target.host && !inPart);
  return (failure === null ? own : null) ?? tried.at(-1) ?? null;
}

function isOn(observed: readonly ObservedStage[], { observed: own }: ObservedEndpoint): boolean {
  return own.some((one) => observed.includes(one));
}

/** Makes the first request of a round or an upload, then those of the diagnosis. Ends at the first failure. */
async function probeStages(
  probe: Probe,
  watched: WatchedRouter,
  parts: ProbeParts,
): Promise<Pick<ProbeResult, 'part' | 'met' | 'blocked' | 'failure'>> {
  const { clock, signal, report } = parts;
  let part: ObservedPart | null = null;
  let blocked: CodedError | null = null;
  let stage: StageName = 'http';
  try {
    const net: Net = { router: watched, clock, report, signal };
    const next = await probe.ask(net);
    if (probe.upgrade !== null) {
      stage = 'websocket';
      blocked = await tryUpgrade(probe.upgrade, probe, { watched, parts });
    }
    if (next !== null) {
      stage = 'range';
      part = await requestNextPart(next, watched, net);
    }
    stage = 'upload';
    for (const test of probe.testUploads) await sendTest(test, { watched, net, target: probe.target });
    return { part, met: null, blocked, failure: null };
  } catch (thrown) {
    // An abort by the deadline is our own failure; one by the caller is thrown above.
    const met = asCoded(signal.aborted ? signal.reason : thrown);
    watched.endedWith(met, stage, probe.target);
    return { part, met, blocked, failure: await secondLook(met, probe.purpose, parts) };
  }
}

/** Requests the upgrade. Returns why no WebSocket works if the work would continue without one. @throws its failure */
async function tryUpgrade(
  upgrade: ProbedUpgrade,
  { purpose, target }: Probe,
  { watched, parts }: { readonly watched: WatchedRouter; readonly parts: ProbeParts },
): Promise<CodedError | null> {
  const { clock, signal, upgradeTimeoutMs: timeoutMs } = parts;
  const startedMs = clock.monotonic();
  const note = (error: CodedError | null) => {
    const elapsedMs = clock.monotonic() - startedMs;
    watched.add({ stage: 'websocket', target: authorityOf(target), elapsedMs, facts: {}, error });
    return error;
  };
  try {
    const options = { ...upgrade, headers: upgrade.headers(), router: watched, purpose, timeoutMs, clock, signal };
    (await openWebSocket(upgrade.url, options)).close();
    return note(null);
  } catch (thrown) {
    const error = asCoded(thrown);
    if (signal.aborted || error.code !== 'WS-BLOCKED' || !upgrade.hasFallback || refusesAll(watched)) throw thrown;
    return note(error);
  }
}

/** Whether the request without an upgrade was refused as well: then its method or the missing upgrade is not why. */
function refusesAll({ observed }: WatchedRouter): boolean {
  const status = observed.findLast(({ stage }) => stage === 'http')?.facts['status'];
  return typeof status === 'number' && status >= 400 && !MAY_BE_METHOD.has(status);
}

async function requestNextPart(next: PackagePart, watched: WatchedRouter, net: Net): Promise<ObservedPart> {
  const startedMs = net.clock.monotonic();
  watched.recordsResponses = false;
  const part = await requestPart(next, net);
  const elapsedMs = net.clock.monotonic() - startedMs;
  const { status, contentLength } = part.head;
  const facts = { status, bytes: contentLength, works: part.rangeWorked };
  watched.add({ stage: 'range', target: authorityOf(part.url), elapsedMs, facts, error: null });
  return part;
}

async function sendTest(
  test: TestUpload,
  { watched, net, target }: { readonly watched: WatchedRouter; readonly net: Net; readonly target: URL },
): Promise<void> {
  const startedMs = net.clock.monotonic();
  watched.recordsResponses = false;
  const { status, isDiscarded } = await test.send(net);
  const elapsedMs = net.clock.monotonic() - startedMs;
  const facts = { bytes: test.bytes, status, works: isDiscarded };
  watched.add({ stage: 'upload', target: authorityOf(target), elapsedMs, facts, error: null });
}

function routeOf({ purpose, target }: Probe, router: Router): Route | null {
  try {
    return router.route(purpose, target);
  } catch (thrown) {
    if (asCoded(thrown).code === 'INTERNAL') throw coded('INTERNAL', { reason: 'no route can be described' }, thrown);
    return null;
  }
}
