// Writes one response to the file of a download on disk, or to its second copy. It checks the head, and then writes the
// body to the right position, or reads it as a page that came in place of the package.
//
// Guarantees: bytes are written only where `checkResume` allows it, and never more than the feed lists. If a body does
// not begin like a package, nothing on disk is changed. The content decides whether a body is a page, not the content
// type. The failure describes the page by type, size and title.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { shownUrl } from '#http/check-url.ts';
import type { BodySink, ExchangeResult } from '#http/exchange.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import { newDigest, type RunningDigest } from '#system/hashing/running-digest.ts';
import { beginsLikePage, describeFirstBytes, isPageType } from './first-bytes.ts';
import type { From, ReaderOptions } from './reader-options.ts';
import { pageFailure, ReceivedPage } from './received-page.ts';
import {
  announcedLength,
  checkResume,
  chooseValidator,
  planRange,
  type RangeFacts,
  type RangePlan,
  rangeFactsOf,
} from './resume.ts';
import { repeatsIfRange, strongValidator } from './validators.ts';

/** Shortest interval between progress reports. */
const PROGRESS_EVERY_MS = 200;
const NO_BYTES = new Uint8Array();

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
  #length: number | null;
  #hasChanged = false;
  /** The first bytes of a body from zero, until there are enough to classify them. */
  #start: Buffer | null = null;
  /** The status is not a success, so the body is an error page. */
  #isRefused = false;
  #page: ReceivedPage | null = null;
  /** The response under way has brought bytes of the file. */
  #isMoving = false;
  #longestSilenceMs: number | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#range = options.range;
    this.#length = options.length;
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
    return this.#position === this.#length;
  }

  /** The length of the whole file; null while it is unknown. */
  get length(): number | null {
    return this.#length;
  }

  /** The bytes on disk belong to another file than the server has now. Only without a digest. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  /**
   * Whether the file is complete. Without a length, the end of the response shows it (RFC 9112, 6.3), unless it is the
   * part that was requested. `asked` is as in `conclude`.
   */
  isWhole(result: ExchangeResult, asked: number | null): boolean {
    if (this.#length !== null) return this.complete;
    const isPart = asked !== null && this.#head?.status === 206;
    return result.ended === 'complete' && !isPart && this.#start === null && this.#written !== null;
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
    // An earlier response of this attempt may have begun (`takeOver`).
    this.#isMoving = false;
    this.#start = null;
    if (head.status !== 200 && head.status !== 206 && head.status !== 416) {
      this.#isRefused = true;
      return isPageType(head.header('content-type')) ? this.#openPage(from) : null;
    }
    const { job } = this.#options;
    const facts = rangeFactsOf(head);
    const known = { bytes: this.#length, isPromised: job.length !== null };
    const verdict = checkResume(this.#range, facts, known);
    switch (verdict.kind) {
      case 'append':
        if (job.sha256 === null && !repeatsIfRange(head, this.#range))
          return this.#refuseChanged(facts.contentRange, from);
        this.#length ??= announcedLength(facts);
        return { write: (chunk) => this.#append(chunk, from) };
      case 'from-zero':
        return this.#openFromZero(facts, { head, from, reason: verdict.reason });
      case 'restart':
      case 'refused':
        if (job.sha256 === null && verdict.kind === 'restart') this.#hasChanged = true;
        if (this.#isPage()) return this.#openPage(from);
        return this.#refuse(verdict.error, from);
    }
  }

  #openFromZero(
    facts: RangeFacts,
    { head, from, reason }: { readonly head: ResponseInfo; readonly from: From; readonly reason: string | null },
  ): BodySink | null {
    // The next attempt writes the whole file to the second copy, and keeps what has arrived.
    if (this.#isLaterPart) return this.#refuse(wholeForPart(this.#position), from);
    if (this.#options.job.length === null && !this.#identify(head, facts, from)) return null;
    this.#start = Buffer.alloc(0);
    if (this.#begins.length === 0) this.#acceptStart(reason);
    return { write: (chunk) => this.#begin(chunk, { from, reason }) };
  }

  /**
   * Takes the length and the validator from a response with the whole file. Returns false if it is refused: without a
   * digest, nothing may be written over the bytes of another file, and the end of the body must be known.
   */
  #identify(head: ResponseInfo, facts: RangeFacts, from: From): boolean {
    const { job, identify } = this.#options;
    const isPlain = job.sha256 === null;
    if (isPlain && this.#range.kind === 'rest') {
      this.#refuseChanged(facts.contentRange, from);
      return false;
    }
    const length = announcedLength(facts);
    if (isPlain && length === null && head.header('transfer-encoding') === undefined) {
      this.#refuse(coded('LENGTH-UNKNOWN', { url: shownUrl(from.url) }), from);
      return false;
    }
    this.#length = length;
    identify({ length, ...(isPlain ? { validator: strongValidator(head) } : {}) });
    return true;
  }

  #refuseChanged(range: string | undefined, from: From): null {
    this.#hasChanged = true;
    return this.#refuse(coded('RANGE-INVALID', { asked: this.#position, range: range ?? 'another file' }), from);
  }

  #refuse(error: CodedError, { hop }: From): null {
    this.#refusal = error.at(hop);
    return null;
  }

  /** Whether a body that cannot be the package is called a page. The parts of a multipart response are not. */
  #isPage(): boolean {
    const type = this.#head?.header('content-type') ?? '';
    return this.#head?.status !== 416 && isPageType(type) && !/^multipart\//i.test(type);
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
    if (this.isWhole(result, asked)) this.#length ??= this.#position;
    const offset = this.#range.kind === 'rest' ? this.#range.offset : 0;
    if (asked !== null && !this.complete && this.#start === null && this.#position >= offset + asked) {
      this.#continue();
      return true;
    }
    if (!this.complete || this.#start !== null) {
      const received = this.#start === null ? this.#position : 0;
      throw coded('BODY-SHORT', { received, expected: this.#length, hop: from.hop });
    }
    this.#options.watch.progress(this.#position);
    return false;
  }

  /**
   * What a second request would have to bring while the response under way is silent; null if that response is not the
   * file, or if its bytes are not classified yet.
   */
  get missing(): RangePlan | null {
    const isClassified = this.#start === null || this.#start.length === 0;
    if (this.#isRefused || this.#page !== null || this.#refusal !== null || !isClassified) return null;
    return this.#isMoving ? this.#later() : this.#range;
  }

  /** Whether the head of a second response, to a request for `range`, promises the bytes that are missing now. */
  canTakeOver(range: RangePlan, head: ResponseInfo): boolean {
    const { job } = this.#options;
    const known = { bytes: this.#length, isPromised: job.length !== null };
    const { kind } = checkResume(range, rangeFactsOf(head), known);
    const isLater = this.#isMoving || this.#isLaterPart;
    // Without a byte yet, a copy that begins at zero cannot be continued at another offset.
    if (kind === 'append')
      return (isLater || !this.#wroteFromZero) && (job.sha256 !== null || repeatsIfRange(head, range));
    return kind === 'from-zero' && !isLater && (job.sha256 !== null || range.kind === 'whole');
  }

  /** The next head is that of a second request, for `range`, after the first one was silent for this long. */
  takeOver(range: RangePlan, silentMs: number): void {
    this.#isLaterPart ||= this.#isMoving;
    this.#range = range;
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs ?? 0, silentMs);
  }

  /** The next request is for the bytes after those that have arrived. */
  #continue(): void {
    this.#range = this.#later();
    this.#isLaterPart = true;
    this.#isMoving = false;
  }

  #later(): RangePlan {
    const known = this.#range.kind === 'rest' ? (this.#range.headers['if-range'] ?? null) : null;
    return planRange(this.#position, this.#length, this.#wroteFromZero ? this.#validator : known);
  }

  /** Collects and checks the first bytes. Only a body that begins as a package is written. */
  #begin(chunk: Uint8Array, about: { from: From; reason: string | null }): void {
    const begins = this.#begins;
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
      this.#acceptStart(about.reason);
      this.#append(start, about.from);
      return;
    }
    if (!this.#looksLikePage(start)) throw this.#strange(start, about.from);
    this.#openPage(about.from);
    this.#takePage(start, about.from);
  }

  #looksLikePage(start: Buffer): boolean {
    return this.#isPage() || beginsLikePage(start);
  }

  #strange(start: Buffer, from: From): CodedError {
    return coded('NOT-A-JAR', { reason: describeFirstBytes(start), hop: from.hop });
  }

  get #begins(): Uint8Array {
    return this.#options.job.begins ?? NO_BYTES;
  }

  #acceptStart(reason: string | null): void {
    this.#start = null;
    this.#startFromZero(reason);
  }

  #startFromZero(reason: string | null): void {
    if (reason !== null) this.#options.watch.startedOver(reason);
    this.#wroteFromZero = true;
    this.#written = this.#options.fromZeroFile;
    this.#validator = chooseValidator(this.#head?.header('etag'), this.#head?.header('last-modified'));
    this.#position = 0;
    this.#kept = 0;
    void this.#digest.stop();
    this.#digest = newDigest();
  }

  #append(chunk: Uint8Array, from: From): void {
    const { clock, space, watch } = this.#options;
    const length = this.#length;
    const file = this.#wroteFromZero ? this.#options.fromZeroFile : this.#options.file;
    if (length !== null && this.#position + chunk.length > length) {
      this.#isTooLong = true;
      throw coded('BODY-TOO-LONG', { expected: length, hop: from.hop });
    }
    this.#written = file;
    this.#isMoving = true;
    writeAll(file, chunk, this.#position);
    this.#digest.add(chunk);
    this.#position += chunk.length;
    space.wrote(chunk.length, length === null ? chunk.length : length - this.#position);
    const now = clock.monotonic();
    if (now - this.#lastProgressMs < PROGRESS_EVERY_MS) return;
    this.#lastProgressMs = now;
    watch.progress(this.#position);
  }

  #openPage(from: From): BodySink {
    this.#page = new ReceivedPage();
    return { write: (chunk) => this.#takePage(chunk, from) };
  }

  #takePage(chunk: Uint8Array, from: From): void {
    if (this.#page?.take(chunk) === false) throw this.#describePage(from, this.#page.bytes);
  }

  #describePage(from: From, bytes: number): CodedError {
    const nowMs = this.#options.clock.now();
    const response = { head: this.#head, isRefused: this.#isRefused, bytes, expected: this.#length };
    return pageFailure(this.#page ?? new ReceivedPage(), response, { ...from, nowMs });
  }
}

function wholeForPart(offset: number): CodedError {
  return coded('RANGE-INVALID', { asked: offset, range: 'the whole file' });
}
