// Signs requests with an Ed25519 key (RFC 9421), so that a server can recognize this host behind any proxy.
//
// Guarantees: the signature covers the method, the complete URL and, if there is a body, its digest, with the time and a
// nonce. A proxy or another server can therefore neither change the request nor use the signature for another one.
// Relies on the caller to send the request to the server that it was signed for.

import { type KeyObject, sign } from 'node:crypto';
import { contentDigest, type DigestedBody } from './content-digest.ts';
import { type Component, signatureBase, signatureParams } from './signature-base.ts';

/** The label of our signature in `Signature-Input` and `Signature`. */
const SIGNATURE_LABEL = 'sallyport';

/** What is signed of a request. */
export interface SignableRequest {
  readonly method: string;
  /** The URL of the request. An upgrade to `wss:` is signed as the `https:` request that it is (RFC 6455, 4.1). */
  readonly url: URL;
  /** The body, or its digest. Missing: the request has no body, or one whose digest is unknown before it is sent. */
  readonly body?: DigestedBody;
}

/** Makes the headers that sign a request. */
export interface RequestSigner {
  /** `signature-input`, `signature` and, with a body, `content-digest`. Each call uses a new nonce. */
  sign(request: SignableRequest): Record<string, string>;
}

export interface SigningKey {
  /** A private Ed25519 key. */
  readonly key: KeyObject;
  /** The agent ID: printable ASCII. */
  readonly keyId: string;
  /** The wall clock, in milliseconds since the epoch. */
  now(): number;
  /** Returns a text of printable ASCII that it has never returned before. */
  nonce(): string;
}

/** A signer with this key. */
export function requestSigner({ key, keyId, now, nonce }: SigningKey): RequestSigner {
  return {
    sign({ method, url, body }) {
      const digest = body === undefined ? null : contentDigest(body);
      const components: Component[] = [
        ['@method', method],
        ['@target-uri', targetUri(url)],
        ...(digest === null ? [] : ([['content-digest', digest]] as const)),
      ];
      const params = signatureParams(
        components.map(([name]) => name),
        [
          ['created', Math.floor(now() / 1_000)],
          ['nonce', nonce()],
          ['keyid', keyId],
          ['alg', 'ed25519'],
        ],
      );
      const signature = sign(null, signatureBase(components, params), key);
      return {
        ...(digest === null ? {} : { 'content-digest': digest }),
        'signature-input': `${SIGNATURE_LABEL}=${params}`,
        signature: `${SIGNATURE_LABEL}=:${signature.toString('base64')}:`,
      };
    },
  };
}

/** The value of `@target-uri` (RFC 9421, 2.2.2): the whole URL without fragment, with the scheme of HTTP. */
export function targetUri(url: URL): string {
  const target = new URL(url);
  target.hash = '';
  target.username = '';
  target.password = '';
  target.protocol = target.protocol.replace(/^ws/, 'http');
  return target.href;
}
