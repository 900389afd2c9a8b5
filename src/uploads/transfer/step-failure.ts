// A response or failure that ends one attempt of an upload, and what to do next.
//
// Guarantees: every failure names the hop, the status, Retry-After, and the title of a page, if there is one. Pure; the
// content of a page is untrusted text.

import { z } from 'zod';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { headerValue } from '#http/headers.ts';
import { parseRetryAfter } from '#http/retry-delay.ts';
import type { SessionResponse } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import { answersFrom, type HopFacts } from '#proxy/route.ts';
import { type BlockNotice, blockNotice, uploadBlocked } from '#uploads/content-block.ts';
import { jsonOf } from '#uploads/json-response.ts';
import { type AnswerContext, type AnswerFacts, type AnswerVerdict, type UploadStep, verdictOf } from './answers.ts';

/** `changed`: the next attempt differs, so it follows at once. */
export type StepVerdict = AnswerVerdict | 'changed';

/** An attempt ended, and what follows. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly verdict: StepVerdict;
  readonly failure: CodedError;

  constructor(verdict: StepVerdict, failure: CodedError) {
    super(failure.message, { cause: failure });
    this.verdict = verdict;
    this.failure = failure;
  }
}

/** A response to judge. */
export interface StepAnswer {
  readonly step: UploadStep;
  readonly response: SessionResponse;
  readonly url: URL;
  readonly job: string;
  /** Bytes of the body that was sent. */
  readonly sent: number;
  /** Wall time, to read a Retry-After that is a date. */
  readonly nowMs: number;
}

const problemSchema = z.object({ job: z.string(), detail: z.string().optional() });

/** Returns if the upload continues as planned. @throws StepFailure */
export function checkAnswer(answer: StepAnswer, context: AnswerContext): void {
  const notice = blockNotice(answer.response.head, answer.response.body);
  const facts = factsOf(answer, notice);
  const verdict = verdictOf(answer.step, facts, context);
  if (verdict !== 'accept') throw new StepFailure(verdict, failureOf(answer, verdict, notice));
}

function factsOf({ response, job }: StepAnswer, notice: BlockNotice | null): AnswerFacts {
  const { head } = response;
  const marked = notice?.isMarked === true ? 'marked' : 'page';
  return {
    status: head.status,
    isTus: head.header('tus-resumable') !== undefined,
    block: notice === null ? null : marked,
    isAboutJob: problemIn(response)?.job === job,
  };
}

/** RFC 9457; some servers send it as application/json. */
function problemIn({ head, body }: SessionResponse): z.infer<typeof problemSchema> | null {
  return problemSchema.safeParse(jsonOf({ contentType: head.header('content-type'), body })).data ?? null;
}

function failureOf(answer: StepAnswer, verdict: AnswerVerdict, notice: BlockNotice | null): CodedError {
  const { response, url, job, sent, nowMs, step } = answer;
  const { head, body, facts } = response;
  const { status } = head;
  if (verdict === 'blocked' && notice !== null) {
    return uploadBlocked(notice, { head, url, facts }, { what: `bundle ${job}` });
  }
  const hop = answersFrom(facts);
  const retryAfterMs = parseRetryAfter(headerValue(head, 'retry-after'), nowMs);
  const common = { url: shownUrl(url), hop, status, retryAfterMs };
  if (verdict === 'gone') return coded('UPLOAD-GONE', common);
  if (verdict === 'other-bytes') {
    return coded('UPLOAD-OTHER-BYTES', { ...common, reason: problemIn(response)?.detail ?? `status ${status}` });
  }
  if (verdict === 'offset' || (step === 'offset' && notice !== null)) {
    return coded('UPLOAD-OFFSET', { ...common, reason: notice === null ? `status ${status}` : 'it is a page' });
  }
  if (status === 423) return coded('UPLOAD-LOCKED', common);
  if (status === 413) return coded('UPLOAD-TOO-LARGE', { ...common, bytes: sent, whose: whose413(response) });
  return statusError(head, url, { nowMs, page: body, proxy: facts.proxy });
}

/** Who answered 413, as far as the response shows. */
export function whose413({ head, facts }: Pick<SessionResponse, 'head'> & { readonly facts: HopFacts }): string {
  if (head.header('tus-resumable') !== undefined) return 'the server itself';
  if (facts.how === 'forward') return `proxy ${facts.proxy}, or a server behind it,`;
  return facts.how === 'tunnel'
    ? 'a gateway in front of the server, or a proxy that decrypts,'
    : 'a gateway in front of the server';
}
