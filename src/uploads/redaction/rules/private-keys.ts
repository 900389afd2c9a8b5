// Finds private keys (PEM of RFC 7468, OpenSSH, PGP, PuTTY): on several lines, on one line, in JSON with `\n`, with a
// log prefix before each line, or cut off at either end. Pure; takes linear time.
//
// A complete key is masked from its first marker to its last. If one marker is missing, the lines next to the other one
// are masked as long as they look like part of a key. Certificates and public keys are not masked.

import type { Span } from '#redaction/mask.ts';
import type { BundleRule } from './rule.ts';

const MARKER =
  /----[- ]?(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?[- ]?----|(PuTTY-User-Key-File-\d:)|(Private-MAC:[ \t]*[0-9a-f]{1,64})/g;
/** A longer key does not exist (RSA with 16,384 bits has 12.7 KB); its end is then missing. */
const MAX_KEY_LENGTH = 16_384;
const BASE64 = /[A-Za-z0-9+/=]/;
/** Lines before the body: RFC 1421, 4.6 and RFC 4880, 6.2; those of PuTTY. */
const KEY_HEADER =
  /^[ \t]*(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Encryption|Public-Lines|Private-Lines|Key-Derivation|Argon2-[A-Za-z]+):/;
/** A piece of a body inside a line, with the spaces or escaped line ends that replaced the line ends. */
const FLAT_BODY = /(?:[ \t"',+]|\\{1,15}[rn]|[A-Za-z0-9+/=]{16,}|(?<=\\[rn])[A-Za-z0-9+/=]{1,64}(?![A-Za-z0-9+/=]))*/y;
/** Longer than any line of a key, with its prefix. */
const MAX_LINE_LENGTH = 1_100;
const LINE = /([^\r\n]{0,1100})(\r\n|\n|\r|$)/y;
const LINE_BREAK = /[ \t]*(?:\r\n|\n|\r)/y;
/** The last word of a line, which is base64 and nothing else. Code that builds a key has quotes around it. */
const BODY_END = /[A-Za-z0-9+/=]+(?=(?:\\[rn])?["',+ \t\\]{0,8}$)/;
const MIN_FULL_LINE = 16;

/** Beginnings of private keys in DER (RFC 8017, A.1.2; RFC 5958; RFC 5915) and of OpenSSH keys, in base64. */
const BARE_KEY =
  /(?<![A-Za-z0-9+/])(?:MII[A-Za-z0-9+/]{3}IBA(?:AK[BC]|DAN)|MI[GH][A-Za-z0-9+/]AgE[AB](?:MB|BD|BE)|MHcCAQEEI|MC[4I]CAQAwBQYDK2V|b3BlbnNzaC1rZXktdjE)[A-Za-z0-9+/]{12,}/g;
/** Base64 of `-----BEGIN `, as Kubernetes stores keys. */
const ENCODED_MARKER = /LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}/g;

interface Marker {
  readonly from: number;
  readonly to: number;
  readonly isBegin: boolean;
}

export const PRIVATE_KEY_RULE: BundleRule & { resume(text: string, at: number): number } = {
  name: 'private-key',
  version: 1,
  masks:
    'Private keys: PEM, OpenSSH, PGP and PuTTY, also in JSON, in one line, encoded in base64, or cut off at either end',
  example: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPexampleexampleexample\n-----END PRIVATE KEY-----',
  untouched: '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2VydGlmaWNhdGU\n-----END CERTIFICATE-----',
  find(text) {
    return [
      ...marked(text, markersOf(text)),
      ...unmarked(text, BARE_KEY, () => true),
      ...unmarked(text, ENCODED_MARKER, isEncodedKey),
    ];
  },
  resume: (text, at) => bodyEnd(text, at, false),
};

function markersOf(text: string): Marker[] {
  if (!text.includes('PRIVATE KEY') && !text.includes('PuTTY') && !text.includes('Private-MAC')) return [];
  return [...text.matchAll(MARKER)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
    isBegin: match[1] === 'BEGIN' || match[2] !== undefined,
  }));
}

function marked(text: string, markers: readonly Marker[]): Span[] {
  const spans: Span[] = [];
  let skipped: Marker | null = null;
  for (const [index, marker] of markers.entries()) {
    if (marker === skipped) continue;
    const next = markers[index + 1];
    if (marker.isBegin && next !== undefined && !next.isBegin && next.from - marker.to <= MAX_KEY_LENGTH) {
      spans.push([marker.from, next.to]);
      skipped = next;
    } else if (marker.isBegin) {
      spans.push([marker.from, bodyEnd(text, marker.to, hasPrefix(text, marker.from))]);
    } else {
      spans.push([bodyStart(text, marker.from), marker.to]);
    }
  }
  return spans;
}

/** Keys without their markers, and keys in base64. The search continues after each, because a key may look like many. */
function unmarked(text: string, beginning: RegExp, isKey: (match: string) => boolean): Span[] {
  const spans: Span[] = [];
  beginning.lastIndex = 0;
  for (let match = beginning.exec(text); match !== null; match = beginning.exec(text)) {
    if (!isKey(match[0])) continue;
    const end = bodyEnd(text, match.index, hasPrefix(text, match.index));
    spans.push([match.index, end]);
    beginning.lastIndex = Math.max(beginning.lastIndex, end);
  }
  return spans;
}

function isEncodedKey(encoded: string): boolean {
  return Buffer.from(encoded.slice(0, 88), 'base64').toString('latin1').includes('PRIVATE KEY');
}

/** Whether something other than indentation is before the position in its line: then it also is in the next lines. */
function hasPrefix(text: string, at: number): boolean {
  const line = text.slice(Math.max(0, at - 256), at);
  return /[^\s"'>|#*-]/.test(line.slice(Math.max(line.lastIndexOf('\n'), line.lastIndexOf('\r')) + 1));
}

/** The end of the lines of a body that begins at the position, in the middle of a line. */
function bodyEnd(text: string, at: number, prefixed: boolean): number {
  FLAT_BODY.lastIndex = at;
  let end = at + (FLAT_BODY.exec(text)?.[0].length ?? 0);
  LINE_BREAK.lastIndex = end;
  let line = LINE_BREAK.exec(text);
  // The rest of the line is something else, so the key was in this line alone.
  if (line === null) return trimmedEnd(text, at, end);
  let longest = 0;
  for (let from = end + line[0].length; from < text.length; from += line[0].length) {
    LINE.lastIndex = from;
    line = LINE.exec(text);
    if (line === null || line[0] === '') break;
    const content = line[1] ?? '';
    if (content.trim() === '' || (longest === 0 && KEY_HEADER.test(content))) continue;
    const body = bodyOf(content, prefixed);
    if (body === null || body.length > Math.max(longest, 1_000) || (longest === 0 && body.length < MIN_FULL_LINE))
      break;
    end = from + content.length;
    // A shorter line is the last one, except for the checksum of PGP.
    if (body.length < longest && !/^=/.test(body)) break;
    longest = Math.max(longest, body.length);
  }
  return end;
}

function bodyOf(content: string, prefixed: boolean): string | null {
  const body = BODY_END.exec(content)?.[0] ?? null;
  if (body === null || prefixed) return body;
  const before = content.slice(0, content.lastIndexOf(body));
  return /^[\s"'>|#*-]*$/.test(before) ? body : null;
}

/** The beginning of the lines of a body that ends at the position. */
function bodyStart(text: string, at: number): number {
  const limit = Math.max(0, at - MAX_KEY_LENGTH);
  let start = at;
  while (start > limit && (BASE64.test(text.charAt(start - 1)) || /[ \t\\"',+]/.test(text.charAt(start - 1))))
    start -= 1;
  let isLast = true;
  for (let end = lineBefore(text, start); end !== null && end > limit; ) {
    const from = lineStart(text, end);
    const body = from === null ? undefined : BODY_END.exec(text.slice(from, end))?.[0];
    if (from === null || body === undefined || (!isLast && body.length < MIN_FULL_LINE)) break;
    isLast = false;
    start = text.lastIndexOf(body, end);
    end = lineBefore(text, from);
  }
  return start;
}

/** The beginning of the line that ends at the position; null if it is too long for a line of a key. */
function lineStart(text: string, end: number): number | null {
  const limit = Math.max(0, end - MAX_LINE_LENGTH);
  let from = end;
  while (from > limit && !/[\r\n]/.test(text.charAt(from - 1))) from -= 1;
  return from === limit && limit > 0 ? null : from;
}

/** The end of the line before the one in which the position is, if only indentation is between; else null. */
function lineBefore(text: string, at: number): number | null {
  let end = at;
  while (end > 0 && /[ \t]/.test(text.charAt(end - 1))) end -= 1;
  if (end === 0 || !/[\r\n]/.test(text.charAt(end - 1))) return null;
  while (end > 0 && /[\r\n]/.test(text.charAt(end - 1))) end -= 1;
  return end;
}

function trimmedEnd(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && /[ \t"',+]/.test(text.charAt(end - 1))) end -= 1;
  return end;
}
