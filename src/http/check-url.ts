// Checks every URL before it is requested, whether it is configured or comes from a redirect. Decides whether it may be
// requested and whether credentials may be sent. Names are not resolved, so an address is checked only if it is in the
// URL. Pure.
//
// Guarantees: only http and https; never from https to http; only the configured origin and the allowed ones. User,
// password and fragment are removed. Credentials go only to the configured origin. Relies on WHATWG URL to convert
// every notation of an IPv4 address (hex, octal, one number) to the dotted form.

import { MAX_URL_LENGTH } from '#config/schema/values.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt } from '#errors/hop.ts';
import { isInternalAddress } from '#system/network/addresses.ts';

/** What a URL is checked against. */
export interface UrlContext {
  /** Where it came from: the URL that redirected, or the document that named it; null for the first one. */
  readonly from: URL | null;
  /** The URL that the admin configured. */
  readonly configured: URL;
  /** Allowed origins in addition to the configured one, for example `https://cdn.example.com`. */
  readonly allowedOrigins: readonly string[];
}

export type UrlVerdict =
  | { readonly ok: true; readonly url: URL /** Whether our credentials may go there. */; readonly credentials: boolean }
  | { readonly ok: false; readonly error: CodedError };

/** Checks one URL. A relative URL is resolved against `from`, else against the configured URL. */
export function checkUrl(input: string | URL, context: UrlContext): UrlVerdict {
  const written = typeof input === 'string' ? input : input.href;
  const base = context.from ?? context.configured;
  if (written.length > MAX_URL_LENGTH)
    return invalid(written, context, `it is longer than ${MAX_URL_LENGTH} characters`);
  if (hasControls(written)) return invalid(written, context, 'it has control characters');
  const url = URL.parse(written, base);
  if (url === null) return invalid(written, context, 'it cannot be read');
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return invalid(shownUrl(url), context, `its scheme is ${url.protocol.slice(0, -1)}`);
  }
  if (url.username !== '' || url.password !== '') return invalid(shownUrl(url), context, 'it has a user or a password');
  if (url.href.length > MAX_URL_LENGTH) {
    return invalid(shownUrl(url), context, `it is longer than ${MAX_URL_LENGTH} characters`);
  }
  return checkOrigin(url, base, context);
}

/** A URL for display: without user, fragment, and the query, which may contain a signature or a token. */
export function shownUrl(url: URL): string {
  const path = url.host === '' ? `${url.protocol}${url.pathname}` : `${url.protocol}//${url.host}${url.pathname}`;
  return url.search === '' ? path : `${path}?***`;
}

/**
 * An internal address is reported as such even where the downgrade alone would be refused, because that is more useful
 * to the admin.
 */
function checkOrigin(url: URL, base: URL, context: UrlContext): UrlVerdict {
  const credentials = url.origin === context.configured.origin;
  const known = credentials || context.allowedOrigins.some((origin) => URL.parse(origin)?.origin === url.origin);
  const facts = { url: shownUrl(url), host: url.hostname, origin: url.origin, ...hopOf(context) };
  if (!known && isInternalHost(url.hostname)) return { ok: false, error: coded('URL-INTERNAL', facts) };
  if (base.protocol === 'https:' && url.protocol === 'http:')
    return { ok: false, error: coded('URL-DOWNGRADE', facts) };
  return known ? { ok: true, url, credentials } : { ok: false, error: coded('URL-FOREIGN', facts) };
}

function invalid(url: string, context: UrlContext, reason: string): UrlVerdict {
  return { ok: false, error: coded('URL-INVALID', { url, reason, ...hopOf(context) }) };
}

/** The server that redirected is the hop that failed. */
function hopOf({ from }: UrlContext): { hop?: Hop } {
  return from === null ? {} : { hop: originAt(from.host) };
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}

/** Whether the URL's host is this host, its network, or a cloud metadata service, as far as its text shows. */
export function isInternalHost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isInternalAddress(name) || (name.startsWith('[') && isInternalV6(name.slice(1, -1)));
}

/** IPv6 blocks outside the public Internet, and those that embed an IPv4 address. */
function isInternalV6(address: string): boolean {
  const groups = parseV6(address);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const leadingZeros = a === 0 && b === 0 && c === 0 && d === 0;
  // ::, ::1, IPv4-compatible, mapped (::ffff:0:0/96) and translated (::ffff:0:0:0/96)
  if (leadingZeros && ((e === 0 && (f === 0 || f === 0xff_ff)) || (e === 0xff_ff && f === 0)))
    return isInternalV4(g, h);
  if (a === 0x64 && b === 0xff_9b) return c !== 0 || isInternalV4(g, h); // NAT64; 64:ff9b:1::/48 is local
  if (a === 0x20_02) return isInternalV4(b, c); // 6to4
  return isInternalAddress(address);
}

/** Checks the IPv4 address that two groups of an IPv6 address contain. */
function isInternalV4(high: number, low: number): boolean {
  return isInternalAddress([high >> 8, high & 255, low >> 8, low & 255].join('.'));
}

/** WHATWG URL has already rejected invalid addresses, and writes IPv4 tails as groups. */
function parseV6(text: string): readonly number[] {
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const gap = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return [...head, ...gap, ...tail].map((group) => Number.parseInt(group, 16));
}
