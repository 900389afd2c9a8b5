// Reads and verifies signatures of HTTP requests (RFC 9421), Ed25519 only. Pure.
//
// Guarantees: a signature is read only if it has exactly the form that RFC 9421 and RFC 9651 allow. This code is
// independent of the code that signs requests, so that tests of one find errors in the other.

import { type KeyObject, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The parts of a request that a signature can cover. */
export interface SignedRequest {
  readonly method: string;
  /** The complete URL, as the client requested it. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

export interface RequestSignature {
  /** Names of the covered components, such as `@method` and `content-digest`. */
  readonly covered: readonly string[];
  /** Seconds since the epoch; null if the signature does not say. */
  readonly created: number | null;
  readonly expires: number | null;
  readonly nonce: string | null;
  readonly keyId: string | null;
  readonly alg: string | null;
  /** `@signature-params`, byte for byte as received. */
  readonly params: string;
  readonly signature: Buffer;
}

export type ReadSignature = RequestSignature | 'none' | { readonly problem: string };

/** A string of RFC 9651, 3.3.3, with its quotes. */
const STRING = '"(?:[ !#-\\[\\]-~]|\\\\["\\\\])*"';
const INTEGER = '-?[0-9]{1,15}';
const PARAMETER = `;[a-z*][a-z0-9_.*-]*=(?:${STRING}|${INTEGER})`;
/** An inner list of strings without parameters, and the parameters of the list. */
const INNER_LIST = new RegExp(`^\\((?:${STRING}(?: +${STRING})*)?\\)(?:${PARAMETER})*$`);
const STRINGS = new RegExp(STRING, 'g');
const PARAMETERS = new RegExp(PARAMETER, 'g');
/** A byte sequence of RFC 9651, 3.3.5. */
const BYTES = /^:([A-Za-z0-9+/]{86}==):$/;
const MAX_HEADER_LENGTH = 4_096;

/** The signature with this label. */
export function readSignature(headers: IncomingHttpHeaders, label: string): ReadSignature {
  const [input, value] = [joined(headers['signature-input']), joined(headers['signature'])];
  if (input === undefined && value === undefined) return 'none';
  if (input === undefined || value === undefined) return { problem: 'Signature or Signature-Input is missing' };
  if (input.length > MAX_HEADER_LENGTH || value.length > MAX_HEADER_LENGTH) return { problem: 'a header is too long' };
  const params = memberOf(input, label);
  if (params === undefined) return 'none';
  const bytes = BYTES.exec(memberOf(value, label) ?? '')?.[1];
  if (bytes === undefined) return { problem: `Signature has no Ed25519 signature ${label}` };
  if (!INNER_LIST.test(params)) return { problem: `Signature-Input of ${label} is malformed` };
  const end = endOfList(params);
  const covered = (params.slice(0, end).match(STRINGS) ?? []).map(unquoted);
  if (new Set(covered).size !== covered.length) return { problem: 'a component is covered twice' };
  const found = parametersOf(params.slice(end));
  if (found === null) return { problem: 'a parameter occurs twice' };
  const number = (name: string) => (typeof found[name] === 'number' ? found[name] : null);
  const text = (name: string) => (typeof found[name] === 'string' ? found[name] : null);
  return {
    covered,
    created: number('created'),
    expires: number('expires'),
    nonce: text('nonce'),
    keyId: text('keyid'),
    alg: text('alg'),
    params,
    signature: Buffer.from(bytes, 'base64'),
  };
}

/** Whether the key made the signature of this request. */
export function isSignedBy(key: KeyObject, signature: RequestSignature, request: SignedRequest): boolean {
  const base = signatureBaseOf(signature, request);
  return base !== null && key.asymmetricKeyType === 'ed25519' && verify(null, base, key, signature.signature);
}

/** The bytes that are signed (RFC 9421, 2.5); null if the request does not have a covered component. */
export function signatureBaseOf({ covered, params }: RequestSignature, request: SignedRequest): Buffer | null {
  const lines: string[] = [];
  for (const name of covered) {
    const value = componentOf(name, request);
    if (value === null) return null;
    lines.push(`"${name}": ${value}`);
  }
  return Buffer.from([...lines, `"@signature-params": ${params}`].join('\n'));
}

/** The value of a component: RFC 9421, 2.1 and 2.2. */
function componentOf(component: string, { method, url, headers }: SignedRequest): string | null {
  switch (component) {
    case '@method':
      return method;
    case '@target-uri':
      return url.href;
    case '@authority':
      return url.host;
    case '@scheme':
      return url.protocol.slice(0, -1);
    case '@request-target':
      return `${url.pathname}${url.search}`;
    case '@path':
      return url.pathname;
    case '@query':
      return url.search === '' ? '?' : url.search;
    default: {
      const value = /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(component) ? joined(headers[component]) : undefined;
      return value === undefined ? null : value.trim();
    }
  }
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.map((line) => line.trim()).join(', ') : value;
}

/** A member of a dictionary (RFC 9651, 3.2). The last one counts. */
function memberOf(dictionary: string, label: string): string | undefined {
  return splitDictionary(dictionary)
    .findLast((member) => member.startsWith(`${label}=`))
    ?.slice(label.length + 1);
}

/** The members of a dictionary: separated by commas that are neither in a string nor in a list. */
function splitDictionary(text: string): readonly string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|\([^)]*\)|[^,"(])+/g) ?? [];
  return parts.map((part) => part.trim());
}

function endOfList(params: string): number {
  // No character of a component name is a parenthesis.
  return params.indexOf(')') + 1;
}

function parametersOf(text: string): Readonly<Record<string, string | number>> | null {
  const found: Record<string, string | number> = {};
  for (const parameter of text.match(PARAMETERS) ?? []) {
    const at = parameter.indexOf('=');
    const [name, value] = [parameter.slice(1, at), parameter.slice(at + 1)];
    if (Object.hasOwn(found, name)) return null;
    found[name] = value.startsWith('"') ? unquoted(value) : Number(value);
  }
  return found;
}

function unquoted(string: string): string {
  return string.slice(1, -1).replaceAll(/\\(["\\])/g, '$1');
}
