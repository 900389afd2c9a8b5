// Notices a new release in the served folder: a changed serial of the feed, or a changed snapshot version of a signed
// repository.
//
// A timestamp that was only renewed is not a release. Otherwise, all agents would check for updates for nothing.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FEED_NAME } from '#origin/feed-format.ts';
import { METADATA_FOLDER } from '#origin/signing/layout.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { parseJson } from './link/wire.ts';

const LOOK_EVERY_MS = 1_000;
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** A digest of the present release; null if there is none. Errors while a file is replaced count as none. */
async function releaseOf(files: Files, root: string): Promise<string | null> {
  const feed = await readJson(files, join(root, FEED_NAME));
  const timestamp = await readJson(files, join(root, METADATA_FOLDER, 'timestamp.json'));
  const parts = [textAt(feed, ['serial']), textAt(timestamp, ['signed', 'meta', 'snapshot.json', 'version'])];
  if (parts.every((part) => part === null)) return null;
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export class FeedWatch {
  readonly #timer: Timer;
  #looking: Promise<void> = Promise.resolve();

  /** `onRelease` is called with the digest of a release when it differs from `known()`. It may be called again. */
  constructor(
    files: Files,
    root: string,
    made: { clock: Clock; known: () => string | null; onRelease: (digest: string) => Promise<void> },
  ) {
    const look = async () => {
      const digest = await releaseOf(files, root);
      if (digest !== null && digest !== made.known()) await made.onRelease(digest);
    };
    const lookAgain = () => {
      this.#looking = look()
        .catch(() => undefined)
        .finally(() => this.#timer.restart());
    };
    this.#timer = made.clock.after(LOOK_EVERY_MS, lookAgain);
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#looking;
  }
}

async function readJson(files: Files, path: string): Promise<unknown> {
  if ((await files.facts(path)) === null) return null;
  try {
    return parseJson(Buffer.from(await readWhole(files, path, MAX_DOCUMENT_BYTES)).toString('utf8'));
  } catch {
    return null;
  }
}

function textAt(value: unknown, path: readonly string[]): string | null {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return null;
    found = (found as Record<string, unknown>)[name];
  }
  return typeof found === 'number' ? String(found) : null;
}
