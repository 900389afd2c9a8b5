// Applies one response to the copies on disk: checks the head, then writes the body to the right position or reads it
// as a page.
//
// Guarantees: bytes are written only where `checkResume` allows it, and never more than the feed lists. If a body does
// not begin like a package, nothing on disk is changed. The content decides whether a body is a page. The content type
// is only shown in the failure, which describes the page by type, size and title.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { BodySink, ExchangeResult } from '#http/exchange.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { statusError } from '#http/status-error.ts';
import type { Clock } from '#system/clock.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import { newDigest, type RunningDigest } from '#system/hashing/running-digest.ts';
import type { SpaceWatch } from './disk-space.ts';
import { describeFirstBytes } from './first-bytes.ts';
import { checkResume, chooseValidator, planRange, type RangePlan } from './resume.ts';

/** Bytes of a page that are searched for its title. */
const PAGE_BYTES = 65_536;
/** Shortest interval between progress reports. */
const PROGRESS_EVERY_MS = 200;
/** Content types of pages. A static host may label a package like this as well, so the first bytes decide. */
const PAGE_TYPE =
  /^(?:text\/|image\/|multipart\/|message\/|application\/(?:xhtml|json|xml|problem|javascript|.*\+(?:json|xml)))/i;

/** How HTML, XML and JSON begin. */
const PAGE_START = /^(?:\u{feff})?\s*[<{[]/u;

interface ReaderOptions {
  /** The copy that a partial response continues. */
  readonly file: OpenFile;
  /** The copy for bytes from zero on. */
  readonly fromZeroFile: OpenFile;
  readonly job: { readonly length: number; readonly begins: Uint8Array };
  readonly range: RangePlan;
  /** Digest that begins with the bytes already on disk. */
  readonly digest: RunningDigest;
  readonly space: SpaceWatch;
  readonly clock: Clock;
  readonly watch: { startedOver(reason: string): void; progress(received: number): void };
}

/** Where the response came from: the requested URL, and the hop that a failure names. */
interface From {
  readonly url: URL;
  readonly hop: Hop;
  /** Name of the proxy; null without one. */
  readonly proxy: string | null;
}

/** Reads the response of the last hop into the staged file. */
export class ResponseReader {
  readonly #options: ReaderOptions;
  /** What the current request is for. */
  #range: RangePlan;
  /** The current request continues a copy that this attempt has written to. */
  #isLaterPart = false;
  /** Validator of the bytes that were written from zero on. */
  #validator: string | null = null;
  #head: ResponseInfo | null = null;
  #from: Hop | null = null;
  #digest: RunningDigest;
  #position: number;
  #kept: number;
  #written: OpenFile | null = null;
  #wroteFromZero = false;
  #refusal: CodedError | null = null;
  #isTooLong = false;
  /** The first bytes of a body from zero, until there are enough to classify them. */
  #start: Buffer | null = null;
  /** The status is not a success, so the body is an error page. */
  #isRefused = false;
  #page: Uint8Array[] | null = null;
  #pageBytes = 0;
  #longestSilenceMs: number | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#range = options.range;
    this.#digest = options.digest;
    this.#position = options.range.kind === 'whole' ? 0 : options.file.facts().size;
    this.#kept = this.#position;
  }

  get head(): ResponseInfo | null {
    return this.#head;
  }

  /** Where the response came from; null without one. */
  get from(): Hop | null {
    return this.#from;
  }

  /** Length of the copy so far, including the bytes of earlier attempts. */
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

  /** What the next request has to bring. */
  get range(): RangePlan {
    return this.#range;
  }

  /** Validator of the bytes that were written from zero on, or null. */
  get validator(): string | null {
    return this.#validator;
  }

  get longestSilenceMs(): number | null {
    return this.#longestSilenceMs;
  }

  /** The copy that received bytes; null when none did. */
  get written(): OpenFile | null {
    return this.#written;
  }

  /**
   * After a failure: how many bytes of that copy the next attempt can resume from. If too many bytes came, only those
   * of earlier attempts are kept.
   */
  get bytesWorthKeeping(): number {
    return this.#isTooLong ? this.#kept : this.#position;
  }

  /** The digest of the copy that the response completed. */
  get digest(): RunningDigest {
    return this.#digest;
  }

  /** Checks the head. Returns the sink for the body, or null when the body is not needed. */
  open(head: ResponseInfo, from: From): BodySink | null {
    this.#head = head;
    this.#from = from.hop;
    if (head.status !== 200 && head.status !== 206 && head.status !== 416) {
      this.#isRefused = true;
      return PAGE_TYPE.test(head.header('content-type') ?? '') ? this.#openPage(from) : null;
    }
    const { job } = this.#options;
    const facts = {
      status: head.status,
      contentRange: head.header('content-range'),
      contentLength: head.contentLength,
    };
    const verdict = checkResume(this.#range, facts, job.length);
    switch (verdict.kind) {
      case 'append':
        return { write: (chunk) => this.#append(chunk, from) };
      case 'from-zero':
        // The next attempt writes the whole file to the second copy, and keeps what has arrived.
        if (this.#isLaterPart) return this.#refuse(wholeForPart(this.#position), from);
        this.#start = Buffer.alloc(0);
        return { write: (chunk) => this.#begin(chunk, { from, reason: verdict.reason }) };
      case 'restart':
      case 'refused':
        if (this.#isPage()) return this.#openPage(from);
        return this.#refuse(verdict.error, from);
    }
  }

  #refuse(error: CodedError, { hop }: From): null {
    this.#refusal = error.at(hop);
    return null;
  }

  /** Whether a body that cannot be the package is called a page. The parts of a multipart response are not. */
  #isPage(): boolean {
    const type = this.#head?.header('content-type') ?? '';
    return this.#head?.status !== 416 && PAGE_TYPE.test(type) && !/^multipart\//i.test(type);
  }

  /**
   * After the exchange: throws what the response was instead of the package, or what ended the exchange. `asked` is the
   * number of bytes that were requested if it was a part. Returns true if the part arrived and others are missing.
   */
  conclude(from: From, result: ExchangeResult, asked: number | null = null): boolean {
    if (this.#isRefused || this.#page !== null) throw this.#describePage(from, result.bytes);
    if (this.#refusal !== null) throw this.#refusal;
    if (result.ended === 'failed') throw result.error;
    // The body ended before it could be classified.
    if (this.#start !== null && this.#start.length > 0) throw this.#strange(this.#start, from);
    const { firstByteMs, longestSilenceMs } = result.measured;
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs ?? 0, firstByteMs ?? 0, longestSilenceMs ?? 0);
    const offset = this.#range.kind === 'rest' ? this.#range.offset : 0;
    if (asked !== null && !this.complete && this.#start === null && this.#position >= offset + asked) {
      this.#continue();
      return true;
    }
    if (!this.complete || this.#start !== null) {
      const received = this.#start === null ? this.#position : 0;
      throw coded('BODY-SHORT', { received, expected: this.#options.job.length, hop: from.hop });
    }
    this.#options.watch.progress(this.#position);
    return false;
  }

  /** The next request is for the bytes after those that have arrived. */
  #continue(): void {
    const known = this.#range.kind === 'rest' ? (this.#range.headers['if-range'] ?? null) : null;
    const validator = this.#wroteFromZero ? this.#validator : known;
    this.#range = planRange(this.#position, this.#options.job.length, validator);
    this.#isLaterPart = true;
  }

  /** Collects and checks the first bytes. Only a body that begins as a package is written. */
  #begin(chunk: Uint8Array, about: { from: From; reason: string | null }): void {
    const { begins } = this.#options.job;
    if (this.#page !== null) {
      this.#takePage(chunk, about.from);
      return;
    }
    if (this.#start === null) {
      this.#append(chunk, about.from);
      return;
    }
    const start = Buffer.concat([this.#start, chunk]);
    this.#start = start;
    if (start.length < begins.length) return;
    if (start.subarray(0, begins.length).equals(begins)) {
      this.#start = null;
      this.#startFromZero(about.reason);
      this.#append(start, about.from);
      return;
    }
    if (!this.#looksLikePage(start)) throw this.#strange(start, about.from);
    this.#openPage(about.from);
    this.#takePage(start, about.from);
  }

  #looksLikePage(start: Buffer): boolean {
    return this.#isPage() || PAGE_START.test(start.subarray(0, 64).toString('utf8'));
  }

  #strange(start: Buffer, from: From): CodedError {
    return coded('NOT-A-JAR', { reason: describeFirstBytes(start), hop: from.hop });
  }

  #startFromZero(reason: string | null): void {
    if (reason !== null) this.#options.watch.startedOver(reason);
    this.#wroteFromZero = true;
    this.#validator = chooseValidator(this.#head?.header('etag'), this.#head?.header('last-modified'));
    this.#position = 0;
    this.#kept = 0;
    void this.#digest.stop();
    this.#digest = newDigest();
  }

  #append(chunk: Uint8Array, from: From): void {
    const { job, clock, space, watch } = this.#options;
    const file = this.#wroteFromZero ? this.#options.fromZeroFile : this.#options.file;
    if (this.#position + chunk.length > job.length) {
      this.#isTooLong = true;
      throw coded('BODY-TOO-LONG', { expected: job.length, hop: from.hop });
    }
    this.#written = file;
    writeAll(file, chunk, this.#position);
    this.#digest.add(chunk);
    this.#position += chunk.length;
    space.wrote(chunk.length, job.length - this.#position);
    const now = clock.monotonic();
    if (now - this.#lastProgressMs < PROGRESS_EVERY_MS) return;
    this.#lastProgressMs = now;
    watch.progress(this.#position);
  }

  #openPage(from: From): BodySink {
    this.#page = [];
    return { write: (chunk) => this.#takePage(chunk, from) };
  }

  #takePage(chunk: Uint8Array, from: From): void {
    const space = PAGE_BYTES - this.#pageBytes;
    if (space <= 0) throw this.#describePage(from, this.#pageBytes);
    this.#page?.push(chunk.slice(0, space));
    this.#pageBytes += Math.min(space, chunk.length);
  }

  #describePage(from: From, bytes: number): CodedError {
    const head = this.#head;
    const page = Buffer.concat(this.#page ?? []);
    if (this.#isRefused && head !== null) {
      return statusError(head, from.url, { nowMs: this.#options.clock.now(), page, proxy: from.proxy });
    }
    return coded('NOT-THE-PACKAGE', {
      expected: this.#options.job.length,
      type: head?.header('content-type') ?? 'no type',
      bytes: head?.contentLength ?? bytes,
      title: pageTitle(page),
      hop: from.hop,
    });
  }
}

function wholeForPart(offset: number): CodedError {
  return coded('RANGE-INVALID', { asked: offset, range: 'the whole file' });
}
