// The three messages of NTLM, and the NTLMv2 proof in the third one (MS-NLMP 2.2.1 and 3.3.2).
//
// Guarantees: LM and NTLMv1 responses are never made. Reading the proxy's message never leaves the message and never
// throws. A MIC protects the three messages if the proxy's message has a timestamp or requests a MIC. Pure: the caller
// passes time, random bytes and hashes. Relies on `js-md4`, because OpenSSL 3 no longer has MD4.

import { createHmac } from 'node:crypto';
// @ts-expect-error The package has no types.
import untyped from 'js-md4';

const md4 = untyped as { arrayBuffer(message: Uint8Array): ArrayBuffer };

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');

/** NEGOTIATE: unicode, OEM, request target, NTLM, always sign, extended session security. */
const NEGOTIATE_FLAGS = 0x0008_8207;
const FLAG_UNICODE = 0x0000_0001;
const FLAG_TARGET_INFO = 0x0080_0000;
/** The flags of the proxy that are accepted: no key exchange, no sealing, no signing of later bytes. */
const AGREED_FLAGS = 0x0088_8205;

const CHALLENGE_HEAD_BYTES = 32;
const TARGET_INFO_AT = 40;
/** Size of the fixed part of AUTHENTICATE with version and MIC. */
const AUTHENTICATE_HEAD_BYTES = 88;
const MIC_AT = 72;
const MIC_BYTES = 16;

/** MsvAv* ids of target information. */
const AV = { end: 0, nbDomain: 2, flags: 6, timestamp: 7, targetName: 9, channelBindings: 10 } as const;
const AV_FLAG_MIC = 0x2;

/** From 1601 to 1970, in units of 100 ns. */
const EPOCH_GAP = 116_444_736_000_000_000n;

/** The proxy's challenge. */
export interface NtlmChallenge {
  readonly flags: number;
  readonly serverChallenge: Buffer;
  readonly targetInfo: readonly AvPair[];
  readonly raw: Buffer;
}

interface AvPair {
  readonly id: number;
  readonly value: Buffer;
}

/** The first message: our capabilities, and nothing that identifies us. */
export function negotiateMessage(): Buffer {
  const message = Buffer.alloc(32);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(NEGOTIATE_FLAGS, 12);
  return message;
}

/** Reads the second message; returns a description if it is invalid. */
export function readChallenge(raw: Buffer): NtlmChallenge | string {
  if (raw.length < CHALLENGE_HEAD_BYTES) return 'its message is too short';
  if (!raw.subarray(0, 8).equals(SIGNATURE)) return 'its message does not begin with NTLMSSP';
  if (raw.readUInt32LE(8) !== 2) return `it sent message ${raw.readUInt32LE(8)} instead of 2`;
  const flags = raw.readUInt32LE(20);
  if ((flags & FLAG_UNICODE) === 0) return 'it does not support Unicode';
  const serverChallenge = raw.subarray(24, 32);
  if ((flags & FLAG_TARGET_INFO) === 0 || raw.length < TARGET_INFO_AT + 8) {
    return { flags, serverChallenge, targetInfo: [], raw };
  }
  const [length, offset] = [raw.readUInt16LE(TARGET_INFO_AT), raw.readUInt32LE(TARGET_INFO_AT + 4)];
  if (offset + length > raw.length) return 'its target information is truncated';
  const targetInfo = readPairs(raw.subarray(offset, offset + length));
  return targetInfo === null ? 'its target information is damaged' : { flags, serverChallenge, targetInfo, raw };
}

/** The NetBIOS name of the proxy's domain; null when its challenge has none. */
export function domainOf(challenge: NtlmChallenge): string | null {
  const name = challenge.targetInfo.find(({ id }) => id === AV.nbDomain)?.value.toString('utf16le') ?? '';
  return name === '' ? null : name;
}

export interface NtlmIdentity {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  readonly workstation: string;
}

export interface AuthenticateParts {
  readonly identity: NtlmIdentity;
  readonly challenge: NtlmChallenge;
  /** Our first message, which the MIC covers. */
  readonly negotiate: Buffer;
  /** Service name of the proxy, for example `HTTP/proxy.example.com`. */
  readonly targetName: string;
  readonly clientChallenge: Buffer;
  /** Wall time in ms since the epoch; the proxy's own timestamp has priority. */
  readonly nowMs: number;
}

/** The third message. */
export function authenticateMessage(parts: AuthenticateParts): Buffer {
  const { identity, challenge, clientChallenge } = parts;
  const key = ntowfv2(identity);
  const timestamp = challenge.targetInfo.find(({ id }) => id === AV.timestamp)?.value ?? null;
  const requestedFlags = challenge.targetInfo.find(({ id }) => id === AV.flags)?.value;
  const withMic =
    timestamp !== null || ((requestedFlags?.length === 4 ? requestedFlags.readUInt32LE(0) : 0) & AV_FLAG_MIC) !== 0;
  const { response, sessionKey } = ntlmv2Response({
    key,
    serverChallenge: challenge.serverChallenge,
    clientChallenge,
    time: timestamp?.length === 8 ? timestamp : fileTime(parts.nowMs),
    targetInfo: ourPairs(challenge, withMic, parts.targetName),
  });
  // 3.1.5.1.2: with a timestamp the LM field is zeros. Without one it contains LMv2, which does not depend on an LM
  // hash.
  const lm = timestamp === null ? lmv2Response(key, challenge.serverChallenge, clientChallenge) : Buffer.alloc(24);
  const message = encodeMessage(challenge.flags & AGREED_FLAGS, [
    lm,
    response,
    utf16(identity.domain),
    utf16(identity.user),
    utf16(identity.workstation),
    Buffer.alloc(0),
  ]);
  if (withMic) hmac(sessionKey, parts.negotiate, challenge.raw, message).copy(message, MIC_AT);
  return message;
}

/** 3.3.2: the base key of all responses, from the user in upper case and the domain as written. */
export function ntowfv2({ user, domain, password }: Pick<NtlmIdentity, 'user' | 'domain' | 'password'>): Buffer {
  return hmac(Buffer.from(md4.arrayBuffer(utf16(password))), utf16(inCapitals(user)), utf16(domain));
}

export function ntlmv2Response(from: {
  readonly key: Buffer;
  readonly serverChallenge: Buffer;
  readonly clientChallenge: Buffer;
  /** As FILETIME. */
  readonly time: Buffer;
  /** As sent, including its end marker. */
  readonly targetInfo: Buffer;
}): { readonly response: Buffer; readonly sessionKey: Buffer } {
  const { key, serverChallenge, clientChallenge, time, targetInfo } = from;
  const [version, zeros] = [Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(4)];
  const blob = Buffer.concat([version, time, clientChallenge, zeros, targetInfo, zeros]);
  const proof = hmac(key, serverChallenge, blob);
  return { response: Buffer.concat([proof, blob]), sessionKey: hmac(key, proof) };
}

export function lmv2Response(key: Buffer, serverChallenge: Buffer, clientChallenge: Buffer): Buffer {
  return Buffer.concat([hmac(key, serverChallenge, clientChallenge), clientChallenge]);
}

/** The proxy's pairs with ours added: whether there is a MIC, no channel binding, and the intended target. */
function ourPairs(challenge: NtlmChallenge, withMic: boolean, targetName: string): Buffer {
  const ours: AvPair[] = [];
  if (withMic) {
    const flags = challenge.targetInfo.find(({ id }) => id === AV.flags)?.value;
    const value = Buffer.alloc(4);
    value.writeUInt32LE(((flags?.length === 4 ? flags.readUInt32LE(0) : 0) | AV_FLAG_MIC) >>> 0);
    ours.push({ id: AV.flags, value }, { id: AV.channelBindings, value: Buffer.alloc(16) });
    ours.push({ id: AV.targetName, value: utf16(targetName) });
  }
  const ids = new Set(ours.map(({ id }) => id));
  return writePairs([...challenge.targetInfo.filter(({ id }) => !ids.has(id)), ...ours]);
}

function readPairs(bytes: Buffer): AvPair[] | null {
  const pairs: AvPair[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [id, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    if (id === AV.end) return pairs;
    if (at + 4 + length > bytes.length) return null;
    pairs.push({ id, value: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return bytes.length === 0 ? pairs : null;
}

function writePairs(pairs: readonly AvPair[]): Buffer {
  const written = [...pairs, { id: AV.end, value: Buffer.alloc(0) }].flatMap(({ id, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, value];
  });
  return Buffer.concat(written);
}

/** 2.2.1.3: a table of lengths and offsets, flags, version and MIC as zeros, then the fields themselves. */
function encodeMessage(flags: number, fields: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(AUTHENTICATE_HEAD_BYTES);
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let at = AUTHENTICATE_HEAD_BYTES;
  for (const [index, field] of fields.entries()) {
    const entry = 12 + index * 8;
    head.writeUInt16LE(field.length, entry);
    head.writeUInt16LE(field.length, entry + 2);
    head.writeUInt32LE(at, entry + 4);
    at += field.length;
  }
  head.writeUInt32LE(flags >>> 0, 60);
  head.fill(0, MIC_AT, MIC_AT + MIC_BYTES);
  return Buffer.concat([head, ...fields]);
}

/** Windows maps each character separately: `ß` stays `ß`. */
function inCapitals(text: string): string {
  return Array.from(text, (character) => {
    const capital = character.toUpperCase();
    return capital.length === character.length ? capital : character;
  }).join('');
}

function fileTime(ms: number): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(BigInt(Math.max(0, Math.trunc(ms))) * 10_000n + EPOCH_GAP);
  return time;
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}

function hmac(key: Buffer, ...data: readonly Buffer[]): Buffer {
  const made = createHmac('md5', key);
  for (const part of data) made.update(part);
  return made.digest();
}
