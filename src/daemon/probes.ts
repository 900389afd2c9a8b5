// How the work of each purpose begins, for a diagnosis: the updates by reading their feed with the very code of a round,
// the others, which nothing is sent to so far, by one request.

import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import { askAnything, type Net, type Part } from '#diagnose/ask.ts';
import type { Probe } from '#diagnose/walk.ts';
import type { Deadlines } from '#http/deadlines.ts';
import type { FeedReading } from '#updates/feed.ts';
import { HttpFeed } from '#updates/http-feed.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl, updatesHeaders } from '#updates/request.ts';

/** A whole answer to a question of a diagnosis, in milliseconds. */
const TOTAL_MS = 120_000;
/** One that comes faster than this, in bytes a second, does not drip, and has as long as a round would give it. */
const DRIPS_BELOW = 1_000;
const LONGEST_MS = 900_000;

/** One probe for each purpose that is configured. */
export function probesFor(ports: UpdatesPorts, settings: Settings): Probe[] {
  return PURPOSES.flatMap((purpose) =>
    purpose === 'updates' ? updatesProbe(ports, settings) : endpointProbe(ports, settings, purpose),
  );
}

function updatesProbe(ports: UpdatesPorts, settings: Settings): Probe[] {
  const { feed_url: feed, acknowledge_url: acknowledge, allowed_origins: origins } = settings.updates;
  if (feed === undefined) return [];
  return [
    {
      purpose: 'updates',
      target: new URL(feed),
      endpoints: [
        { url: new URL(feed), always: true },
        ...(acknowledge === undefined ? [] : [{ url: new URL(acknowledge), always: true }]),
        ...origins.map((url) => ({ url: new URL(url), always: false })),
      ],
      headers: {},
      async ask({ router, report, signal }) {
        const { clock, habits, agent, tokens } = ports;
        const { totalMs, extend } = deadlinesOf(settings);
        const bounds = { totalMs, ...(extend === undefined ? {} : { extend }) };
        const reader = new HttpFeed({ clock, habits, agent, tokens, router, report, settings: () => settings, bounds });
        const reading = await reader.read({ revalidate: false, signal });
        return partOf(reading, ports, settings);
      },
    },
  ];
}

/** The first package of the feed; null when there is none. */
function partOf({ document, url: from }: FeedReading, ports: UpdatesPorts, settings: Settings): Part | null {
  const item = document.items.find(({ withdrawn }) => !withdrawn);
  const url = URL.parse(item?.url ?? item?.file ?? '', from);
  if (item === undefined || url === null) return null;
  return {
    purpose: 'updates',
    url,
    from,
    configured: feedUrl(settings),
    allowedOrigins: settings.updates.allowed_origins,
    deadlines: deadlinesOf(settings),
    headers: (credentials) => updatesHeaders(settings, ports, credentials),
  };
}

function endpointProbe({ agent }: UpdatesPorts, settings: Settings, purpose: Exclude<Purpose, 'updates'>): Probe[] {
  const endpoint = settings.endpoints[purpose];
  if (endpoint === undefined) return [];
  const target = new URL(endpoint);
  const headers = { 'user-agent': `Sallyport/${agent.version}` };
  const ask = async (net: Net) => {
    // A WebSocket begins as a request over TLS like any other.
    const url = new URL(endpoint.replace(/^wss:/, 'https:'));
    await askAnything(url, { purpose, deadlines: deadlinesOf(settings), headers: () => headers }, net);
    return null;
  };
  return [{ purpose, target, endpoints: [{ url: target, always: true }], headers, ask }];
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

/** Silence has its own limit, which the failure names; what drips ends, and what only takes its time goes on. */
function moreTime(elapsedMs: number, { bytes, baseMs }: { readonly bytes: number; readonly baseMs: number }): number {
  if (bytes === 0) return baseMs + TOTAL_MS;
  return bytes * 1_000 < elapsedMs * DRIPS_BELOW ? 0 : Math.min(elapsedMs + TOTAL_MS, LONGEST_MS);
}
