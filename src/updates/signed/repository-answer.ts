// Decides whether a response shows that a file of a repository exists, that it does not exist, or neither. Pure.
//
// A missing `N.root.json` ends the search for new roots (TUF 5.3.3), so an attacker who makes this file look missing
// can hide a new root. Therefore, only a response of the repository itself counts. Over TLS this is certain. Over plain
// HTTP, a proxy may have sent the response. Even then, a root can be hidden only until the metadata expires.

import { isPage, repeatsStatus } from '#http/page.ts';
import { proxyMark } from '#proxy/proxy-mark.ts';
import type { ConnectMode, ResponseHead } from '#proxy/route.ts';

/** Bytes at the start of a body in which the code of a storage service is looked for. */
const CODE_BYTES = 4_096;

/** The meaning of a response. */
export type RepositoryAnswer =
  | 'found'
  /** The repository has no such file. */
  | 'missing'
  /** The repository or a proxy has no such file; the same response to a second request is taken for the repository's. */
  | 'ask-again'
  /** The repository or a proxy refused it (TUF-ROOT-UNSURE). */
  | 'unsure'
  /** A failure that says nothing about the file. */
  | 'failed';

/** How the response was received. */
export interface AnsweredOver {
  readonly url: URL;
  readonly how: ConnectMode;
  /** Set when the connection was opened by an inspecting proxy, so that it may have answered inside TLS. */
  readonly isInspected?: boolean;
  /** Whether this is the second response that says the same. */
  readonly isSecond: boolean;
}

/** A response of the hop itself, such as a 407 of a proxy, has already become a failure and does not get here. */
export function classifyReply(head: ResponseHead, body: Uint8Array, over: AnsweredOver): RepositoryAnswer {
  if (head.status === 200) return 'found';
  if (head.status !== 404 && head.status !== 403) return 'failed';
  if (over.url.protocol === 'https:' && over.isInspected !== true) return 'missing';
  // In a request in absolute form, the mark is that of the configured proxy. Elsewhere it may be that of an intercepting
  // proxy, or of a reverse proxy at the vendor.
  if (proxyMark(head) !== null) return over.how === 'forward' ? 'failed' : 'unsure';
  if (over.how === 'direct' && over.isInspected !== true) return 'missing';
  if (storageCode(body) === null && !isPlainMissing(head, body)) return 'unsure';
  return over.how !== 'forward' || over.isSecond ? 'missing' : 'ask-again';
}

/** A 404 without a page that was written for this case, as a proxy would. */
function isPlainMissing(head: ResponseHead, body: Uint8Array): boolean {
  return head.status === 404 && (!isPage(head, body) || repeatsStatus(head, body));
}

/** What S3 and compatible services say of a missing object, depending on the right to list. Proxies send no such body. */
function storageCode(body: Uint8Array): string | null {
  const text = Buffer.from(body.subarray(0, CODE_BYTES)).toString('utf8');
  return /<Error\b[^<>]*>\s*<Code>\s*(AccessDenied|NoSuchKey)\s*<\/Code>/.exec(text)?.[1] ?? null;
}
