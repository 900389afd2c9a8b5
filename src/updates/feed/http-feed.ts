// The unsigned JSON feed over HTTP. It is fetched over the route for updates, every redirect is checked, and its size
// is limited.
//
// Only the transport protects an unsigned feed: https, or plain http from a loopback URL, which the proxy module sends
// to no other host (`proxy/loopback.ts`). This also applies to redirects: if one uses plain http to another host, the
// feed is refused before it is read.

import { createHash } from 'node:crypto';
import { isLoopbackUrl } from '#config/schema/values.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { checkUrl, shownUrl } from '#http/check-url.ts';
import { type FollowStep, followRedirects, isRedirect } from '#http/follow.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { feedUrl, requestUpdates, type UpdatesRequestPorts } from '#updates/request.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { Feed, FeedQuestion, FeedReading, PackageUrl } from './feed.ts';
import { FEED_LIMITS, type FeedItem, parseFeed } from './feed-document.ts';
import { refusePage } from './page.ts';
import { refuseUnsigned } from './unsigned-rules.ts';

/** The feed at `updates.feed_url`, which is read from the settings each time. */
export class HttpFeed implements Feed {
  readonly #ports: UpdatesRequestPorts;
  readonly #url: () => URL;
  readonly #received: (bytes: Uint8Array) => void;

  /** `url` is another feed than that of the settings. `received` gets the document as it arrived. */
  constructor(
    ports: UpdatesRequestPorts,
    url = () => feedUrl(ports.settings()),
    received: (bytes: Uint8Array) => void = () => undefined,
  ) {
    this.#ports = ports;
    this.#url = url;
    this.#received = received;
  }

  async read(question: FeedQuestion): Promise<FeedReading> {
    const settings = this.#ports.settings();
    const start = this.#url();
    trustOf(start);
    return await followRedirects({
      start,
      context: { configured: start, allowedOrigins: settings.updates.allowed_origins },
      report: reportOf('updates', this.#ports.report),
      led: (to) => this.#ports.habits.ledTo({ purpose: 'updates', by: 'redirect', urls: [to] }),
      visit: (url, credentials) => this.#visit(url, { question, credentials, start }),
    });
  }

  async #visit(
    url: URL,
    options: { question: FeedQuestion; credentials: boolean; start: URL },
  ): Promise<FollowStep<FeedReading>> {
    const { revalidate, signal, onConnected } = options.question;
    const trust = weakest(trustOf(options.start), trustOf(url));
    const { head, body, from } = await requestUpdates(this.#ports, {
      url,
      method: 'GET',
      credentials: options.credentials && options.start.origin === this.#ownOrigin,
      headers: { accept: 'application/json', ...(revalidate ? { 'cache-control': 'no-cache' } : {}) },
      limitBytes: FEED_LIMITS.documentBytes,
      signal,
      ...(onConnected === undefined ? {} : { onConnected }),
    });
    if (isRedirect(head.status)) return { redirect: head };
    const sha256 = createHash('sha256').update(body).digest('hex');
    const document = cameFrom(from, () => {
      refusePage(head, body);
      return parseFeed(body);
    });
    this.#received(body);
    this.#ports.habits.ledTo({ purpose: 'updates', by: 'feed', urls: placesOf(document, url) });
    return { value: this.#reading({ document, sha256, trust, from }, url) };
  }

  /** `url` is the final URL after redirects; file names are relative to it. */
  #reading(read: Pick<FeedReading, 'document' | 'sha256' | 'trust' | 'from'>, url: URL): FeedReading {
    return {
      ...read,
      refusal: (before, nowMs) => refuseUnsigned(read, before, nowMs),
      originOf: (item) => URL.parse(writtenUrl(item), url)?.origin ?? '',
      locate: (item) => Promise.resolve([this.#locate(item, url)]),
    };
  }

  /** The origin that tokens and headers belong to. */
  get #ownOrigin(): string {
    return feedUrl(this.#ports.settings()).origin;
  }

  /** The item's URL, checked before any connection is made. @throws CodedError URL-* */
  #locate(item: FeedItem, from: URL): PackageUrl {
    const settings = this.#ports.settings();
    const configured = this.#url();
    const absolute = URL.parse(writtenUrl(item), from);
    if (absolute === null) throw coded('URL-INVALID', { url: writtenUrl(item), reason: 'it cannot be parsed' });
    const verdict = checkUrl(absolute, { from, configured, allowedOrigins: settings.updates.allowed_origins });
    if (!verdict.ok) throw verdict.error;
    return { url: verdict.url, configured, credentials: true };
  }
}

function writtenUrl({ url, file }: FeedItem): string {
  return url ?? file ?? '';
}

/** Adds to a failure the hop that the bytes came from. */
function cameFrom<T>(from: Hop, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw asCoded(thrown).at(from);
  }
}

/** The URLs where a feed says that its packages are. */
function placesOf({ items }: FeedReading['document'], from: URL): URL[] {
  return items.flatMap((item) => (item.withdrawn ? [] : (URL.parse(writtenUrl(item), from) ?? [])));
}

/** @throws CodedError FEED-UNSIGNED */
function trustOf(url: URL): Trust {
  if (url.protocol === 'https:') return 'tls';
  if (isLoopbackUrl(url)) return 'loopback';
  throw coded('FEED-UNSIGNED', { url: shownUrl(url) });
}

function weakest(one: Trust, other: Trust): Trust {
  return one === 'tls' && other === 'tls' ? 'tls' : 'loopback';
}
