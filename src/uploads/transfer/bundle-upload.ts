// Uploads one file, whose bytes never change, to `support_logs.url`, until the server has confirmed that it is stored
// durably.
//
// Guarantees: the URL of the upload is durable before its first byte is sent, so a crash never causes a second upload.
// A new upload is created only if the server no longer has the first one, or has other bytes than ours. If that happens
// again, the upload ends. Attempts that make progress are not counted. A receipt is checked before it is returned.
// Relies on `UploadFacts` for durable state. After a crash, the next call continues the upload at its URL.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import { type AttemptCost, withRetries } from '#http/retry.ts';
import type { RequestBody } from '#http/session/body.ts';
import type { SmallRequest } from '#http/session/running-request.ts';
import type { SessionResponse } from '#http/session/session.ts';
import type { AnswerContext, UploadStep } from './answers.ts';
import { ChunkControl } from './chunk-control.ts';
import { completionOf, fileAt, storedUpload, uploadAt } from './locations.ts';
import type { UploadMethod } from './path-memory.ts';
import { receiptIn } from './receipt.ts';
import { checkAnswer, StepFailure, type StepVerdict } from './step-failure.ts';
import { runTus } from './tus-run.ts';
import { UploadRequests } from './upload-requests.ts';
import type { Bundle, UploadFacts, UploadOutcome, UploadPorts, UploadTarget } from './upload-types.ts';

/** The version of tus. */
const TUS = '1.0.0';
/** These concern one upload. Other bundles would meet every other failure as well. */
const OF_ONE_UPLOAD: ReadonlySet<Code> = new Set<Code>([
  'UPLOAD-OFFSET',
  'UPLOAD-GONE',
  'UPLOAD-LOCKED',
  'UPLOAD-TOO-LARGE',
  'UPLOAD-OTHER-BYTES',
  'UPLOAD-NO-RECEIPT',
]);
/** The method that is tried when one is refused; a server without tus may still accept a whole file. */
const NEXT_METHOD: Readonly<Record<UploadMethod, UploadMethod | null>> = {
  patch: 'override',
  override: 'put',
  put: null,
};
const METHOD_WORDS: Readonly<Record<UploadMethod, string>> = {
  patch: 'PATCH',
  override: 'POST with X-HTTP-Method-Override',
  put: 'PUT of the whole file',
};

/** `failed`: never again. `later`: not in this call, however many attempts are left. */
type UploadVerdict = StepVerdict | 'failed' | 'later';

/** One upload: what to send, where to, and what is durable of it. */
export interface UploadJob {
  readonly bundle: Bundle;
  readonly target: UploadTarget;
  readonly facts: UploadFacts;
}

/**
 * Uploads the bundle, or the part that the server does not have yet.
 * @throws the reason of the signal; CodedError of classes `system` and `internal` for faults of this host; what
 * `facts` throws
 */
export async function uploadBundle(ports: UploadPorts, job: UploadJob, signal: AbortSignal): Promise<UploadOutcome> {
  return await new BundleUpload(ports, job, signal).run();
}

class BundleUpload {
  readonly #ports: UploadPorts;
  readonly #job: UploadJob;
  readonly #signal: AbortSignal;
  readonly #requests: UploadRequests;
  readonly #chunks: ChunkControl;
  readonly #startMs: number;
  #attempts = 0;
  /** Set after a method was refused; until it works, it is remembered only here. */
  #triedMethod: UploadMethod | null = null;
  #hasRenewed = false;
  #sentTo: number | null = null;
  #confirmed = 0;
  /** The most bytes that were confirmed when the last attempt failed. */
  #confirmedBefore = 0;
  /** What follows from the last failure. */
  #last: { readonly failure: CodedError; readonly verdict: UploadVerdict } | null = null;

  constructor(ports: UploadPorts, job: UploadJob, signal: AbortSignal) {
    this.#ports = ports;
    this.#job = job;
    this.#signal = signal;
    this.#requests = new UploadRequests(ports, job.bundle);
    this.#chunks = new ChunkControl(ports, job.target.url.origin, this.#requests);
    this.#startMs = ports.clock.monotonic();
  }

  async run(): Promise<UploadOutcome> {
    const { clock, random, settings } = this.#ports;
    const { attempts, max_delay_seconds: maxDelaySeconds } = settings().retry;
    this.#reportStart();
    try {
      const receipt = await withRetries(
        {
          attempts,
          maxDelaySeconds,
          clock,
          random,
          signal: this.#signal,
          costOf: (failure) => this.#costOf(failure),
          onRetry: () => undefined,
        },
        () => this.#attempt(),
      );
      this.#reportEnd(receipt);
      return { ended: 'receipt', receipt, via: this.#requests.via };
    } catch (thrown) {
      return this.#outcomeOf(thrown);
    } finally {
      await this.#chunks.end();
      await this.#requests.end();
    }
  }

  async #attempt(): Promise<string> {
    this.#attempts += 1;
    this.#last = null;
    try {
      const isPut = this.#job.target.protocol === 'put' || this.#method === 'put';
      return isPut ? await this.#put() : await this.#tus();
    } catch (thrown) {
      if (this.#signal.aborted || !(thrown instanceof StepFailure)) throw thrown;
      throw await this.#afterStep(thrown);
    }
  }

  async #tus(): Promise<string> {
    const { bundle, target, facts } = this.#job;
    const upload = storedUpload(facts.location, target.url) ?? (await this.#create());
    await runTus({
      bundle,
      endpoint: target.url,
      upload,
      requests: this.#requests,
      signal: this.#signal,
      sentTo: this.#sentTo,
      now: () => this.#ports.clock.now(),
      context: () => this.#context(),
      chunkBytes: () => this.#chunks.bytes,
      sending: (to) => this.#noteSending(to),
      confirmed: (offset) => this.#noteConfirmed(offset),
      passed: (bytes) => this.#chunks.passed(bytes, this.#method),
      broken: (thrown, sent) => this.#chunks.broken(thrown, sent),
    });
    return await this.#complete(upload);
  }

  /** Creates the upload. Its location is durable before anything else is sent. */
  async #create(): Promise<URL> {
    const { bundle, target, facts } = this.#job;
    const response = await this.#send('create', target.url, {
      method: 'POST',
      headers: {
        'tus-resumable': TUS,
        'upload-length': String(bundle.body.length),
        'upload-metadata': metadataOf(bundle),
        'idempotency-key': bundle.job,
      },
    });
    const upload = uploadAt(response.head.header('location'), target.url);
    await facts.saveLocation(upload.href);
    return upload;
  }

  async #complete(upload: URL): Promise<string> {
    const { bundle } = this.#job;
    const { job, sha256, body, case: number, note } = bundle;
    const fields = { job, sha256, length: body.length, ...(number === null ? {} : { case: number }) };
    const url = completionOf(upload);
    const response = await this.#send('complete', url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'tus-resumable': TUS, 'idempotency-key': job },
      body: JSON.stringify({ ...fields, ...(note === null ? {} : { note }) }),
    });
    return receiptIn(response, url, bundle);
  }

  async #put(): Promise<string> {
    const { bundle, target } = this.#job;
    const url = fileAt(target.url, bundle.fileName);
    const response = await this.#send('put', url, {
      method: 'PUT',
      headers: {
        'content-type': bundle.contentType,
        'repr-digest': `sha-256=:${Buffer.from(bundle.sha256, 'hex').toString('base64')}:`,
        'idempotency-key': bundle.job,
        ...(bundle.case === null ? {} : { 'sallyport-case': encodeURIComponent(bundle.case) }),
      },
      body: digestedBody(bundle),
    });
    const receipt = receiptIn(response, url, bundle);
    this.#noteConfirmed(bundle.body.length);
    if (target.protocol === 'tus') this.#chunks.methodPassed('put');
    return receipt;
  }

  /** Sends a request and returns a response that lets the upload continue. @throws StepFailure, CodedError */
  async #send(step: UploadStep, url: URL, request: Omit<SmallRequest, 'url'>): Promise<SessionResponse> {
    const response = await this.#requests.send({ step, request: { ...request, url }, signal: this.#signal });
    const sent = typeof request.body === 'object' ? request.body.length : 0;
    const answer = { step, response, url, job: this.#job.bundle.job, sent, nowMs: this.#ports.clock.now() };
    checkAnswer(answer, this.#context());
    return response;
  }

  get #method(): UploadMethod {
    return this.#triedMethod ?? this.#chunks.record.method;
  }

  #context(): AnswerContext {
    return { method: this.#method, ...this.#chunks.proven };
  }

  #noteSending(to: number): void {
    this.#sentTo = Math.max(this.#sentTo ?? to, to);
  }

  #noteConfirmed(offset: number): void {
    const { bundle, facts } = this.#job;
    this.#sentTo = Math.max(this.#sentTo ?? offset, offset);
    this.#confirmed = Math.max(this.#confirmed, offset);
    facts.progress(offset);
    const { job, body } = bundle;
    this.#ports.report({ name: 'upload-progress', job, confirmed: offset, length: body.length });
  }

  /** Prepares the next attempt as the verdict says. Returns the failure to report if there is none. */
  async #afterStep({ verdict, failure }: StepFailure): Promise<CodedError> {
    if (verdict === 'gone') return await this.#renew('gone', failure, this.#hasRenewed);
    if (verdict === 'other-bytes') {
      const isAgain = this.#job.facts.otherBytes > 0;
      return isAgain ? this.#ended('failed', failure) : await this.#renew('other-bytes', failure, false);
    }
    if (verdict === 'other-method') return this.#ended(this.#changeMethod(failure) ? 'changed' : 'wait', failure);
    return this.#ended(verdict === 'smaller' ? this.#chunks.afterTooLarge(failure) : verdict, failure);
  }

  async #renew(why: 'gone' | 'other-bytes', failure: CodedError, isOver: boolean): Promise<CodedError> {
    await this.#job.facts.forgetLocation(why);
    this.#sentTo = null;
    if (isOver) return this.#ended('later', failure);
    this.#hasRenewed = true;
    this.#ports.report({ name: 'upload-restarted', job: this.#job.bundle.job, error: failure });
    return this.#ended('changed', failure);
  }

  #changeMethod(failure: CodedError): boolean {
    const before = this.#method;
    const next = NEXT_METHOD[before];
    if (next === null) return false;
    this.#triedMethod = next;
    const [from, to] = [METHOD_WORDS[before], METHOD_WORDS[next]];
    this.#ports.report({ name: 'upload-method', origin: this.#job.target.url.origin, from, to, error: failure });
    return true;
  }

  #ended(verdict: UploadVerdict, failure: CodedError): CodedError {
    this.#last = { failure, verdict };
    return failure;
  }

  #costOf(failure: CodedError): AttemptCost {
    const verdict = this.#last?.failure === failure ? this.#last.verdict : 'wait';
    const hasProgress = this.#confirmed > this.#confirmedBefore;
    this.#confirmedBefore = this.#confirmed;
    if (verdict === 'blocked' || verdict === 'failed' || verdict === 'later' || isOfThisHost(failure)) return 'over';
    if (verdict === 'changed') return 'none';
    return hasProgress ? 'reset' : 'one';
  }

  #outcomeOf(thrown: unknown): UploadOutcome {
    if (this.#signal.aborted || !(thrown instanceof CodedError) || isOfThisHost(thrown)) throw thrown;
    const failure = asCoded(thrown);
    const verdict = this.#last?.verdict;
    if (verdict === 'blocked') return { ended: 'blocked', failure };
    if (verdict === 'failed') return { ended: 'failed', failure };
    return { ended: 'postponed', failure, holds: !OF_ONE_UPLOAD.has(failure.code) };
  }

  #reportStart(): void {
    const { bundle, target, facts } = this.#job;
    if (facts.failures > 0) return;
    this.#ports.report({
      name: 'upload-started',
      job: bundle.job,
      url: `${target.url.origin}${target.url.pathname}`,
      length: bundle.body.length,
    });
  }

  #reportEnd(receipt: string): void {
    const { bundle, facts } = this.#job;
    const { job, sourceBytes, body } = bundle;
    const ratio = sourceBytes === null || sourceBytes === 0 ? null : Math.round((body.length / sourceBytes) * 100);
    this.#ports.report({
      name: 'uploaded',
      job,
      length: body.length,
      ratio: ratio === null ? 'compression unknown' : `compressed to ${ratio}%`,
      elapsed: this.#ports.clock.monotonic() - this.#startMs,
      attempts: this.#attempts,
      via: this.#requests.via,
      receipt,
    });
    if (facts.failures > 0) this.#ports.report({ name: 'upload-recovered', job, failures: facts.failures });
  }
}

/** The whole file, with its digest for a signature. */
function digestedBody({ body, sha256 }: Bundle): RequestBody {
  return { length: body.length, digest: Buffer.from(sha256, 'hex'), open: (offset) => body.open(offset) };
}

/** A full disk or a file that cannot be read is not a failure of the upload. */
function isOfThisHost(failure: CodedError): boolean {
  return failure.entry.class === 'system' || failure.entry.class === 'internal';
}

/** Upload-Metadata (tus 1.0, creation): keys with values in Base64. */
function metadataOf({ job, sha256, fileName, contentType, case: number }: Bundle): string {
  const fields = {
    job,
    sha256,
    filename: fileName,
    filetype: contentType,
    ...(number === null ? {} : { case: number }),
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');
}
