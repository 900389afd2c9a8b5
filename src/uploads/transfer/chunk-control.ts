// Sets the chunk size and the method of one upload, and records which sizes and methods work on its path.
//
// Guarantees: what was learned about a path is saved when the upload ends, even if it failed. After a connection that
// broke during a chunk, the size is lower. After a 413, it is lower than the refused size.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import { afterFailed, afterPassed, type ChunkFailure } from './chunk-size.ts';
import type { PathRecord, UploadMethod } from './path-memory.ts';
import { StepFailure } from './step-failure.ts';
import type { UploadRequests } from './upload-requests.ts';
import type { UploadPorts } from './upload-types.ts';

/** The connection or the response did not last for a chunk. */
const BROKEN: ReadonlySet<Code> = new Set<Code>([
  'CONNECTION-LOST',
  'REQUEST-TIMEOUT',
  'REQUEST-TRICKLES',
  'RESPONSE-TIMEOUT',
]);

export class ChunkControl {
  readonly #ports: UploadPorts;
  readonly #origin: string;
  readonly #requests: UploadRequests;
  #hasPassed = false;
  /** The smallest size that was reported. */
  #reported = Number.POSITIVE_INFINITY;

  constructor(ports: UploadPorts, origin: string, requests: UploadRequests) {
    this.#ports = ports;
    this.#origin = origin;
    this.#requests = requests;
  }

  /** What is known of the path in use; before the first connection, of the path that was used last. */
  get record(): PathRecord {
    const { paths, clock } = this.#ports;
    const { path } = this.#requests;
    return path === null ? paths.latest(this.#origin, clock.now()) : paths.get(path, clock.now());
  }

  /** The size of the next chunk. */
  get bytes(): number {
    return this.record.chunk.bytes;
  }

  /** Whether a chunk was accepted in this upload, and recently on this path. */
  get proven(): { readonly passed: boolean; readonly passedRecently: boolean } {
    return { passed: this.#hasPassed, passedRecently: this.#hasPassed || this.record.passedRecently };
  }

  /** The server accepted a chunk of this many bytes. */
  passed(bytes: number, method: UploadMethod): void {
    this.#hasPassed = true;
    const { path } = this.#requests;
    if (path === null) return;
    const { chunk } = this.record;
    this.#ports.paths.setChunk(path, afterPassed(chunk, bytes));
    this.methodPassed(method);
    this.#reportChange(chunk.bytes, null);
  }

  /** The server accepted content by this method. */
  methodPassed(method: UploadMethod): void {
    const { path } = this.#requests;
    if (path !== null) this.#ports.paths.methodPassed(path, method, this.#ports.clock.now());
  }

  /** Sending a chunk failed. Returns the failure that ends the attempt. */
  broken(thrown: unknown, chunkBytes: number): unknown {
    if (!(thrown instanceof CodedError) || !BROKEN.has(thrown.code)) return thrown;
    const isSmaller = this.#shrink(chunkBytes, 'broken', thrown);
    // A scanner that holds a request needs time as well, and each such attempt takes minutes: it counts.
    return new StepFailure(isSmaller && thrown.code !== 'RESPONSE-TIMEOUT' ? 'changed' : 'wait', thrown);
  }

  /** A request was answered by 413. `wait` if the chunk already was the smallest. */
  afterTooLarge(failure: CodedError): 'changed' | 'wait' {
    const sent = Number(failure.facts['bytes']);
    return this.#shrink(sent, 'too-large', failure) ? 'changed' : 'wait';
  }

  /** Saves what was learned. Without it the next upload only learns it again, so a failure ends nothing. */
  async end(): Promise<void> {
    try {
      await this.#ports.paths.save();
    } catch (thrown) {
      this.#ports.report({ name: 'fault', error: asCoded(thrown) });
    }
  }

  #shrink(sent: number, why: ChunkFailure, failure: CodedError): boolean {
    const { path } = this.#requests;
    if (path === null) return false;
    const { chunk } = this.record;
    const next = afterFailed(chunk, sent, why);
    this.#ports.paths.setChunk(path, next);
    this.#reportChange(chunk.bytes, failure);
    return next.bytes < chunk.bytes;
  }

  /** A path that cuts connections now and then changes the size often: only a new smallest size is news. */
  #reportChange(from: number, failure: CodedError | null): void {
    const to = this.bytes;
    if (to === from) return;
    const about = { origin: this.#origin, from, to };
    if (failure === null || to >= this.#reported) this.#ports.report({ name: 'upload-chunk-adjusted', ...about });
    else {
      this.#reported = to;
      const error = failure.code === 'UPLOAD-TOO-LARGE' ? `413 from ${String(failure.facts['whose'])}` : failure.code;
      this.#ports.report({ name: 'upload-chunk-size', ...about, code: error });
    }
  }
}
