// What one response does to the staged file: judged by its head, then written where it belongs, or read as a page.
//
// Guarantees: bytes go only where `judgeResume` says; never one more than promised; a page that came in place of the
// package (text, HTML, JSON) touches nothing on disk and is described by type, size and title.

import { createHash, type Hash } from 'node:crypto';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { BodySink, ExchangeResult, ResponseInfo } from '#http/exchange.ts';
import { pageTitle } from '#http/headers.ts';
import { statusError } from '#http/status-error.ts';
import type { Clock } from '#system/clock.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import { judgeResume, type RangePlan } from './resume.ts';
import type { RoomWatch } from './room.ts';

/** Enough of a page to find its title. */
const PAGE_BYTES = 65_536;
/** At most so many progress reports a second. */
const PROGRESS_EVERY_MS = 200;
/** Types that no package comes with; others may be wrong labels of a static host, and the magic bytes decide. */
const PAGE_TYPE =
  /^(?:text\/|image\/|multipart\/|message\/|application\/(?:xhtml|json|xml|problem|javascript|.*\+(?:json|xml)))/i;

interface ReaderOptions {
  readonly file: OpenFile;
  readonly job: { readonly length: number };
  readonly range: RangePlan;
  /** Hash of the bytes already on disk. */
  readonly prefix: Hash;
  readonly room: RoomWatch;
  readonly clock: Clock;
  readonly watch: { startedOver(reason: string): void; progress(received: number): void };
}

/** Where the response came from: the URL that was asked, and the hop that is to be named in a failure. */
interface From {
  readonly url: URL;
  readonly hop: string;
}

/** Reads the response of the last hop into the staged file. */
export class ResponseReader {
  readonly #options: ReaderOptions;
  #head: ResponseInfo | null = null;
  #hash: Hash;
  #position: number;
  #kept: number;
  #wroteFromZero = false;
  #refusal: CodedError | null = null;
  #dropAll = false;
  #page: Uint8Array[] | null = null;
  #pageBytes = 0;
  #longestSilenceMs: number | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#hash = options.prefix;
    this.#position = options.range.kind === 'whole' ? 0 : options.file.facts().size;
    this.#kept = this.#position;
  }

  get head(): ResponseInfo | null {
    return this.#head;
  }

  /** Bytes of the file so far, those of earlier attempts included. */
  get received(): number {
    return this.#position;
  }

  get complete(): boolean {
    return this.#position === this.#options.job.length;
  }

  get wroteFromZero(): boolean {
    return this.#wroteFromZero;
  }

  /** Bytes of earlier attempts that are part of the result. */
  get keptBytes(): number {
    return this.#kept;
  }

  get longestSilenceMs(): number | null {
    return this.#longestSilenceMs;
  }

  /** After a failure: how much of the file the next attempt may go on with. */
  get bytesWorthKeeping(): number {
    return this.#dropAll ? 0 : this.#position;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Judges the head; returns who takes the body, or null when nobody wants it. */
  open(head: ResponseInfo, from: From): BodySink | null {
    this.#head = head;
    if (head.status !== 200 && head.status !== 206 && head.status !== 416) {
      this.#refusal = statusError(head, from.url, this.#options.clock.now());
      return null;
    }
    if (head.status !== 416 && PAGE_TYPE.test(head.header('content-type') ?? '')) return this.#openPage(from);
    const { range, job } = this.#options;
    const facts = {
      status: head.status,
      contentRange: head.header('content-range'),
      contentLength: head.contentLength,
    };
    const verdict = judgeResume(range, facts, job.length);
    switch (verdict.kind) {
      case 'append':
        return { write: (chunk) => this.#append(chunk, from) };
      case 'from-zero':
        this.#startFromZero(verdict.reason);
        return { write: (chunk) => this.#append(chunk, from) };
      case 'restart':
        this.#dropAll = true;
        this.#refusal = verdict.error;
        return null;
      case 'refused':
        this.#refusal = verdict.error;
        return null;
    }
  }

  /** After the exchange: throws what the response was instead of the package, or what ended it. */
  conclude(from: From, result: ExchangeResult): void {
    if (this.#page !== null) throw this.#describePage(from, result.bytes);
    if (this.#refusal !== null) throw this.#refusal;
    if (result.ended === 'failed') throw result.error;
    const { firstByteMs, longestSilenceMs } = result.measured;
    this.#longestSilenceMs = Math.max(firstByteMs ?? 0, longestSilenceMs ?? 0);
    if (!this.complete) {
      throw coded('BODY-SHORT', { received: this.#position, expected: this.#options.job.length, hop: from.hop });
    }
    this.#options.watch.progress(this.#position);
  }

  #startFromZero(reason: string | null): void {
    if (reason !== null) this.#options.watch.startedOver(reason);
    this.#wroteFromZero = true;
    this.#position = 0;
    this.#kept = 0;
    this.#hash = createHash('sha256');
  }

  #append(chunk: Uint8Array, from: From): void {
    const { file, job, clock, room, watch } = this.#options;
    if (this.#position + chunk.length > job.length) {
      this.#dropAll = true;
      throw coded('BODY-TOO-LONG', { expected: job.length, hop: from.hop });
    }
    writeAll(file, chunk, this.#position);
    this.#hash.update(chunk);
    this.#position += chunk.length;
    room.wrote(chunk.length, job.length - this.#position);
    const now = clock.monotonic();
    if (now - this.#lastProgressMs < PROGRESS_EVERY_MS) return;
    this.#lastProgressMs = now;
    watch.progress(this.#position);
  }

  #openPage(from: From): BodySink {
    const page: Uint8Array[] = [];
    this.#page = page;
    return {
      write: (chunk) => {
        const room = PAGE_BYTES - this.#pageBytes;
        if (room <= 0) throw this.#describePage(from, this.#pageBytes);
        page.push(chunk.slice(0, room));
        this.#pageBytes += Math.min(room, chunk.length);
      },
    };
  }

  #describePage(from: From, bytes: number): CodedError {
    const head = this.#head;
    return coded('NOT-THE-PACKAGE', {
      expected: this.#options.job.length,
      type: head?.header('content-type') ?? 'no type',
      bytes: head?.contentLength ?? bytes,
      title: pageTitle(Buffer.concat(this.#page ?? [])),
      hop: from.hop,
    });
  }
}
