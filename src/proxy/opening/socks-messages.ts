// Writes and reads the messages of SOCKS 4, 4a and 5 (RFC 1928, RFC 1929, and NEC's notes for 4 and 4a). Pure.
//
// Guarantees: reading never throws and never goes past the end of a message. All bytes are classified as a complete
// message, too short, or not such a message. Refusals are described in words; a code that is not in the list is
// described as unknown.

import { isIPv4, isIPv6 } from 'node:net';

/** The result of reading the bytes so far. `length` is that of the message; later bytes belong to the next one. */
export type Read<T> =
  | { readonly kind: 'read'; readonly value: T; readonly length: number }
  | { readonly kind: 'short' }
  | { readonly kind: 'foreign' };

/** The proxy's reply to the connection request; `words` is null when it is open. */
export interface SocksReply {
  readonly code: number;
  readonly words: string | null;
}

/** RFC 1928, 3: authentication methods. */
export const NO_AUTHENTICATION = 0x00;
export const USER_AND_PASSWORD = 0x02;
const NONE_ACCEPTABLE = 0xff;

/** RFC 1929, 2, and RFC 1928, 5: lengths are one octet. */
const MAX_FIELD_LENGTH = 255;

/** RFC 1928, 6. */
export const NOT_ALLOWED = 2;
/** The proxy could not reach the next server or the target. */
export const FAILED_BEHIND_PROXY: ReadonlySet<number> = new Set([3, 4, 5, 6]);
const REPLY_5: Readonly<Record<number, string>> = {
  1: 'general failure',
  [NOT_ALLOWED]: 'not allowed by its rules',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'time to live expired',
  7: 'command not supported',
  8: 'address type not supported',
};

const GRANTED_4 = 90;
const REPLY_4: Readonly<Record<number, string>> = {
  91: 'rejected or failed',
  92: 'it cannot reach the identd of this host',
  93: 'the identd of this host reports another user',
};

/** Offers no authentication, and also user and password if they are configured. */
export function greeting5(withPassword: boolean): Buffer {
  return Buffer.from(withPassword ? [5, 2, NO_AUTHENTICATION, USER_AND_PASSWORD] : [5, 1, NO_AUTHENTICATION]);
}

/** RFC 1929, 2; null when user or password is too long. */
export function userAndPassword(user: string, password: string): Buffer | null {
  const [name, secret] = [Buffer.from(user, 'utf8'), Buffer.from(password, 'utf8')];
  if (![name, secret].every(({ length }) => length >= 1 && length <= MAX_FIELD_LENGTH)) return null;
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([secret.length]), secret]);
}

/** Requests a connection to a name or address; null for a name that is too long. */
export function connect5(host: string, port: number): Buffer | null {
  const address = addressOf(host);
  return address === null ? null : Buffer.concat([Buffer.from([5, 1, 0]), address, portOf(port)]);
}

/**
 * The same for SOCKS 4 (an IPv4 address) and SOCKS 4a (a name). Null if the host or the user does not fit into the
 * message.
 */
export function connect4(host: string, port: number, userId: string): Buffer | null {
  const head = Buffer.concat([Buffer.from([4, 1]), portOf(port)]);
  if (isIPv6(host) || `${host}${userId}`.includes('\0')) return null;
  const user = Buffer.from(`${userId}\0`, 'utf8');
  if (isIPv4(host)) return Buffer.concat([head, octetsOf4(host), user]);
  const name = nameOf(host);
  // 4a: an address that no host has, and the name after the user.
  return name === null ? null : Buffer.concat([head, Buffer.from([0, 0, 0, 1]), user, name, Buffer.from([0])]);
}

/** The method that the proxy chose. */
export function readMethod(bytes: Buffer): Read<number> {
  if (bytes.length > 0 && bytes[0] !== 5) return { kind: 'foreign' };
  return bytes.length < 2 ? { kind: 'short' } : { kind: 'read', value: bytes[1] ?? NONE_ACCEPTABLE, length: 2 };
}

/** Whether user and password are accepted. The version is 1; some servers send 5. */
export function readAuthStatus(bytes: Buffer): Read<boolean> {
  if (bytes.length > 0 && bytes[0] !== 1 && bytes[0] !== 5) return { kind: 'foreign' };
  return bytes.length < 2 ? { kind: 'short' } : { kind: 'read', value: bytes[1] === 0, length: 2 };
}

/** A refusal is returned as soon as its number has arrived, because not every server sends the rest. */
export function readReply5(bytes: Buffer): Read<SocksReply> {
  if (bytes.length > 0 && bytes[0] !== 5) return { kind: 'foreign' };
  const [, code, , type, first] = bytes;
  if (code === undefined) return { kind: 'short' };
  if (code !== 0) return { kind: 'read', value: { code, words: wordsOf(REPLY_5, code) }, length: bytes.length };
  if (type === undefined) return { kind: 'short' };
  const address = lengthOf(type, first);
  if (address === null) return { kind: 'foreign' };
  const length = 4 + address + 2;
  return bytes.length < length ? { kind: 'short' } : { kind: 'read', value: { code, words: null }, length };
}

/** SOCKS 4 and 4a. The version of a reply is 0; some servers send 4. */
export function readReply4(bytes: Buffer): Read<SocksReply> {
  if (bytes.length > 0 && bytes[0] !== 0 && bytes[0] !== 4) return { kind: 'foreign' };
  const code = bytes[1];
  if (code === undefined) return { kind: 'short' };
  // Only 90 to 93 are replies; another number is another protocol.
  if (code !== GRANTED_4 && REPLY_4[code] === undefined) return { kind: 'foreign' };
  if (code !== GRANTED_4) return { kind: 'read', value: { code, words: wordsOf(REPLY_4, code) }, length: bytes.length };
  return bytes.length < 8 ? { kind: 'short' } : { kind: 'read', value: { code, words: null }, length: 8 };
}

/** Length of an address of this type. The first octet of a name is its length. Null for an unknown type. */
function lengthOf(type: number, first: number | undefined): number | null {
  if (type === 1) return 4;
  if (type === 4) return 16;
  // Without the length octet, assume the shortest; the message is too short in any case.
  return type === 3 ? 1 + (first ?? 1) : null;
}

function addressOf(host: string): Buffer | null {
  if (isIPv4(host)) return Buffer.concat([Buffer.from([1]), octetsOf4(host)]);
  if (isIPv6(host)) return Buffer.concat([Buffer.from([4]), octetsOf6(host)]);
  const name = nameOf(host);
  return name === null ? null : Buffer.concat([Buffer.from([3, name.length]), name]);
}

function nameOf(host: string): Buffer | null {
  const name = Buffer.from(host, 'utf8');
  return name.length >= 1 && name.length <= MAX_FIELD_LENGTH ? name : null;
}

function portOf(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

function octetsOf4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function octetsOf6(address: string): Buffer {
  // The URL parser converts every form to hexadecimal groups, including one that ends in IPv4; it rejects zones.
  const plain = address.replace(/%.*$/, '');
  const [head = '', tail] = new URL(`http://[${plain}]/`).hostname.slice(1, -1).split('::');
  const groupsOf = (part: string) => part.split(':').filter((group) => group !== '');
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  const between = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [at, group] of [...before, ...between, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2);
  }
  return bytes;
}

function wordsOf(known: Readonly<Record<number, string>>, code: number): string {
  return known[code] ?? 'an unknown reply code';
}
