// Sends a marked test object of a given size, which the server reads and discards (docs/protocol-uploads.md). It shows
// whether requests of this size pass the network path.
//
// Guarantees: the object contains no data of this host. It is sent once, even if it fails, because a scanner that
// blocks it may raise an alarm. At most one chunk of it is in memory.

import { z } from 'zod';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Deadlines } from '#http/deadlines.ts';
import type { RequestBody } from '#http/session/body.ts';
import type { Session, SessionResponse } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import { answersFrom } from '#proxy/route.ts';
import { blockNotice, uploadBlocked } from './content-block.ts';
import { jsonOf } from './json-response.ts';
import { whose413 } from './transfer/step-failure.ts';
import type { UploadPurpose } from './upload-gate.ts';

const ANSWER_BYTES = 65_536;
/** Longest pause while it is sent, in milliseconds. */
const SEND_PAUSE_MS = 60_000;
/** Bytes per second. A path that is slower is not tested with the large object. */
const SLOWEST_RATE = 32_768;
const SLICE_BYTES = 65_536;
/** 64 bytes, so that every slice ends with a line. */
const LINE = `${JSON.stringify({ sallyport_test: 'x'.repeat(64 - '{"sallyport_test":""}\n'.length) })}\n`;
const LINES = Buffer.from(LINE.repeat(SLICE_BYTES / LINE.length));
/** Of a response that says that the request arrived, but not that it was recognized. */
const NOT_KNOWN: ReadonlySet<number> = new Set([400, 404, 405, 409, 411, 412, 415, 422, 501]);

const TYPES: Readonly<Record<UploadPurpose, Readonly<Record<string, string>>>> = {
  support_logs: { 'content-type': 'application/offset+octet-stream', 'tus-resumable': '1.0.0' },
  exposure_analytics: { 'content-type': 'application/x-ndjson' },
};

const TESTED = { what: 'a test object of diagnose', again: 'not sent again, because it was only a test' };

const discardedSchema = z.object({ test: z.literal(true), length: z.number() });

export interface TestObject {
  readonly purpose: UploadPurpose;
  readonly url: URL;
  readonly bytes: number;
  /** User-Agent, Sallyport-Agent and the credentials of the purpose. */
  readonly headers: Readonly<Record<string, string>>;
  /** The response timeout, in milliseconds, and the key that sets it. */
  readonly responseMs: number;
  readonly key: string;
}

/** What the server answered. */
export interface TestAnswer {
  readonly status: number;
  /** Whether the server confirmed that it read and discarded all of it. */
  readonly isDiscarded: boolean;
}

/** The size of a large request of a purpose, in bytes. `chunkBytes` is that of bundles. */
export function requestBytes(
  purpose: UploadPurpose,
  { exposure_analytics: analytics }: Pick<Settings, 'exposure_analytics'>,
  chunkBytes: number,
): number {
  return purpose === 'exposure_analytics' ? analytics.batch_max_bytes : chunkBytes;
}

/** Sends it. @throws CodedError what would also prevent a real request; the reason of `signal` */
export async function sendTestObject(
  object: TestObject,
  { session, nowMs, signal }: { readonly session: Session; readonly nowMs: () => number; readonly signal: AbortSignal },
): Promise<TestAnswer> {
  const { purpose, url, bytes, headers } = object;
  const response = await session.request({
    request: {
      method: 'POST',
      url,
      headers: { ...headers, ...TYPES[purpose], accept: 'application/json', 'sallyport-test': '?1' },
      body: fillerOf(bytes),
    },
    deadlines: deadlinesOf(object),
    limitBytes: ANSWER_BYTES,
    signal,
  });
  return answerOf(response, object, nowMs());
}

function answerOf({ head, body, facts }: SessionResponse, { url, bytes }: TestObject, nowMs: number): TestAnswer {
  const { status } = head;
  const notice = blockNotice(head, body);
  if (notice !== null) throw uploadBlocked(notice, { head, url, facts }, TESTED);
  if (status === 413) {
    const whose = whose413({ head, facts });
    throw coded('UPLOAD-TOO-LARGE', { url: shownUrl(url), hop: answersFrom(facts), status, bytes, whose });
  }
  const found = discardedSchema.safeParse(jsonOf({ contentType: head.header('content-type'), body }));
  if (status >= 200 && status <= 299) return { status, isDiscarded: found.success && found.data.length === bytes };
  if (NOT_KNOWN.has(status)) return { status, isDiscarded: false };
  throw statusError(head, url, { nowMs, page: body, proxy: facts.proxy }).at(answersFrom(facts));
}

function deadlinesOf({ bytes, responseMs, key }: TestObject): Deadlines {
  return {
    sending: { ms: SEND_PAUSE_MS, key },
    firstByteMs: responseMs,
    silenceMs: responseMs,
    totalMs: SEND_PAUSE_MS + 2 * responseMs + (bytes / SLOWEST_RATE) * 1_000,
    key,
  };
}

/** JSON lines that say what they are; the last one may be cut. */
function fillerOf(length: number): RequestBody {
  return {
    length,
    async *open(offset) {
      for (let at = offset; at < length; ) {
        const start = at % SLICE_BYTES;
        const slice = LINES.subarray(start, Math.min(SLICE_BYTES, start + length - at));
        yield await Promise.resolve(slice);
        at += slice.length;
      }
    },
  };
}
