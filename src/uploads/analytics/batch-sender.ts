// Sends batches of documents to `exposure_analytics.url`, one at a time. It is the policy of the spool of batches.
//
// Guarantees: a document leaves the spool only if there is a receipt for exactly its bytes, or if the collector itself
// has refused a batch with only this document, in JSON. Otherwise documents are kept. A batch that exceeds a limit is
// split by one durable write, without copying. Blocked content is sent once more after an hour, then held. After a
// restart, the codings and limits of the path are learned again, which costs one refused request for each.

import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Session, SessionResponse } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import type { SallyportEvent, Scope } from '#logging/events.ts';
import { reportFor, type ScopedReport } from '#logging/scoped.ts';
import { answersFrom } from '#proxy/route.ts';
import type { Sending, Verdict } from '#spool/delivery.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { type BatchRange, exceeds } from '#spool/segments/range.ts';
import type { Clock } from '#system/clock.ts';
import { type AfterBlock, afterBlock, blockNotice, type ContentBlock, uploadBlocked } from '#uploads/content-block.ts';
import { type BatchCoding, batchHeaders, CODINGS, encodedBody, nextCoding } from './batch-request.ts';
import { BatchSizes } from './batch-sizes.ts';
import { type BatchAnswer, classifyAnswer, type DocumentRejection, type SentBatch } from './receipt.ts';

/** Most bytes that are read of a response: 10,000 rejected documents with a reason each. */
const ANSWER_BYTES = 4 * 1_048_576;
/** A request with a batch ends at the latest after this long. */
const REQUEST_TOTAL_MS = 3_600_000;

/** What a batch is, for the record of what left this host. */
export interface SentFacts {
  readonly batch: string;
  readonly url: string;
  readonly documents: number;
  readonly rejected: number;
  /** Uncompressed, and as sent. */
  readonly bytes: number;
  readonly wireBytes: number;
  readonly sha256: string;
  /** The Via header of the response. */
  readonly via: string | null;
  /** The name of the proxy profile; null for a direct connection. */
  readonly proxy: string | null;
}

export interface BatchPorts {
  readonly documents: Pick<Documents, 'body' | 'lines' | 'evidence' | 'cut' | 'halve'>;
  /** The session of the purpose; its owner closes it. */
  readonly session: Session;
  readonly clock: Clock;
  /** Of the purpose, for its events. */
  readonly scope: Scope;
  settings(): Pick<Settings, 'exposure_analytics' | 'response_timeout'>;
  /** Identifies the route that a request would take now. */
  routeKey(url: URL): string;
  /**
   * User-Agent, Sallyport-Agent and the credentials of the purpose.
   * @throws CodedError TOKEN-REBIND
   */
  headers(): Readonly<Record<string, string>>;
  /** Called before a batch leaves the spool. What it throws keeps the batch, which is sent again. */
  record(facts: SentFacts): Promise<void>;
}

type Entry = Sending<BatchRange>['entry'];
interface Sent {
  readonly response: SessionResponse;
  readonly url: URL;
  readonly wireBytes: number;
}

export class BatchSender {
  readonly #ports: BatchPorts;
  readonly #sizes = new BatchSizes();
  #coding: { readonly origin: string; readonly name: BatchCoding } | null = null;
  /** Batches that a scanner blocked, by key. */
  readonly #blocks = new Map<string, ContentBlock>();
  /** Failures since the last success, to report a row of them once. */
  #failures = 0;
  #lastCode: string | null = null;

  constructor(ports: BatchPorts) {
    this.#ports = ports;
  }

  /** Forgets what was learned about the path, after `queue retry` or a change of the route. */
  forget(): void {
    this.#blocks.clear();
    this.#sizes.forget();
    this.#coding = null;
  }

  /**
   * Sends one batch, or splits it first.
   * @throws the reason of the signal; CodedError of class `system` for faults of this host
   */
  async send({ entry, signal }: Sending<BatchRange>): Promise<Verdict<BatchRange>> {
    const { exposure_analytics: section } = this.#ports.settings();
    const bytes = Math.min(section.batch_max_bytes, this.#sizes.limitBytes);
    const limits = { documents: section.batch_max_documents, bytes };
    if (exceeds(entry.body, limits)) return split(await this.#ports.documents.cut(entry.body, limits));
    try {
      return await this.#attempt(entry, signal);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return this.#failed(entry, asCoded(thrown));
    }
  }

  async #attempt(entry: Entry, signal: AbortSignal): Promise<Verdict<BatchRange>> {
    for (;;) {
      const coding = this.#codingFor(this.#url());
      const sent = await this.#request(entry, coding, signal);
      const { head, body, facts } = sent.response;
      const notice = blockNotice(head, body);
      if (notice !== null) {
        return this.#blocked(
          entry,
          uploadBlocked(notice, { head, url: sent.url, facts }, { what: `batch ${entry.key}` }),
        );
      }
      const answer = classifyAnswer(
        { status: head.status, contentType: head.header('content-type'), body },
        sentBatch(entry),
      );
      const next = answer.means === 'coding' ? nextCoding(coding) : null;
      if (next === null) return await this.#verdictOf(entry, answer, sent);
      this.#coding = { origin: sent.url.origin, name: next };
    }
  }

  async #request(entry: Entry, coding: BatchCoding, signal: AbortSignal): Promise<Sent> {
    const { documents, session, settings, headers } = this.#ports;
    const url = this.#url();
    const body = await encodedBody(documents.body(entry.body), coding);
    const { base_ms: base } = settings().response_timeout;
    const { sha256, documents: count } = entry.body;
    const response = await session.request({
      request: {
        method: 'POST',
        url,
        headers: { ...headers(), ...batchHeaders({ key: entry.key, sha256, documents: count, coding }) },
        body,
      },
      deadlines: {
        firstByteMs: base,
        silenceMs: base,
        totalMs: Math.max(REQUEST_TOTAL_MS, base),
        key: 'response_timeout.base_ms',
      },
      limitBytes: ANSWER_BYTES,
      signal,
    });
    return { response, url, wireBytes: body.length };
  }

  async #verdictOf(entry: Entry, answer: BatchAnswer, sent: Sent): Promise<Verdict<BatchRange>> {
    if (answer.means === 'receipt') return await this.#confirmed(entry, answer.rejected, sent);
    if (answer.means === 'refused') return await this.#refused(entry, answer.reason);
    if (answer.means === 'conflict') {
      const failure = coded('BATCH-CONFLICT', { url: shownUrl(sent.url), batch: entry.key, reason: answer.reason });
      return { does: 'hold', failure, says: this.#says({ name: 'batch-held', batch: entry.key, error: failure }) };
    }
    if (answer.means === 'too-large' && entry.body.documents > 1) {
      this.#sizes.tooLarge(entry.body.length);
      return split(await this.#ports.documents.halve(entry.body));
    }
    return this.#failed(entry, this.#failureOf(answer, sent));
  }

  async #confirmed(entry: Entry, rejected: readonly DocumentRejection[], sent: Sent): Promise<Verdict<BatchRange>> {
    const { documents, record } = this.#ports;
    const reasons = new Map(rejected.map(({ id, reason }) => [id, reason]));
    if (!(await this.#areAllIn(entry, reasons))) {
      return this.#failed(entry, noReceipt(sent, 'the receipt rejects documents that are not in the batch'));
    }
    const { length, sha256, documents: count } = entry.body;
    const { via } = sent.response.head;
    const facts = { batch: entry.key, url: shownUrl(sent.url), documents: count, rejected: reasons.size };
    const { proxy } = sent.response.facts;
    const sizes = { bytes: length, wireBytes: sent.wireBytes, sha256, via, proxy };
    await record({ ...facts, ...sizes });
    this.#sizes.passed(length);
    this.#blocks.delete(entry.key);
    const says = [...this.#says({ name: 'batch-sent', ...facts, ...sizes }), ...this.#recovered()];
    if (reasons.size === 0) return { does: 'settle', says };
    const failure = coded('DOCUMENTS-REJECTED', { count: reasons.size, batch: entry.key });
    return {
      does: 'reject',
      failure,
      reason: `${reasons.size} of ${count} documents`,
      evidence: documents.evidence(entry.body, reasons),
      says: [...says, ...this.#says({ name: 'documents-rejected', batch: entry.key, error: failure })],
    };
  }

  /** The collector refuses something in this batch. One document alone is what it refuses. */
  async #refused(entry: Entry, reason: string): Promise<Verdict<BatchRange>> {
    const { documents } = this.#ports;
    if (entry.body.documents > 1) return split(await documents.halve(entry.body));
    let id = '';
    for await (const line of documents.lines(entry.body)) id = line.id;
    const failure = coded('DOCUMENTS-REJECTED', { count: 1, batch: entry.key });
    return {
      does: 'reject',
      failure,
      reason,
      evidence: documents.evidence(entry.body, new Map([[id, reason]])),
      says: [...this.#says({ name: 'documents-rejected', batch: entry.key, error: failure }), ...this.#recovered()],
    };
  }

  async #areAllIn(entry: Entry, reasons: ReadonlyMap<string, string>): Promise<boolean> {
    if (reasons.size === 0) return true;
    let found = 0;
    for await (const { id } of this.#ports.documents.lines(entry.body)) if (reasons.has(id)) found += 1;
    return found === reasons.size;
  }

  #failureOf(answer: BatchAnswer, sent: Sent): CodedError {
    const { head, body, facts } = sent.response;
    const isSuccess = head.status >= 200 && head.status <= 299;
    if (isSuccess) return noReceipt(sent, answer.means === 'none' ? answer.reason : 'the response has no receipt');
    const about = { nowMs: this.#ports.clock.now(), page: body, proxy: facts.proxy };
    return statusError(head, sent.url, about).at(answersFrom(facts));
  }

  #blocked(entry: Entry, failure: CodedError): Verdict<BatchRange> {
    const route = this.#ports.routeKey(this.#url());
    // After a restart, the entry itself shows that its last attempt was blocked.
    const stored = entry.postponed?.error === failure.code ? { route, times: 1 } : null;
    const after: AfterBlock = afterBlock(this.#blocks.get(entry.key) ?? stored, route);
    this.#blocks.set(entry.key, after.block);
    if (after.does === 'hold') {
      return { does: 'hold', failure, says: this.#says({ name: 'batch-held', batch: entry.key, error: failure }) };
    }
    return {
      does: 'postpone',
      failure,
      waitMs: after.waitMs,
      holds: false,
      says: (at) => this.#says({ name: 'batch-failed', batch: entry.key, error: failure, hop: failure.place, at }),
    };
  }

  /** The first of a row of equal failures is a warning; the others are for debugging. */
  #failed(entry: Entry, failure: CodedError): Verdict<BatchRange> {
    this.#failures += 1;
    const isNew = failure.code !== this.#lastCode;
    this.#lastCode = failure.code;
    const facts = { batch: entry.key, error: failure, hop: failure.place };
    const { code } = failure;
    return {
      does: 'postpone',
      failure,
      holds: true,
      says: (at) =>
        isNew
          ? this.#says({ name: 'batch-failed', ...facts, at })
          : this.#says({ name: 'batch-failed-again', batch: entry.key, code, failures: this.#failures, at }),
    };
  }

  #recovered(): SallyportEvent[] {
    const failures = this.#failures;
    this.#failures = 0;
    this.#lastCode = null;
    return failures === 0 ? [] : this.#says({ name: 'batches-recovered', failures });
  }

  /** The events with their purpose. */
  #says(...events: Parameters<ScopedReport>): SallyportEvent[] {
    const said: SallyportEvent[] = [];
    const report = reportFor(this.#ports.scope, (event) => said.push(event));
    for (const event of events) report(event);
    return said;
  }

  #codingFor({ origin }: URL): BatchCoding {
    return this.#coding?.origin === origin ? this.#coding.name : CODINGS[0];
  }

  /** @throws CodedError UPLOADS-OFF without a URL */
  #url(): URL {
    const { url } = this.#ports.settings().exposure_analytics;
    if (url !== undefined) return new URL(url);
    throw coded('UPLOADS-OFF', { title: 'exposure analytics', key: 'exposure_analytics.url', wanted: 'a URL' });
  }
}

function sentBatch({ key, body }: Entry): SentBatch {
  return { batch: key, sha256: body.sha256, documents: body.documents };
}

function split(parts: Extract<Verdict<BatchRange>, { does: 'split' }>['parts']): Verdict<BatchRange> {
  return { does: 'split', parts, says: [] };
}

function noReceipt({ response, url }: Sent, reason: string): CodedError {
  return coded('BATCH-NO-RECEIPT', { url: shownUrl(url), reason }).at(answersFrom(response.facts));
}
