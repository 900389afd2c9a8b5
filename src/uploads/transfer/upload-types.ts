// The inputs and results of an upload. Types only.

import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { RequestBody } from '#http/session/body.ts';
import type { Session } from '#http/session/session.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { TimeoutMemory } from '#timeout/memory.ts';
import type { ResponseTimeoutModel } from '#timeout/model.ts';
import type { UploadPaths } from './path-memory.ts';

/** The file that is uploaded. Its bytes never change. */
export interface Bundle {
  /** Identifies the job; also the Idempotency-Key. */
  readonly job: string;
  readonly body: RequestBody;
  /** Digest of the body, in hex. */
  readonly sha256: string;
  /** Name without a folder, such as `20261130-k3f9q2.tar.zst`. */
  readonly fileName: string;
  readonly contentType: string;
  /** Bytes of the collected files before compression; null if unknown. */
  readonly sourceBytes: number | null;
  /** The vendor's number of the case; null without one. */
  readonly case: string | null;
  readonly note: string | null;
}

/** Where a bundle goes. */
export interface UploadTarget {
  /** `support_logs.url`. Nothing goes to another origin. */
  readonly url: URL;
  readonly protocol: 'tus' | 'put';
}

/**
 * The durable facts of one upload, stored with its job. Each write is durable when its promise resolves. What a write
 * throws ends the upload.
 */
export interface UploadFacts {
  /** URL of the upload at the server; null before it was created. */
  readonly location: string | null;
  /** How often the server had other bytes than ours. */
  readonly otherBytes: number;
  /** Failed attempts since the last one that succeeded. */
  readonly failures: number;
  saveLocation(url: string): Promise<void>;
  /** Forgets the location. `other-bytes` also counts one in `otherBytes`. */
  forgetLocation(why: 'gone' | 'other-bytes'): Promise<void>;
  /** Bytes that the server has confirmed; they may become fewer. Not durable. */
  progress(confirmed: number): void;
}

export interface UploadPorts {
  /** The session of the purpose; its owner closes it. */
  readonly session: Session;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: ScopedReport;
  readonly paths: UploadPaths;
  /** What uploads learned of response times: other than what downloads learned, because the content goes the other way. */
  readonly model: ResponseTimeoutModel;
  readonly timeouts: TimeoutMemory;
  settings(): Pick<Settings, 'response_timeout' | 'retry'>;
  /**
   * The headers of every request: User-Agent, Sallyport-Agent, and the credentials of the purpose, which go to the
   * origin of its URL only.
   * @throws CodedError TOKEN-REBIND
   */
  headers(): Readonly<Record<string, string>>;
}

/** The result of one call. Each call may be followed by another one after any of them except `receipt` and `failed`. */
export type UploadOutcome =
  /** The server has the bundle durably. `via` is the last connection in words: `proxy corp`, or `no proxy`. */
  | { readonly ended: 'receipt'; readonly receipt: string; readonly via: string }
  /** Try again later; `holds` if other bundles would meet the same failure. */
  | { readonly ended: 'postponed'; readonly failure: CodedError; readonly holds: boolean }
  /** A scanner stopped it (`content-block.ts`). */
  | { readonly ended: 'blocked'; readonly failure: CodedError }
  /** It can never be uploaded. */
  | { readonly ended: 'failed'; readonly failure: CodedError };
