// What a final response head is worth before anybody takes its body: whose answer it is, whether it is sound, and how
// its body ends. Pure, but for asking the connection about the hop's own answers.
//
// Guarantees: proxy and origin are never mixed (principle 6): what the hop made itself throws the hop's failure; a 407 that
// nobody but a proxy may send is named as such. Nothing is ever decoded: an encoded success is refused.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { answersFrom, type Connection, type ResponseHead } from '#proxy/route.ts';
import { shownUrl } from './check-url.ts';
import { contentEncoding, headerValue, responseInfo } from './headers.ts';
import type { ResponseInfo } from './response-info.ts';

/** How the body ends: after so many bytes, or where the parser says (chunked, or the end of the connection). */
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
  // Only a success is taken for the thing itself; the page of an error may come as it likes.
  if (encoding !== null && head.status < 300) throw coded('CONTENT-ENCODED', { ...facts, encoding });
  return { info: responseInfo(head), framing };
}

/** @throws CodedError when the hop made this response, or when it is a 407 that no proxy sent */
function validateProxyAnswer(head: ResponseHead, connection: Connection, url: URL): void {
  connection.validateResponse(head, shownUrl(url));
  if (head.status === 407)
    throw coded('ORIGIN-407', {
      url: shownUrl(url),
      hop: connection.facts.how === 'forward' ? null : answersFrom(connection.facts),
    });
}

/** RFC 9112, 6.3; what is ambiguous there is refused, here or by Node's parser. */
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
