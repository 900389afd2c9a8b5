// Two additional requests of a diagnosis: one for which any response is enough, and a range request for a file that a
// check for updates would download. Both use `exchange`, as downloads do.
//
// Guarantees: only the first bytes of a body are kept. Redirects of a range request are checked as for a download.

import type { Purpose } from '#config/purposes.ts';
import { coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Deadlines } from '#http/deadlines.ts';
import { type BodySink, exchange } from '#http/exchange.ts';
import { followRedirects, isRedirect } from '#http/follow.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { statusError } from '#http/status-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import { answersFrom, type HopFacts, type Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';

/** What a request is made with. */
export interface Net {
  readonly router: Router;
  readonly clock: Clock;
  readonly report: ScopedReport;
  readonly signal: AbortSignal;
}

export interface RequestContext {
  readonly purpose: Purpose;
  readonly deadlines: Deadlines;
  /** Headers of a request; `credentials` says whether ours may be sent there. */
  headers(credentials: boolean): Readonly<Record<string, string>>;
}

/** An item that a round would download. */
export interface PackagePart extends RequestContext {
  readonly allowedOrigins: readonly string[];
  /** Its URL, and the one whose origin may receive credentials. @throws the failure that a round would have */
  locate(signal: AbortSignal): Promise<{ readonly url: URL; readonly configured: URL; readonly credentials: boolean }>;
}

/** The response to a range request, whether or not it is partial. */
export interface ObservedPart {
  readonly url: URL;
  readonly head: ResponseInfo;
  readonly connection: HopFacts;
  readonly rangeWorked: boolean;
}

/** Length of the range, in bytes. */
const PART_BYTES = 1_024;
/** Bytes of a page that are searched for its title. */
const PAGE_BYTES = 16_384;

/** Requests a URL; any response of its server proves that it was reached. @throws the failure that prevented it */
export async function requestAnything(url: URL, requestContext: RequestContext, net: Net): Promise<void> {
  await requestOnce({ url, credentials: true, range: false }, requestContext, net);
}

/** Requests the first bytes of an item. @throws the failure that a round would have */
export async function requestPart(part: PackagePart, net: Net): Promise<ObservedPart> {
  const { allowedOrigins } = part;
  const { url: start, configured, credentials: mayIdentify } = await part.locate(net.signal);
  return await followRedirects({
    start,
    context: { configured, allowedOrigins },
    report: net.report,
    visit: async (url, credentials) => {
      const { head, connection, page } = await requestOnce(
        { url, credentials: credentials && mayIdentify, range: true },
        part,
        net,
      );
      if (isRedirect(head.status)) return { redirect: head };
      if (head.status < 200 || head.status > 299) {
        throw statusError(head, url, { nowMs: net.clock.now(), page, proxy: connection.proxy });
      }
      if (isPage(head)) {
        const type = head.header('content-type') ?? '';
        const facts = { expected: null, type, bytes: head.contentLength ?? page.length, title: pageTitle(page) };
        throw coded('NOT-THE-PACKAGE', { ...facts, hop: answersFrom(connection), url: shownUrl(url) });
      }
      return { value: { url, head, connection, rangeWorked: head.status === 206 } };
    },
  });
}

async function requestOnce(
  { url, credentials, range }: { readonly url: URL; readonly credentials: boolean; readonly range: boolean },
  requestContext: RequestContext,
  { router, clock, signal }: Net,
): Promise<{ head: ResponseInfo; connection: HopFacts; page: Buffer }> {
  const connection = await router.route(requestContext.purpose, url).open({ bulk: true, signal });
  const page = new FirstBytes();
  const headers = { ...requestContext.headers(credentials), ...(range ? { range: `bytes=0-${PART_BYTES - 1}` } : {}) };
  const result = await exchange({
    connection,
    request: { method: 'GET', url, headers },
    deadlines: requestContext.deadlines,
    clock,
    signal,
    expectedBytes: null,
    // A complete response to a range request is not read.
    onHead: (head) => (range && (head.status === 206 || isPage(head)) ? page : null),
  });
  if (result.ended === 'failed') throw result.error;
  return { head: result.head, connection: connection.facts, page: page.bytes };
}

function isPage(head: ResponseInfo): boolean {
  return /html/i.test(head.header('content-type') ?? '');
}

/** Keeps the first bytes of a body. */
class FirstBytes implements BodySink {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  write(chunk: Uint8Array): void {
    if (this.#length >= PAGE_BYTES) return;
    this.#chunks.push(Buffer.from(chunk));
    this.#length += chunk.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
