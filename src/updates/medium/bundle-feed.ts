// The unsigned feed in a bundle of updates.
//
// Guarantees: the rules of an unsigned feed hold: its serial never goes back, and it expires. A package is published only
// if it matches the feed. The feed itself is trusted as far as the admin trusts the bundle, so the hook does not run for
// its packages (`hook-decision.ts`).

import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { Settings } from '#config/settings.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Feed, FeedQuestion, FeedReading, PackageUrl } from '#updates/feed/feed.ts';
import { FEED_LIMITS, type FeedItem, parseFeed } from '#updates/feed/feed-document.ts';
import { refuseUnsigned } from '#updates/feed/unsigned-rules.ts';
import type { FeedMemory } from '#updates/memory.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl } from '#updates/request.ts';
import { UNSIGNED_FEED, unsignedPackagePath } from './manifest.ts';
import { type MediumFile, type MediumFiles, readUpTo } from './medium-files.ts';
import { stagePackage } from './stage-package.ts';

/** What the manifest says, and what the request allows. */
interface BundleOptions {
  readonly path: string;
  readonly ids: readonly string[];
  /** Of the feed. */
  readonly sha256: string;
  /** How long ago the feed may have expired, in milliseconds. */
  readonly maxAgeMs: number;
  readonly by: string;
}

/** The URL of the unsigned feed without what may be secret in it. */
export function feedName(settings: Settings): string {
  const { origin, pathname } = feedUrl(settings);
  return `${origin}${pathname}`;
}

export class BundleFeed implements Feed {
  readonly #ports: UpdatesPorts;
  readonly #medium: MediumFiles;
  readonly #options: BundleOptions;
  readonly #ids: ReadonlySet<string>;

  constructor(ports: UpdatesPorts, medium: MediumFiles, options: BundleOptions) {
    this.#ports = ports;
    this.#medium = medium;
    this.#options = options;
    this.#ids = new Set(options.ids);
  }

  /** @throws CodedError IMPORT-ARCHIVE, FEED-*, FILE-* */
  async read(_question: FeedQuestion): Promise<FeedReading> {
    const { path, sha256: expected } = this.#options;
    const bytes = await readUpTo(await this.#open(UNSIGNED_FEED), FEED_LIMITS.documentBytes);
    const sha256 = bytes === null ? '' : createHash('sha256').update(bytes).digest('hex');
    if (bytes === null || sha256 !== expected) throw damaged(path, UNSIGNED_FEED);
    const document = parseFeed(bytes);
    return {
      document,
      sha256,
      trust: 'medium',
      refusal: (before, nowMs) => this.#refusal({ document, sha256 }, { before, nowMs }),
      originOf: () => '',
      lacks: ({ id }) => !this.#ids.has(id),
      locate: (item) => Promise.resolve([this.#locate(item)]),
      stage: (item, note, signal) => this.#stage(item, note, signal),
    };
  }

  #refusal(
    read: Pick<FeedReading, 'document' | 'sha256'>,
    { before, nowMs }: { readonly before: FeedMemory | null; readonly nowMs: number },
  ): CodedError | null {
    const { maxAgeMs, by } = this.#options;
    const { expiresMs, serial } = read.document;
    // The second one names the real time.
    if (refuseUnsigned(read, before, nowMs - maxAgeMs) !== null) return refuseUnsigned(read, before, nowMs);
    const { report } = this.#ports;
    report({ name: 'import-feed-read', serial, at: expiresMs });
    if (expiresMs <= nowMs)
      report({ name: 'import-feed-expired', serial, age: nowMs - expiresMs, by, limit: maxAgeMs });
    return null;
  }

  #locate({ id }: FeedItem): PackageUrl {
    const url = pathToFileURL(this.#options.path);
    url.hash = unsignedPackagePath(id);
    return { url, configured: url, credentials: false };
  }

  async #stage(item: FeedItem, note: unknown, signal: AbortSignal): Promise<void> {
    const file = unsignedPackagePath(item.id);
    const found = await stagePackage(this.#ports, await this.#open(file), { item, note, signal });
    if (found !== null) throw damaged(this.#options.path, file);
  }

  async #open(file: string): Promise<MediumFile> {
    const opened = await this.#medium.open(file);
    if (opened === null) throw coded('IMPORT-ARCHIVE', { path: this.#options.path, reason: `${file} is missing` });
    return opened;
  }
}

function damaged(path: string, file: string): CodedError {
  return coded('IMPORT-ARCHIVE', { path, reason: `${file} is damaged: it does not have the expected sha256` });
}
