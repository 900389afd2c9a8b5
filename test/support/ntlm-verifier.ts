/**
 * The server side of NTLM, written from MS-NLMP without code of the program. It makes challenges, parses AUTHENTICATE
 * and computes every proof with the domain that the server knows. NTLMv2 only.
 */
import { createHmac } from 'node:crypto';
// @ts-expect-error The package has no types.
import untyped from 'js-md4';

const md4 = untyped as { arrayBuffer(message: Uint8Array): ArrayBuffer };

export interface NtlmUser {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
}

export interface ChallengeOptions {
  readonly flags?: number;
  /** Id and value of each pair; the end is added. Null leaves target information out. */
  readonly pairs?: readonly (readonly [number, Buffer])[] | null;
}

export const SERVER_CHALLENGE = Buffer.from('0123456789abcdef', 'hex');

/** A CHALLENGE message. */
export function challengeMessage({ flags = 0x0089_8205, pairs = [] }: ChallengeOptions = {}): Buffer {
  const info = pairs === null ? Buffer.alloc(0) : Buffer.concat([...pairs.map(([id, value]) => av(id, value)), av(0)]);
  const head = Buffer.alloc(48);
  head.write('NTLMSSP\0', 'latin1');
  head.writeUInt32LE(2, 8);
  head.writeUInt32LE(48, 16);
  head.writeUInt32LE((pairs === null ? flags & ~0x0080_0000 : flags) >>> 0, 20);
  SERVER_CHALLENGE.copy(head, 24);
  head.writeUInt16LE(info.length, 40);
  head.writeUInt16LE(info.length, 42);
  head.writeUInt32LE(48, 44);
  return Buffer.concat([head, info]);
}

/** Why an AUTHENTICATE is not good; null when it is. */
export function verifyAuthenticate(
  message: Buffer,
  known: NtlmUser,
  exchange: { readonly negotiate: Buffer; readonly challenge: Buffer },
): string | null {
  const field = (at: number) => message.subarray(message.readUInt32LE(at + 4)).subarray(0, message.readUInt16LE(at));
  const [lm, nt, domain, user] = [12, 20, 28, 36].map(field) as [Buffer, Buffer, Buffer, Buffer];
  if (user.toString('utf16le').toUpperCase() !== known.user.toUpperCase()) return 'another user';
  if (domain.toString('utf16le') !== known.domain) return `domain ${domain.toString('utf16le')}`;
  if (nt.length < 44) return 'not NTLMv2';
  const key = hmac(
    Buffer.from(md4.arrayBuffer(Buffer.from(known.password, 'utf16le'))),
    Buffer.from(known.user.toUpperCase() + known.domain, 'utf16le'),
  );
  const [proof, blob] = [nt.subarray(0, 16), nt.subarray(16)];
  if (!hmac(key, SERVER_CHALLENGE, blob).equals(proof)) return 'wrong proof';
  const pairs = readPairs(blob.subarray(28));
  const lmv2 = Buffer.concat([hmac(key, SERVER_CHALLENGE, blob.subarray(16, 24)), blob.subarray(16, 24)]);
  if (!lm.equals(Buffer.alloc(24)) && !lm.equals(lmv2)) return 'an LM or NTLMv1 response';
  if (((pairs.get(6)?.readUInt32LE(0) ?? 0) & 2) === 0) return null;
  const withoutMic = Buffer.from(message).fill(0, 72, 88);
  const mic = hmac(hmac(key, proof), exchange.negotiate, exchange.challenge, withoutMic);
  return mic.equals(message.subarray(72, 88)) ? null : 'wrong MIC';
}

/** The target information inside an AUTHENTICATE. */
export function pairsOf(message: Buffer): ReadonlyMap<number, Buffer> {
  const at = message.readUInt32LE(24);
  return readPairs(message.subarray(at + 44));
}

function readPairs(bytes: Buffer): Map<number, Buffer> {
  const pairs = new Map<number, Buffer>();
  for (let at = 0; bytes.readUInt16LE(at) !== 0; at += 4 + bytes.readUInt16LE(at + 2)) {
    pairs.set(bytes.readUInt16LE(at), bytes.subarray(at + 4, at + 4 + bytes.readUInt16LE(at + 2)));
  }
  return pairs;
}

function av(id: number, value: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, value]);
}

function hmac(key: Buffer, ...data: readonly Buffer[]): Buffer {
  return createHmac('md5', key).update(Buffer.concat(data)).digest();
}
