// Reads the fields of response heads: joined values, Via, length and coding. Also reads the title of an HTML page.
//
// Guarantees: names are case-insensitive, repeated fields are joined as in RFC 9110, 5.2, and the search for a title
// takes bounded time. All results are untrusted text, which only the log formatter may show. Pure.

import { titleOf } from '#proxy/error-page.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { ResponseInfo } from './response-info.ts';

/** Bytes of a page that are searched for its title; titles are near the top. */
const TITLE_SEARCH_BYTES = 65_536;

/** Via is stored with packages and in state files, so its length is limited. Real chains of proxies are shorter. */
const VIA_CHARACTERS = 2_000;

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Fields with one value. Several equal lines count as one (RFC 9110, 5.3 forbids them, but servers send them). */
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

/**
 * All values of a field, joined with commas. Equal lines of a single-value field count once. Undefined when the field
 * is absent.
 */
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

/** The head with accessors for what callers need. */
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

/** Whether a cache between us and the origin reports a hit (RFC 9111, 5.1; RFC 9211; Squid's X-Cache). */
export function isFromCache(head: ResponseHead): boolean {
  const age = headerValue(head, 'age') ?? '';
  const cacheFields = `${headerValue(head, 'cache-status') ?? ''} ${headerValue(head, 'x-cache') ?? ''}`;
  return (/^\d{1,10}$/.test(age) && Number(age) > 0) || /\bhit\b/i.test(cacheFields);
}

/** The content coding of a body, for example `gzip`; null when it is not encoded (RFC 9110, 8.4). */
export function contentEncoding(head: ResponseHead): string | null {
  const codings = (headerValue(head, 'content-encoding') ?? '')
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'identity');
  return codings.length === 0 ? null : codings.join(', ');
}

/** The title of an HTML page on one line, with common entities decoded; null when there is none. */
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
