/**
 * Makes certificates without any program of the machine: X.509 v3 in DER (RFC 5280, 4.1) with P-256 keys. Only the
 * tests trust the CA. A leaf certificate can be wrong in one respect: name, time, issuer or purpose.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** PEM texts of a certificate and its key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

interface LeafOptions {
  /** As OpenSSL writes them: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  /** `20200101000000Z`. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** For a client instead of a server. */
  readonly client?: boolean;
  /** Where the certificate of its issuer is to be had. */
  readonly issuerAt?: string;
}

export interface TestCa extends KeyPair {
  issue(options?: LeafOptions): KeyPair;
  /** An authority below this one; what it issues has its own certificate behind, as servers send it. */
  issueCa(name: string): TestCa;
}

type Name = readonly (readonly [type: 'O' | 'CN', value: string])[];

const LOCAL_NAMES = 'DNS:localhost,DNS:updates.example.com,IP:127.0.0.1,IP:::1';
const ALWAYS = { notBefore: '20200101000000Z', notAfter: '20991231235959Z' };

/** A CA of its own, with the given name in its subject. */
export function createCa(name = 'Sallyport Test CA', organisation = 'Test Inspect'): TestCa {
  return makeCa([name, organisation], null);
}

interface Authority {
  readonly issuer: Name;
  readonly signer: KeyObject;
}

/** Below `by`, or its own root. */
function makeCa([name, organisation]: readonly [string, string], by: Authority | null): TestCa {
  const keys = newKeys();
  const subject: Name = [
    ['O', organisation],
    ['CN', name],
  ];
  const extensions = [
    extension('2.5.29.19', sequence(tlv(0x01, Buffer.from([0xff]))), true),
    // keyCertSign and cRLSign.
    extension('2.5.29.15', tlv(0x03, Buffer.from([1, 0x06])), true),
  ];
  const own: Authority = { issuer: subject, signer: keys.privateKey };
  const cert = certificate({ ...(by ?? own), subject, keys, extensions, ...ALWAYS });
  return {
    cert,
    key: pemOf(keys.privateKey),
    issue(options = {}) {
      const leaf = issueLeaf(options, own);
      return by === null ? leaf : { ...leaf, cert: `${leaf.cert}${cert}` };
    },
    issueCa: (below) => makeCa([below, organisation], own),
  };
}

/** A certificate that is its own issuer. */
export function createSelfSigned(names = LOCAL_NAMES): KeyPair {
  const keys = newKeys();
  const subject: Name = [['CN', 'self']];
  const extensions = [alternativeNames(names)];
  const cert = certificate({ subject, issuer: subject, signer: keys.privateKey, keys, extensions, ...ALWAYS });
  return { cert, key: pemOf(keys.privateKey) };
}

/** The same key, behind a passphrase. */
export function encryptKey(key: string, passphrase: string): string {
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
  return createPrivateKey(key).export(options).toString();
}

function issueLeaf(options: LeafOptions, by: Authority): KeyPair {
  const { names = LOCAL_NAMES, client = false, issuerAt, ...dates } = options;
  const keys = newKeys();
  const purpose = sequence(oid(client ? '1.3.6.1.5.5.7.3.2' : '1.3.6.1.5.5.7.3.1'));
  const extensions = [
    alternativeNames(names),
    extension('2.5.29.37', purpose),
    ...(issuerAt === undefined ? [] : [issuersPlace(issuerAt)]),
  ];
  const cert = certificate({ ...by, ...ALWAYS, ...dates, subject: [['CN', 'leaf']], keys, extensions });
  return { cert, key: pemOf(keys.privateKey) };
}

interface Certificate {
  readonly subject: Name;
  readonly issuer: Name;
  readonly signer: KeyObject;
  readonly keys: { readonly publicKey: KeyObject };
  readonly notBefore: string;
  readonly notAfter: string;
  readonly extensions: readonly Buffer[];
}

function certificate(of: Certificate): string {
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(8)]);
  const signed = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ecdsaWithSha256,
    distinguishedName(of.issuer),
    sequence(time(of.notBefore), time(of.notAfter)),
    distinguishedName(of.subject),
    of.keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...of.extensions)),
  );
  const signature = tlv(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', signed, of.signer)]));
  const base64 = sequence(signed, ecdsaWithSha256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function distinguishedName(name: Name): Buffer {
  const types = { O: '2.5.4.10', CN: '2.5.4.3' };
  const parts = name.map(([type, value]) => tlv(0x31, sequence(oid(types[type]), tlv(0x0c, Buffer.from(value)))));
  return sequence(...parts);
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
function time(text: string): Buffer {
  return text < '2050' ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}

function alternativeNames(names: string): Buffer {
  const parts = names.split(',').map((name) => {
    const value = name.slice(name.indexOf(':') + 1);
    return name.startsWith('DNS:') ? tlv(0x82, Buffer.from(value)) : tlv(0x87, addressBytes(value));
  });
  return extension('2.5.29.17', sequence(...parts));
}

/** RFC 5280, 4.2.2.1. */
function issuersPlace(url: string): Buffer {
  const description = sequence(oid('1.3.6.1.5.5.7.48.2'), tlv(0x86, Buffer.from(url)));
  return extension('1.3.6.1.5.5.7.1.1', sequence(description));
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

/** Tag, length, value. */
function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  const size = length < 0x1_00 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
