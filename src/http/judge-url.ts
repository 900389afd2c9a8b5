// The one judgement over every URL that is asked for, first or redirected (law 9): may we go there, and with
// credentials? Pure: names are not resolved here, so an address is judged only where it is written as one.
//
// Guarantees: only http and https; nothing from https to http; only the configured origin and the allowed ones; no
// user, password or fragment travels along; credentials only to the configured origin itself. Relies on WHATWG URL to
// bring each notation of an IPv4 address (hex, octal, one number) into the dotted form.

import { LONGEST_URL } from '#config/schema/values.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt } from '#errors/hop.ts';

/** What a URL is judged against. */
export interface JudgeContext {
  /** Where it came from: the URL that redirected, or the document that named it; null for the first one. */
  readonly from: URL | null;
  /** The URL that the admin configured. */
  readonly configured: URL;
  /** Origins such as `https://cdn.example.com` that are allowed beside it. */
  readonly allowedOrigins: readonly string[];
}

export type UrlVerdict =
  | { readonly ok: true; readonly url: URL /** Whether our credentials may go there. */; readonly credentials: boolean }
  | { readonly ok: false; readonly error: CodedError };

/** Judges one URL; a relative one stands on `from`, else on the configured one. */
export function judgeUrl(candidate: string | URL, context: JudgeContext): UrlVerdict {
  const written = typeof candidate === 'string' ? candidate : candidate.href;
  const base = context.from ?? context.configured;
  if (written.length > LONGEST_URL) return invalid(written, context, `it is longer than ${LONGEST_URL} characters`);
  if (hasControls(written)) return invalid(written, context, 'it has control characters');
  const url = URL.parse(written, base);
  if (url === null) return invalid(written, context, 'it cannot be read');
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return invalid(shownUrl(url), context, `its scheme is ${url.protocol.slice(0, -1)}`);
  }
  if (url.username !== '' || url.password !== '') return invalid(shownUrl(url), context, 'it has a user or a password');
  if (url.href.length > LONGEST_URL) {
    return invalid(shownUrl(url), context, `it is longer than ${LONGEST_URL} characters`);
  }
  return judgeOrigin(url, base, context);
}

/** A URL for people: without user, fragment, and the query, which may hold a signature or a token. */
export function shownUrl(url: URL): string {
  const path = url.host === '' ? `${url.protocol}${url.pathname}` : `${url.protocol}//${url.host}${url.pathname}`;
  return url.search === '' ? path : `${path}?***`;
}

/** An inner address is named as such even where the downgrade alone would refuse it: it tells the admin more. */
function judgeOrigin(url: URL, base: URL, context: JudgeContext): UrlVerdict {
  const credentials = url.origin === context.configured.origin;
  const known = credentials || context.allowedOrigins.some((origin) => URL.parse(origin)?.origin === url.origin);
  const facts = { url: shownUrl(url), host: url.hostname, origin: url.origin, ...hopOf(context) };
  if (!known && isInternalHost(url.hostname)) return { ok: false, error: coded('URL-INTERNAL', facts) };
  if (base.protocol === 'https:' && url.protocol === 'http:')
    return { ok: false, error: coded('URL-DOWNGRADE', facts) };
  return known ? { ok: true, url, credentials } : { ok: false, error: coded('URL-FOREIGN', facts) };
}

function invalid(url: string, context: JudgeContext, reason: string): UrlVerdict {
  return { ok: false, error: coded('URL-INVALID', { url, reason, ...hopOf(context) }) };
}

/** The server that sent us there is the hop that failed. */
function hopOf({ from }: JudgeContext): { hop?: Hop } {
  return from === null ? {} : { hop: originAt(from.host) };
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}

/** Whether a URL's host is this machine, its network, or a cloud's metadata service, as far as its text tells. */
export function isInternalHost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name.startsWith('[')) return isInternalV6(parseV6(name.slice(1, -1)));
  const v4 = parseV4(name);
  return v4 !== null && isInternalV4(v4);
}

/** First address and prefix length of the IPv4 blocks that are not the open Internet (RFC 6890 and its updates). */
const INTERNAL_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // CGNAT; one cloud's metadata is 100.100.100.200
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // a cloud's host agent behind a public address
  ['169.254.0.0', 16], // link-local; most clouds' metadata
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3], // multicast, reserved, broadcast
];

function isInternalV4(address: number): boolean {
  return INTERNAL_V4.some(([first, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor((parseV4(first) ?? 0) / size);
  });
}

/** IPv6 blocks that are not the open Internet, and those that carry an IPv4 address inside. */
function isInternalV6(groups: readonly number[]): boolean {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const leadingZeros = a === 0 && b === 0 && c === 0 && d === 0;
  // ::, ::1, IPv4-compatible, mapped (::ffff:0:0/96) and translated (::ffff:0:0:0/96)
  if (leadingZeros && ((e === 0 && (f === 0 || f === 0xff_ff)) || (e === 0xff_ff && f === 0))) {
    return isInternalV4(g * 65_536 + h);
  }
  if (a === 0x64 && b === 0xff_9b) return c !== 0 || isInternalV4(g * 65_536 + h); // NAT64; 64:ff9b:1::/48 is local
  if (a === 0x20_02) return isInternalV4(b * 65_536 + c); // 6to4
  if (a === 0x20_01 && b === 0) return true; // Teredo: hides an IPv4 address, obsolete
  const top = a >> 6;
  return a >> 9 === 0x7e || top === 0x3_fa || top === 0x3_fb || a >> 8 === 0xff; // ULA, link- and site-local, multicast
}

function parseV4(text: string): number | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts === null) return null;
  return parts.slice(1).reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** WHATWG URL has already refused what is no address, and writes IPv4 tails as groups. */
function parseV6(text: string): readonly number[] {
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const gap = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return [...head, ...gap, ...tail].map((group) => Number.parseInt(group, 16));
}
