// Keeps the feeds that were read last, so that a check does not download an unchanged feed again.
//
// Guarantees: a copy is used only if its length and digests match the signed metadata. A damaged copy is downloaded
// again. Feeds that are no longer used are deleted. A copy that a crash leaves behind is checked like any other.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { findDifference } from '#trust/tuf/hashes.ts';
import type { SignedTarget } from '#trust/tuf/types.ts';
import { FEED_LIMITS } from '#updates/feed/feed-document.ts';

export class FeedCopies {
  readonly #files: Files;
  readonly #dir: string;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** The copy of a feed, or what `download` returns, which is kept. @throws CodedError of `download`, DISK-FULL, FILE-* */
  async read(target: SignedTarget, download: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = await this.#kept(target);
    if (kept !== null) return kept;
    const bytes = await download();
    await this.#files.makeDirectory(this.#dir, 0o700);
    await writeDurably(this.#files, join(this.#dir, nameOf(target)), bytes, 0o600);
    return bytes;
  }

  /** Deletes every copy except those of these feeds. */
  async keepOnly(targets: readonly SignedTarget[]): Promise<void> {
    const names = new Set(targets.map(nameOf));
    for (const name of await this.#files.list(this.#dir)) {
      if (!names.has(name)) await removeDurably(this.#files, join(this.#dir, name));
    }
  }

  async #kept(target: SignedTarget): Promise<Uint8Array | null> {
    const path = join(this.#dir, nameOf(target));
    if ((await this.#files.facts(path))?.kind !== 'file') return null;
    const bytes = await readWhole(this.#files, path, FEED_LIMITS.documentBytes).catch(() => null);
    return bytes !== null && findDifference(bytes, target) === null ? bytes : null;
  }
}

/** Paths and digests come from outside. */
function nameOf({ hashes, path }: SignedTarget): string {
  const digest = createHash('sha256').update(JSON.stringify([path, ...hashes]));
  return `${digest.digest('hex')}.json`;
}
