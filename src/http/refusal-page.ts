// Adds facts to the failure of a refused request: the title of the page that came with it, and whether a content
// scanner made that page.
//
// Guarantees: a scanner is recognized only by its own header fields or by the title of its page, and only over plain
// HTTP, because a scanner cannot read inside TLS. Pure; the content of the page is untrusted text.

import { CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { isUninformative, readErrorPage } from '#proxy/error-page.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { shownUrl } from './check-url.ts';
import { headerValue, pageTitle } from './headers.ts';

/** Maximum number of bytes of a page that are read. */
export const REFUSAL_PAGE_BYTES = 16_384;
/** How long to wait for a page, in milliseconds. The refusal itself is already known. */
export const PAGE_WAIT_MS = 2_000;

/** Maximum length of the name of a finding, in characters. */
const MAX_FINDING = 200;
const SCANNER_TITLE = /\b(?:virus|malware|threat|infection)\b.{0,40}\b(?:found|detected|blocked)\b/i;
const NAMED_IN_PAGE =
  /\b(?:virus|malware|threat|infection|signature)(?: name)?(?: found| detected)?\s*[:=]\s*([\w.:/@+-]{3,200})/i;

/** Where a refusal came from. */
interface RefusedAt {
  readonly url: URL;
  /** The hop, and the name of the proxy there, if any. */
  readonly hop: Hop;
  readonly proxy: string | null;
}

/** How the failure describes what was blocked, and what happens next. */
const DOWNLOAD = {
  what: 'download',
  give: 'the URL, the finding and the digest of the update',
  again: 'retried once a day, and when the feed lists another digest',
} as const;

/** What a content scanner shows in its response. */
export interface ScannerFinding {
  /** The name of the finding; null if the scanner does not name it. */
  readonly named: string | null;
  /** The title of the scanner's page; null if it has none. */
  readonly title: string | null;
}

/** A scanner's verdict on the requested content; null when there is none. */
export function contentBlocked(head: ResponseHead, page: Uint8Array, at: RefusedAt): CodedError | null {
  if (head.status < 400 || at.url.protocol !== 'http:') return null;
  const found = scannerFinding(head, page);
  if (found === null) return null;
  const { named, title } = found;
  const where = at.proxy === null ? 'on the network path' : `at proxy ${at.proxy}`;
  const facts = { where, url: shownUrl(at.url), status: head.status, finding: named ?? title, hop: at.hop };
  return coded('CONTENT-BLOCKED', { ...facts, ...found, ...DOWNLOAD });
}

/**
 * What a scanner shows in this response, by its own header fields or the title of its page; null when no scanner made
 * it. The caller knows whether a scanner can read the content.
 */
export function scannerFinding(head: ResponseHead, page: Uint8Array): ScannerFinding | null {
  const infection = headerValue(head, 'x-infection-found');
  const virus = headerValue(head, 'x-virus-id') ?? headerValue(head, 'x-virus-name');
  const title = pageTitle(page);
  const byTitle = title !== null && SCANNER_TITLE.test(title);
  if (infection === undefined && virus === undefined && !byTitle) return null;
  const words = byTitle ? readErrorPage(Buffer.from(page).toString('utf8')).words : null;
  // ICAP extensions, 3: `Type=0; Resolution=2; Threat=Eicar-Test-Signature;`
  const threat = /\bthreat\s*=\s*([^;]{1,200})/i.exec(infection ?? '')?.[1];
  const finding = (threat ?? virus ?? infection ?? NAMED_IN_PAGE.exec(words ?? '')?.[1] ?? '').trim();
  return { named: finding === '' ? null : finding.slice(0, MAX_FINDING), title };
}

/** The same refusal by a proxy, with the title of its page. */
export function withTitle(error: CodedError, page: Uint8Array): CodedError {
  const title = pageTitle(page);
  const { said } = error.facts;
  if (title === null || isUninformative(title) || title === said) return error;
  const both = typeof said === 'string' ? [said, title] : title;
  return new CodedError(error.code, { ...error.facts, said: both, title }, error).during(error.trace);
}
