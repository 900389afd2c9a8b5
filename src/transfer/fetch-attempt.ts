// The state of one attempt to download a file. Types only.

import type { RunningDigest } from '#system/hashing/running-digest.ts';
import type { RouteKey } from '#timeout/model.ts';
import type { Copies } from './copies.ts';
import type { FetchJob } from './fetch-types.ts';
import type { ResponseReader } from './response-reader.ts';
import type { TransferPlan } from './resume.ts';
import type { RunningTransfer } from './running-transfers.ts';

/** An attempt in progress. */
export interface FetchAttempt {
  readonly job: FetchJob;
  readonly plan: TransferPlan;
  readonly reader: ResponseReader;
  readonly copies: Copies;
  /** Digest of the copy that the plan continues. */
  readonly kept: RunningDigest;
  readonly transfer: RunningTransfer;
  /** The last hop has accepted the connection: from here on, a failure may be due to the request. */
  isConnected: boolean;
  /** A connection that was used before broke without an answer, so a new one is opened. */
  needsNewConnection: boolean;
  /** It was reported that this attempt requests parts. */
  isInParts: boolean;
  /** The path refused the whole file because of its size. */
  isTooBig: boolean;
  /** The route of the last response; null before the first one. */
  route: RouteKey | null;
}

/** One hop of an attempt. */
export interface Visit {
  readonly url: URL;
  readonly credentials: boolean;
  readonly signal: AbortSignal;
}
