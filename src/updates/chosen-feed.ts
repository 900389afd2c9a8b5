// The feed that the settings choose: signed or unsigned.
//
// Guarantees: a host that has accepted a signed feed reads no unsigned feed until root allows this, even after a new
// installation with the same packages folder. If both feeds are configured, only the signed one is used; the other is
// only compared with it. The client of signed feeds is loaded only if it is used.

import { asCoded, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Feed, FeedQuestion, FeedReading } from './feed/feed.ts';
import { HttpFeed } from './feed/http-feed.ts';
import type { SignedFeedPorts } from './signed/tuf-feed.ts';

/** The time for the whole unsigned feed where it is only compared, in milliseconds. */
const COMPARED_TOTAL_MS = 60_000;
/** Differences that are remembered, so that each is reported once. */
const MAX_REPORTED = 4_000;

/** @throws CodedError TRUST-DOWNGRADE if this host may read no unsigned feed */
export function requireNoDowngrade({ trust, settings }: Pick<SignedFeedPorts, 'trust' | 'settings'>): void {
  if (trust.isSigned && !settings().updates.trust_downgrade) throw coded('TRUST-DOWNGRADE', {});
}

/** Reads the settings at each reading. */
export class ChosenFeed implements Feed {
  readonly #ports: SignedFeedPorts;
  readonly #reported = new Set<string>();

  constructor(ports: SignedFeedPorts) {
    this.#ports = ports;
  }

  async read(question: FeedQuestion): Promise<FeedReading> {
    const { updates } = this.#ports.settings();
    if (updates.trust === 'tls') {
      requireNoDowngrade(this.#ports);
      return await new HttpFeed(this.#ports).read(question);
    }
    const { TufFeed } = await import('./signed/tuf-feed.ts');
    const reading = await new TufFeed(this.#ports).read(question);
    if (updates.feed_url !== undefined) await this.#compare(reading, new URL(updates.feed_url), question.signal);
    return reading;
  }

  /** Reports each difference once. Nothing that this feed says, or fails to say, changes what is done. */
  async #compare({ document }: FeedReading, url: URL, signal: AbortSignal): Promise<void> {
    const { report } = this.#ports;
    const bounds = { totalMs: COMPARED_TOTAL_MS };
    try {
      const unsigned = await new HttpFeed({ ...this.#ports, bounds }, () => url).read({ revalidate: false, signal });
      const { compareFeeds } = await import('./signed/compare-feeds.ts');
      const differences = compareFeeds(document, unsigned.document);
      const now = new Set(differences.map(({ id, what }) => `${id} ${what}`));
      for (const key of this.#reported) if (!now.has(key)) this.#reported.delete(key);
      for (const { id, what } of differences) {
        if (this.#reported.has(`${id} ${what}`)) continue;
        if (this.#reported.size < MAX_REPORTED) this.#reported.add(`${id} ${what}`);
        report({ name: 'feeds-differ', id, what, url: shownUrl(url) });
      }
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asCoded(thrown);
      report({ name: 'compared-feed-failed', error, hop: error.place });
    }
  }
}
