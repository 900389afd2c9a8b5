// What one response does to the copies on disk: checked by its head, then written where it belongs, or read as a page.
//
// Guarantees: bytes go only where `checkResume` says; never one more than promised. What does not begin as a package
// does touches nothing on disk. Content decides, not its label: the type only words the failure, by which a page that
// came in place of the package is described with type, size and title.

import { createHash, type Hash } from 'node:crypto';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { BodySink, ExchangeResult } from '#http/exchange.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { statusError } from '#http/status-error.ts';
import type { Clock } from '#system/clock.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import type { SpaceWatch } from './disk-space.ts';
import { describeFirstBytes } from './first-bytes.ts';
import { checkResume, type RangePlan } from './resume.ts';

/** Enough of a page to find its title. */
const PAGE_BYTES = 65_536;
/** At most so many progress reports a second. */
const PROGRESS_EVERY_MS = 200;
/** Types that a page comes with. A package may be labelled so, too, by a static host; how it begins decides. */
const PAGE_TYPE =
  /^(?:text\/|image\/|multipart\/|message\/|application\/(?:xhtml|json|xml|problem|javascript|.*\+(?:json|xml)))/i;

/** How HTML, XML and JSON begin. */
const PAGE_START = /^(?:\u{feff})?\s*[<{[]/u;

interface ReaderOptions {
  /** The copy that a part continues. */
  readonly file: OpenFile;
  /** The copy that bytes from zero go into. */
  readonly anew: OpenFile;
  readonly job: { readonly length: number; readonly begins: Uint8Array };
  readonly range: RangePlan;
  /** Hash of the bytes already on disk. */
  readonly prefix: Hash;
  readonly room: SpaceWatch;
  readonly clock: Clock;
  readonly watch: { startedOver(reason: string): void; progress(received: number): void };
}

/** Where the response came from: the URL that was asked, and the hop that is to be named in a failure. */
interface From {
  readonly url: URL;
  readonly hop: Hop;
  /** Name of the proxy there; null without one. */
  readonly proxy: string | null;
}

/** Reads the response of the last hop into the staged file. */
export class ResponseReader {
  readonly #options: ReaderOptions;
  #head: ResponseInfo | null = null;
  #from: Hop | null = null;
  #hash: Hash;
  #position: number;
  #kept: number;
  #written: OpenFile | null = null;
  #wroteFromZero = false;
  #refusal: CodedError | null = null;
  #isTooLong = false;
  /** The first bytes of a body from zero, until it is known what they are. */
  #start: Buffer | null = null;
  /** A status that is no success: what came is the page of a refusal. */
  #isRefused = false;
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

  /** Where the response came from; null without one. */
  get from(): Hop | null {
    return this.#from;
  }

  /** Length of the copy so far, with the bytes of earlier attempts. */
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

  /** The copy that got bytes; null when none did. */
  get written(): OpenFile | null {
    return this.#written;
  }

  /** After a failure: how much of that copy the next attempt can continue. Nothing that came with too much is right. */
  get bytesWorthKeeping(): number {
    return this.#isTooLong ? this.#kept : this.#position;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Checks the head; returns who takes the body, or null when nobody wants it. */
  open(head: ResponseInfo, from: From): BodySink | null {
    this.#head = head;
    this.#from = from.hop;
    if (head.status !== 200 && head.status !== 206 && head.status !== 416) {
      this.#isRefused = true;
      return PAGE_TYPE.test(head.header('content-type') ?? '') ? this.#openPage(from) : null;
    }
    const { range, job } = this.#options;
    const facts = {
      status: head.status,
      contentRange: head.header('content-range'),
      contentLength: head.contentLength,
    };
    const verdict = checkResume(range, facts, job.length);
    switch (verdict.kind) {
      case 'append':
        return { write: (chunk) => this.#append(chunk, from) };
      case 'from-zero':
        this.#start = Buffer.alloc(0);
        return { write: (chunk) => this.#begin(chunk, { from, reason: verdict.reason }) };
      case 'restart':
      case 'refused':
        if (this.#isPage()) return this.#openPage(from);
        this.#refusal = verdict.error.at(from.hop);
        return null;
    }
  }

  /** Whether what can't be the package is called a page; the parts of a multipart answer are none. */
  #isPage(): boolean {
    const type = this.#head?.header('content-type') ?? '';
    return this.#head?.status !== 416 && PAGE_TYPE.test(type) && !/^multipart\//i.test(type);
  }

  /** After the exchange: throws what the response was instead of the package, or what ended it. */
  conclude(from: From, result: ExchangeResult): void {
    if (this.#isRefused || this.#page !== null) throw this.#describePage(from, result.bytes);
    if (this.#refusal !== null) throw this.#refusal;
    if (result.ended === 'failed') throw result.error;
    // It ended before anybody could tell what it is.
    if (this.#start !== null && this.#start.length > 0) throw this.#strange(this.#start, from);
    const { firstByteMs, longestSilenceMs } = result.measured;
    this.#longestSilenceMs = Math.max(firstByteMs ?? 0, longestSilenceMs ?? 0);
    if (!this.complete || this.#start !== null) {
      const received = this.#start === null ? this.#position : 0;
      throw coded('BODY-SHORT', { received, expected: this.#options.job.length, hop: from.hop });
    }
    this.#options.watch.progress(this.#position);
  }

  /** Collects the first bytes and looks at them; only what begins as a package does is written. */
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
    this.#position = 0;
    this.#kept = 0;
    this.#hash = createHash('sha256');
  }

  #append(chunk: Uint8Array, from: From): void {
    const { job, clock, room, watch } = this.#options;
    const file = this.#wroteFromZero ? this.#options.anew : this.#options.file;
    if (this.#position + chunk.length > job.length) {
      this.#isTooLong = true;
      throw coded('BODY-TOO-LONG', { expected: job.length, hop: from.hop });
    }
    this.#written = file;
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
    this.#page = [];
    return { write: (chunk) => this.#takePage(chunk, from) };
  }

  #takePage(chunk: Uint8Array, from: From): void {
    const room = PAGE_BYTES - this.#pageBytes;
    if (room <= 0) throw this.#describePage(from, this.#pageBytes);
    this.#page?.push(chunk.slice(0, room));
    this.#pageBytes += Math.min(room, chunk.length);
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
