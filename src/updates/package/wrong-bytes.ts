// Once the right file has arrived, finds out which part of the path had sent wrong bytes, and records it for later
// downloads.
//
// If the bytes of earlier attempts were right, the resumed part was wrong: the path answers ranges with wrong bytes, or
// a cache does. If the earlier bytes were wrong, they may have changed on the disk, and nothing is recorded. The state
// is for one package and one round; a crash loses it.

import type { PathHabits } from '#path/habits.ts';
import type { Files } from '#system/files.ts';
import { continueDigest } from '#system/hashing/running-digest.ts';
import type { Fetched } from '#transfer/fetch-types.ts';

interface Ports {
  readonly files: Files;
  readonly habits: Pick<PathHabits, 'observeLimit'>;
}

export class WrongBytes {
  readonly #ports: Ports;
  /** The last complete file that was wrong. */
  #wrong: Fetched | null = null;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** A complete file failed verification. */
  found(fetched: Fetched): void {
    this.#wrong = fetched;
  }

  /** A complete file passed verification. It still has its staged name. @throws the reason of the signal; FILE-* */
  async resolved(fetched: Fetched, signal: AbortSignal): Promise<void> {
    const { habits } = this.#ports;
    const wrong = this.#wrong;
    this.#wrong = null;
    if (fetched.usedRanges && fetched.source !== null) {
      habits.observeLimit(fetched.source.route, { kind: 'right-ranges' });
    }
    if (wrong === null || wrong.source === null) return;
    const { route, cached } = wrong.source;
    if (cached) habits.observeLimit(route, { kind: 'bad-cache' });
    else if (wrong.usedRanges && !fetched.usedRanges && (await this.#keptWereRight(wrong, fetched, signal))) {
      habits.observeLimit(route, { kind: 'wrong-ranges' });
    }
  }

  /** Whether the bytes of earlier attempts were those of the right file. */
  async #keptWereRight({ keptBytes, keptSha256 }: Fetched, { path }: Fetched, signal: AbortSignal): Promise<boolean> {
    if (keptSha256 === null) return true;
    const file = await this.#ports.files.openToRead(path);
    try {
      const digest = await continueDigest(file, keptBytes, signal);
      return (await digest.end()).prefix === keptSha256;
    } finally {
      await file.close();
    }
  }
}
