// Recognizes a response that blocks the content of an upload. Such an upload is tried once more after an hour, and then
// held.
//
// Guarantees: blocked content is never dropped. It is not sent in a loop, because each attempt raises an incident for
// the team that runs the scanner. Held content is sent again only by `sallyport queue retry`, or when the route
// changes. Pure. The content of a block page is untrusted text.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { pageTitle } from '#http/headers.ts';
import { isPage, repeatsStatus } from '#http/page.ts';
import { scannerFinding } from '#http/refusal-page.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { answersFrom, type HopFacts } from '#proxy/route.ts';

/** How long to wait before blocked content is sent once more, in milliseconds. */
export const BLOCKED_WAIT_MS = 3_600_000;
/** Attempts that a scanner may block before the content is held. */
const BLOCKS_BEFORE_HELD = 2;

/** What is remembered with the content that was blocked. Durable with its entry or job. */
export interface ContentBlock {
  /** Identifies the route of the last attempt. */
  readonly route: string;
  /** Attempts over this route that were blocked. */
  readonly times: number;
}

/** What follows from a block. */
export type AfterBlock =
  | { readonly does: 'again'; readonly block: ContentBlock; readonly waitMs: number }
  | { readonly does: 'hold'; readonly block: ContentBlock };

/** Counts a block. `before` is what was remembered; null for the first block, and after `queue retry`. */
export function afterBlock(before: ContentBlock | null, route: string): AfterBlock {
  const times = before !== null && before.route === route ? before.times + 1 : 1;
  const block = { route, times };
  return times < BLOCKS_BEFORE_HELD ? { does: 'again', block, waitMs: BLOCKED_WAIT_MS } : { does: 'hold', block };
}

/** Whether the content must not be sent over this route now. */
export function isHeld(block: ContentBlock | null, route: string): boolean {
  return block !== null && block.route === route && block.times >= BLOCKS_BEFORE_HELD;
}

/** What a response shows if a scanner, or another program in front of the server, made it. */
export interface BlockNotice {
  /** Its own header fields, or the title of its page, name a finding. Otherwise it is a page with other words. */
  readonly isMarked: boolean;
  readonly title: string | null;
  readonly named: string | null;
}

/**
 * What such a response shows, whatever its status; null if the server itself answered. The error page of a web server
 * that only repeats its status blocks nothing: `502 Bad Gateway` passes by itself.
 */
export function blockNotice(head: ResponseInfo, body: Uint8Array): BlockNotice | null {
  const found = scannerFinding(head, body);
  if (found !== null) return { isMarked: true, ...found };
  if (!isPage(head, body) || isXml(head) || repeatsStatus(head, body)) return null;
  return { isMarked: false, title: pageTitle(body), named: null };
}

/** What was sent, such as `bundle 20261130-k3f9q2`, and whether it is sent again, in words. */
interface BlockedContent {
  readonly what: string;
  readonly again?: string;
}

const AGAIN = 'sent once more after an hour, then held until you run sallyport queue retry, or the route changes';

/** The failure for content that was blocked. */
export function uploadBlocked(
  notice: BlockNotice,
  answer: { readonly head: ResponseInfo; readonly url: URL; readonly facts: HopFacts },
  { what, again = AGAIN }: BlockedContent,
): CodedError {
  const { head, url, facts } = answer;
  const { title, named } = notice;
  return coded('CONTENT-BLOCKED', {
    where: facts.proxy === null ? 'on the network path' : `at or behind proxy ${facts.proxy}`,
    url: shownUrl(url),
    status: head.status,
    finding: named ?? title ?? 'a page without a title',
    named,
    title,
    what: 'upload',
    give: `the URL, the title of the page and ${what}`,
    again,
    hop: facts.how === 'forward' ? answersFrom(facts) : null,
  });
}

/** Object stores send their errors as XML, which begins like a page. */
function isXml(head: ResponseInfo): boolean {
  return /^(?:application|text)\/xml\b/i.test(head.header('content-type') ?? '');
}
