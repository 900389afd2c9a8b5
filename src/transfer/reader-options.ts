// The inputs of a `ResponseReader`. Types only.

import type { Hop } from '#errors/hop.ts';
import type { Clock } from '#system/clock.ts';
import type { OpenFile } from '#system/files.ts';
import type { RunningDigest } from '#system/hashing/running-digest.ts';
import type { SpaceWatch } from './disk-space.ts';
import type { RangePlan } from './resume.ts';

export interface ReaderOptions {
  /** The copy that a partial response continues. */
  readonly file: OpenFile;
  /** The copy for bytes from zero on. */
  readonly fromZeroFile: OpenFile;
  readonly job: {
    readonly length: number | null;
    readonly sha256: string | null;
    readonly begins?: Uint8Array;
  };
  /** The length of the whole file, as the job or an earlier response says it; null while it is unknown. */
  readonly length: number | null;
  /** Called with what the first response shows of a file, before its bytes. */
  identify(shown: { readonly length: number | null; readonly validator?: string | null }): void;
  readonly range: RangePlan;
  /** Digest that begins with the bytes already on disk. */
  readonly digest: RunningDigest;
  readonly space: SpaceWatch;
  readonly clock: Clock;
  readonly watch: { startedOver(reason: string): void; progress(received: number): void };
}

/** Where the response came from: the requested URL, and the hop that a failure names. */
export interface From {
  readonly url: URL;
  readonly hop: Hop;
  /** Name of the proxy; null without one. */
  readonly proxy: string | null;
}
