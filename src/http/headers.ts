// What a response head says, read once: joined values, Via, length, coding; and the title of an HTML page.
//
// Guarantees: names are compared without regard to case, repeated fields are joined as RFC 9110, 5.2 says, and a page
// is searched for its title in bounded time. Everything here is foreign text: only the one formatter shows it.
// Pure; a crash leaves nothing.

import { titleOf } from '#proxy/error-page.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { ResponseInfo } from './response-info.ts';

/** So much of a page is searched for its title, in bytes; titles stand near the top. */
const TITLE_SEARCH_BYTES = 65_536;

/** Via is kept beside packages and in state, so its length is bounded; no real chain of proxies is longer. */
const VIA_CHARACTERS = 2_000;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Fields of one value; several equal lines of one are that value (RFC 9110, 5.3 forbids them, and servers send them). */
const SINGLE = new Set([
  'location',
  'content-range',
  'content-type',
  'content-length',
  'etag',
  'last-modified',
  'date',
  'retry-after',
]);

/** All values of a field, joined with commas, equal ones of a field of one value once; undefined when it is absent. */
export function headerValue(head: ResponseHead, name: string): string | undefined {
  const values = headerLines(head, name);
  if (values.length === 0) return undefined;
  return SINGLE.has(name.toLowerCase()) ? [...new Set(values)].join(', ') : values.join(', ');
}

/** The value of each line of a field. */
export function headerLines(head: ResponseHead, name: string): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (let at = 0; at + 1 < head.rawHeaders.length; at += 2) {
    if (head.rawHeaders[at]?.toLowerCase() === wanted) values.push(head.rawHeaders[at + 1] ?? '');
  }
  return values;
}

/** The head with the questions that callers ask of it. */
export function responseInfo(head: ResponseHead): ResponseInfo {
  const via = headerValue(head, 'via');
  const length = headerValue(head, 'content-length');
  return {
    status: head.status,
    reason: head.reason,
    rawHeaders: head.rawHeaders,
    header: (name) => headerValue(head, name),
    via: via === undefined || via === '' ? null : via.slice(0, VIA_CHARACTERS),
    contentLength: length !== undefined && /^\d+$/.test(length) ? Number(length) : null,
  };
}

/** Whether a cache on the way says that it had this already (RFC 9111, 5.1; RFC 9211; Squid's X-Cache). */
export function isFromCache(head: ResponseHead): boolean {
  const age = headerValue(head, 'age') ?? '';
  const told = `${headerValue(head, 'cache-status') ?? ''} ${headerValue(head, 'x-cache') ?? ''}`;
  return (/^\d{1,10}$/.test(age) && Number(age) > 0) || /\bhit\b/i.test(told);
}

/** The coding of a body that is not as it is on disk, such as `gzip`; null when it is (RFC 9110, 8.4). */
export function contentEncoding(head: ResponseHead): string | null {
  const codings = (headerValue(head, 'content-encoding') ?? '')
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'identity');
  return codings.length === 0 ? null : codings.join(', ');
}

/** The title of an HTML page, on one line, common entities decoded; null when there is none. */
export function pageTitle(page: Uint8Array): string | null {
  const text = Buffer.from(page.buffer, page.byteOffset, Math.min(page.length, TITLE_SEARCH_BYTES)).toString('utf8');
  const title = decodeEntities(titleOf(text) ?? '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return title === '' ? null : title;
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
    if (typeof name === 'string') return ENTITIES[name.toLowerCase()] ?? whole;
    const point = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal);
    return point > 0 && point <= 0x10_ff_ff && !(point >= 0xd8_00 && point <= 0xdf_ff)
      ? String.fromCodePoint(point)
      : whole;
  });
}
