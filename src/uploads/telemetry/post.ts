// Sends one OTLP request and returns its result (opentelemetry.io, OTLP 1.x, "OTLP/HTTP Response").
//
// Guarantees: only 429, 502, 503 and 504, and failures of the network path, may be retried with the same data. After
// any other status, the collector will never accept this data, so the data must be dropped. A page of a proxy with
// status 200 is a failure of the path.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { shownUrl } from '#http/check-url.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import type { Session } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import { blockNotice, uploadBlocked } from '#uploads/content-block.ts';
import { type NotAccepted, readNotAccepted, type TelemetrySignal } from './otlp.ts';

/** Most bytes that are read of a response. */
const ANSWER_BYTES = 65_536;
/** A request ends at the latest after this long: the next values are due long before. */
const TOTAL_MS = 300_000;
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const compressed = promisify(gzip);

export interface PostPorts {
  readonly session: Pick<Session, 'request'>;
  /** Wall time, to evaluate a Retry-After that is a date. */
  nowMs(): number;
  settings(): Pick<Settings, 'response_timeout'>;
  /** User-Agent, and the credentials of the purpose. @throws CodedError TOKEN-REBIND */
  headers(): Readonly<Record<string, string>>;
}

export type Posted =
  | { readonly was: 'accepted'; readonly except: NotAccepted | null }
  | {
      readonly was: 'refused';
      readonly error: CodedError;
      /** Whether the same data may be accepted later. */
      readonly mayRetry: boolean;
    };

/** The address for a signal: the configured URL with the path that OTLP defines. */
export function signalUrl(base: string, signal: TelemetrySignal): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/${signal}`;
  return url;
}

/** Sends a body. @throws the reason of `signal` once it is aborted */
export async function post(
  { url, body, kind }: { readonly url: URL; readonly body: Uint8Array; readonly kind: TelemetrySignal },
  { session, nowMs, settings, headers }: PostPorts,
  signal: AbortSignal,
): Promise<Posted> {
  const { base_ms: baseMs } = settings().response_timeout;
  try {
    const response = await session.request({
      request: {
        method: 'POST',
        url,
        headers: {
          ...headers(),
          'content-type': 'application/x-protobuf',
          accept: 'application/x-protobuf',
          'content-encoding': 'gzip',
        },
        body: await compressed(body),
      },
      deadlines: {
        firstByteMs: baseMs,
        silenceMs: baseMs,
        totalMs: Math.max(TOTAL_MS, baseMs),
        key: 'response_timeout.base_ms',
      },
      limitBytes: ANSWER_BYTES,
      signal,
    });
    const { head, body: answer, facts } = response;
    const notice = blockNotice(head, answer);
    if (notice !== null) {
      const what = { what: 'the time of the request', again: 'sent again with newer values' };
      return { was: 'refused', error: uploadBlocked(notice, { head, url, facts }, what), mayRetry: true };
    }
    if (head.status === 200) return accepted({ url, head, answer, kind });
    const error = statusError(head, url, { nowMs: nowMs(), page: answer, proxy: facts.proxy });
    return { was: 'refused', error, mayRetry: RETRYABLE.has(head.status) };
  } catch (thrown) {
    signal.throwIfAborted();
    return { was: 'refused', error: asCoded(thrown), mayRetry: true };
  }
}

interface Answer {
  readonly url: URL;
  readonly head: ResponseInfo;
  readonly answer: Uint8Array;
  readonly kind: TelemetrySignal;
}

function accepted({ url, head, answer, kind }: Answer): Posted {
  const type = (head.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const noCollector = (reason: string): Posted => ({
    was: 'refused',
    error: coded('TELEMETRY-ANSWER', { url: shownUrl(url), reason, hop: originAt(url.host) }),
    mayRetry: true,
  });
  // Some collectors send an empty response without a type.
  if (answer.length === 0) return { was: 'accepted', except: null };
  if (type !== 'application/x-protobuf') {
    return noCollector(
      type === ''
        ? 'the response has no Content-Type'
        : 'the response has another Content-Type than application/x-protobuf',
    );
  }
  try {
    return { was: 'accepted', except: readNotAccepted(kind, answer) };
  } catch {
    return noCollector('the response is not a message of OTLP');
  }
}
