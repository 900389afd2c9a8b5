// Validates a final response head before the body is read: which hop sent it, whether it is well-formed, and how its
// body ends. Pure, except that the connection is asked whether the proxy itself sent the response.
//
// Guarantees: proxy and origin are never confused (principle 6). If the proxy itself sent the response, its failure is
// thrown. A 407 that no proxy sent gets a code of its own. Nothing is decoded: a successful response with a content
// coding is refused.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { answersFrom, type Connection, type ResponseHead } from '#proxy/route.ts';
import { shownUrl } from './check-url.ts';
import { contentEncoding, headerValue, responseInfo } from './headers.ts';
import type { ResponseInfo } from './response-info.ts';

/** How the body ends: after a number of bytes, or where the parser says (chunked, or the end of the connection). */
export type Framing = { readonly count: number } | 'parsed';

export interface HeadToValidate extends ResponseHead {
  readonly major: number;
}

/** @throws CodedError of the connection's hop, ORIGIN-407, BAD-RESPONSE, CONTENT-ENCODED */
export function validateHead(
  head: HeadToValidate,
  connection: Connection,
  request: { readonly method: string; readonly url: URL },
): { info: ResponseInfo; framing: Framing } {
  const facts = { url: shownUrl(request.url), hop: answersFrom(connection.facts) };
  const bad = (reason: string) => coded('BAD-RESPONSE', { ...facts, reason });
  if (head.major !== 1) throw bad(`it claims HTTP/${head.major}`);
  if (head.status < 200 || head.status > 599) throw bad(`status ${head.status} is out of range`);
  validateProxyAnswer(head, connection, request.url);
  const framing = framingOf(head, request.method, bad);
  const encoding = contentEncoding(head);
  // Only a success is taken as the content; an error page may be encoded.
  if (encoding !== null && head.status < 300) throw coded('CONTENT-ENCODED', { ...facts, encoding });
  return { info: responseInfo(head), framing };
}

/** @throws CodedError if the hop made this response, or if it is a 407 that no proxy sent */
function validateProxyAnswer(head: ResponseHead, connection: Connection, url: URL): void {
  connection.validateResponse(head, shownUrl(url));
  if (head.status === 407)
    throw coded('ORIGIN-407', {
      url: shownUrl(url),
      hop: connection.facts.how === 'forward' ? null : answersFrom(connection.facts),
    });
}

/** RFC 9112, 6.3. Ambiguous framing is refused, here or by Node's parser. */
function framingOf(head: ResponseHead, method: string, bad: (reason: string) => CodedError): Framing {
  const coding = headerValue(head, 'transfer-encoding');
  const length = headerValue(head, 'content-length');
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { count: 0 };
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() !== 'chunked') throw bad(`Transfer-Encoding ${coding} is not usable`);
    return 'parsed';
  }
  if (length === undefined) return 'parsed';
  const count = /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw bad(`Content-Length ${length} is not usable`);
  return { count };
}

/** Whether the other side keeps the connection open after a response with a file (RFC 9112, 9.3). Pure. */
export function isPersistent(head: HeadToValidate & { readonly minor: number }): boolean {
  const fields = ['connection', 'proxy-connection'].map((name) => headerValue(head, name) ?? '');
  const options = fields.join(',').toLowerCase().split(',');
  const isFile = head.status === 200 || head.status === 206;
  return isFile && head.major === 1 && head.minor >= 1 && !options.some((one) => one.trim() === 'close');
}
