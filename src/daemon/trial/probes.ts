// The first request of each purpose in a diagnosis. Updates read their feed with the code of a check for updates. Each
// other purpose makes one request, and sends test objects if they are enabled.

import { isEnabled, urlOf, usesWebSocket } from '#config/purpose-settings.ts';
import { type ProbeKind, PURPOSES, type Purpose, purposeRow } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { Probe, ProbedUpgrade, TestUpload } from '#diagnose/probe.ts';
import { type Net, type PackagePart, requestAnything } from '#diagnose/requests.ts';
import { coded } from '#errors/coded-error.ts';
import type { Deadlines } from '#http/deadlines.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import type { SmallRequest } from '#http/session/running-request.ts';
import { Session } from '#http/session/session.ts';
import type { RequestSigner } from '#http/signatures/request-signer.ts';
import { LINK_SUBPROTOCOL, linkRefusal } from '#platform/link/handshake.ts';
import { withScheme } from '#platform/link/request.ts';
import type { FeedReading } from '#updates/feed/feed.ts';
import { HttpFeed } from '#updates/feed/http-feed.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { configuredFeed, type UpdatesRequestPorts, updatesHeaders } from '#updates/request.ts';
import { repositoryCopies } from '#updates/signed/repository-copies.ts';
import { HttpTufSource } from '#updates/signed/tuf-source.ts';
import { sendTestObject } from '#uploads/test-object.ts';
import { isUploadPurpose, type UploadPurpose, uploadsRefused } from '#uploads/upload-gate.ts';

/** The time for a complete response in a diagnosis, in milliseconds. */
const TOTAL_MS = 120_000;
/** A response that arrives faster than this, in bytes per second, gets the time that a round would give it. */
const DRIPS_BELOW = 1_000;
const MAX_WAIT_MS = 900_000;
/** Maximum length of a timestamp (TUF 5.4.1), in bytes. */
const TIMESTAMP_BYTES = 16_384;
/** The small test object; the other one has the size of a real request. */
const SMALL_TEST_BYTES = 1_024;

/** What the work sends. */
export interface ProbedWork {
  /** The present size of a request of the purpose to this URL, in bytes; null when no test object may be sent. */
  readonly requestBytes: ((purpose: UploadPurpose, url: URL) => number) | null;
  /** Null while this host is not activated. A vendor may refuse requests without a signature. */
  signerFor(purpose: Purpose, request: Pick<SmallRequest, 'method' | 'url'>): RequestSigner | null;
}

/** What a probe is made for. */
interface Probed extends ProbedWork {
  readonly purpose: Purpose;
}

const UNSIGNED: ProbedWork = { requestBytes: null, signerFor: () => null };

/** One probe for each purpose that is configured. */
export function probesFor(ports: UpdatesPorts, settings: Settings, work: ProbedWork = UNSIGNED): Probe[] {
  return PURPOSES.flatMap((purpose) => PROBES[purposeRow(purpose).probe](ports, settings, { ...work, purpose }));
}

const PROBES: Readonly<Record<ProbeKind, (ports: UpdatesPorts, settings: Settings, probed: Probed) => Probe[]>> = {
  feed: feedProbe,
  request: requestProbe,
};

function feedProbe(ports: UpdatesPorts, settings: Settings, { purpose }: Probed): Probe[] {
  const { acknowledge_url: acknowledge, allowed_origins: origins, trust } = settings.updates;
  const feed = configuredFeed(settings);
  if (feed === null) return [];
  const signed = trust === 'tuf' ? repositoryCopies(settings) : [];
  return [
    {
      purpose,
      target: feed,
      enabled: isEnabled(settings, purpose),
      endpoints: [
        { url: feed, always: true },
        // A package may come from any copy, so none is always needed.
        ...signed.flatMap(({ metadata, targets, isMirror }) =>
          isMirror ? [{ url: metadata, always: false }] : [{ url: targets, always: true }],
        ),
        ...(acknowledge === undefined ? [] : [{ url: new URL(acknowledge), always: true }]),
        ...origins.map((url) => ({ url: new URL(url), always: false })),
      ],
      upgrade: null,
      testUploads: [],
      async ask({ router, report, signal }) {
        const { clock, habits, agent, tokens } = ports;
        const { totalMs, extend } = deadlinesOf(settings);
        const bounds = { totalMs, ...(extend === undefined ? {} : { extend }) };
        const session = new Session({ router, purpose, clock });
        const requests = { clock, habits, agent, tokens, session, report, settings: () => settings, bounds };
        try {
          if (trust === 'tuf') {
            await readTimestamp(requests, signal);
            return null;
          }
          const reading = await new HttpFeed(requests).read({ revalidate: false, signal });
          return partOf(reading, ports, { settings, purpose });
        } finally {
          session.close();
        }
      },
    },
  ];
}

/**
 * Reads the timestamp of the vendor's repository. Its signatures are not checked: a diagnosis must not change what this
 * host has accepted, and the settings that it tests may name another root.
 * @throws CodedError TUF-MISSING, and what the source throws
 */
async function readTimestamp(ports: UpdatesRequestPorts, signal: AbortSignal): Promise<void> {
  const copy = repositoryCopies(ports.settings()).find(({ isMirror }) => !isMirror);
  if (copy === undefined) return;
  const source = new HttpTufSource(ports, { copy, revalidate: false });
  const name = 'timestamp.json';
  const reply = await source.metadata({ name, limitBytes: TIMESTAMP_BYTES, revalidate: false, signal });
  if (reply.kind === 'missing')
    throw coded('TUF-MISSING', { file: name, role: 'timestamp', listedBy: 'every repository', clause: '5.4.1' });
}

/** A range of the feed's first package; null when the feed lists none. */
function partOf(
  reading: FeedReading,
  ports: UpdatesPorts,
  { settings, purpose }: { readonly settings: Settings; readonly purpose: Purpose },
): PackagePart | null {
  const item = reading.document.items.find(({ withdrawn }) => !withdrawn);
  if (item === undefined) return null;
  return {
    purpose,
    locate: async (signal) => (await reading.locate(item, signal))[0],
    allowedOrigins: settings.updates.allowed_origins,
    deadlines: deadlinesOf(settings),
    headers: (credentials) => updatesHeaders(settings, ports, credentials),
  };
}

/** The URL is tested even if the purpose is disabled: an admin tests it before enabling it. */
function requestProbe(ports: UpdatesPorts, settings: Settings, probed: Probed): Probe[] {
  const { purpose, requestBytes } = probed;
  const { agent, tokens } = ports;
  const endpoint = urlOf(settings, purpose);
  if (endpoint === undefined) return [];
  const target = new URL(endpoint);
  const headers = (credentials: boolean) => purposeHeaders(purpose, settings, { agent, tokens, credentials });
  const ask = async (net: Net) => {
    // A WebSocket begins as a request over TLS like any other.
    const url = withScheme(target, 'https:', 'http:');
    await requestAnything(url, { purpose, deadlines: deadlinesOf(settings), headers }, net);
    return null;
  };
  const enabled = isEnabled(settings, purpose);
  const endpoints = [{ url: target, always: true }];
  const testUploads =
    requestBytes === null || !isUploadPurpose(purpose)
      ? []
      : testsOf(ports, settings, { ...probed, purpose, requestBytes, target, headers: () => headers(true) });
  const upgrade = usesWebSocket(settings, purpose) ? upgradeOf(ports, probed, { target, headers }) : null;
  return [{ purpose, target, enabled, endpoints, upgrade, ask, testUploads }];
}

/** The handshake of the link. Without `hello`, the platform keeps an open link of this host. */
function upgradeOf(
  { agent, clock }: UpdatesPorts,
  { purpose, signerFor }: Probed,
  { target, headers }: { target: URL; headers(credentials: boolean): Readonly<Record<string, string>> },
): ProbedUpgrade {
  const url = withScheme(target, 'wss:', 'ws:');
  if (purpose !== 'platform') return { url, headers: () => headers(true), hasFallback: false };
  const request = { method: 'GET', url } as const;
  return {
    url,
    headers: () => ({
      ...headers(true),
      'sallyport-agent': agent.id,
      ...signerFor(purpose, request)?.sign(request),
    }),
    protocol: LINK_SUBPROTOCOL,
    refusal: (head) => linkRefusal(head, url, clock.now()),
    hasFallback: true,
  };
}

/** None if the purpose may not send, by the settings that are tested or by the active ones. */
function testsOf(
  { agent, settings: active }: UpdatesPorts,
  settings: Settings,
  {
    purpose,
    target: url,
    requestBytes,
    signerFor,
    headers,
  }: Pick<ProbedWork, 'signerFor'> & {
    readonly purpose: UploadPurpose;
    readonly target: URL;
    readonly requestBytes: NonNullable<ProbedWork['requestBytes']>;
    headers(): Readonly<Record<string, string>>;
  },
): TestUpload[] {
  if ([settings, active()].some((one) => uploadsRefused(purpose, one) !== null)) return [];
  const { base_ms: responseMs } = settings.response_timeout;
  const sizes = new Set([SMALL_TEST_BYTES, requestBytes(purpose, url)]);
  return [...sizes].map((bytes) => ({
    bytes,
    send: async ({ router, clock, signal }) => {
      const session = new Session({ router, purpose, clock, signerFor: (request) => signerFor(purpose, request) });
      const all = { ...headers(), 'sallyport-agent': agent.id };
      const object = { purpose, url, bytes, headers: all, responseMs, key: 'response_timeout.base_ms' };
      try {
        return await sendTestObject(object, { session, nowMs: () => clock.now(), signal });
      } finally {
        session.close();
      }
    },
  }));
}

function deadlinesOf({ response_timeout: { base_ms: baseMs } }: Settings): Deadlines {
  return {
    firstByteMs: baseMs,
    silenceMs: baseMs,
    totalMs: TOTAL_MS,
    extend: (elapsedMs, bytes) => moreTime(elapsedMs, { bytes, baseMs }),
    key: 'response_timeout.base_ms',
  };
}

/**
 * Silence has its own limit, which the failure names. A dripping response ends; one that only takes long continues.
 */
function moreTime(elapsedMs: number, { bytes, baseMs }: { readonly bytes: number; readonly baseMs: number }): number {
  if (bytes === 0) return baseMs + TOTAL_MS;
  return bytes * 1_000 < elapsedMs * DRIPS_BELOW ? 0 : Math.min(elapsedMs + TOTAL_MS, MAX_WAIT_MS);
}
