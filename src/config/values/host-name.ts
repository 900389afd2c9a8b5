// Validates DNS names. A URL parser is not strict enough for this: it accepts names such as `a;b`, `a&b` and `*.a`,
// which no resolver can resolve. Pure.

import { isIP } from 'node:net';

const MAX_NAME_LENGTH = 253;
/** RFC 1035, 2.3.1, and the underscore that Windows allows (RFC 2181, 11). */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** The URL standard reads a name whose last part is a number as an IPv4 address (host parser, "ends in a number"). */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/i;

/** Why an ASCII text is not a DNS name, in one sentence; null if it is one. */
export function validateDnsName(text: string): string | null {
  if (text.length > MAX_NAME_LENGTH) return `A DNS name has at most ${MAX_NAME_LENGTH} characters.`;
  const labels = text.split('.');
  if (!labels.every((label) => LABEL.test(label))) {
    return 'A DNS name consists of parts that are joined by single dots. Each part may contain letters, digits, dashes and underscores.';
  }
  return NUMBER.test(labels.at(-1) ?? '') ? 'The last part of a DNS name cannot be a number.' : null;
}

/** Whether a text, without brackets, is a DNS name or an address. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || validateDnsName(text) === null;
}
