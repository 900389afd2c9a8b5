// Downloads the files of one copy of a signed repository over the route for updates: metadata and small targets.
// Deadlines, redirects, headers and codes are those of all requests for updates.
//
// Guarantees: tokens and headers are sent only to the origin of `updates.tuf.metadata_url`, never to a mirror. A file
// is reported as missing only if the repository itself said so (`repository-answer.ts`). A new root is always requested
// with `no-cache`. Other metadata may come from a cache, so that many hosts behind one cache cause one request.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { type FollowStep, followRedirects, isRedirect } from '#http/follow.ts';
import type { SessionResponse } from '#http/session/session.ts';
import { statusError } from '#http/status-error.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { answersFrom } from '#proxy/route.ts';
import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';
import { refusePage } from '#updates/feed/page.ts';
import { askUpdates, type UpdatesRequestPorts } from '#updates/request.ts';
import { classifyReply } from './repository-answer.ts';
import type { RepositoryCopy } from './repository-copies.ts';

/** An error page may be longer than the file that it replaces. */
const MIN_LIMIT_BYTES = 262_144;
const NEW_ROOT = /^\d+\.root\.json$/;

/** What a source is made for. */
export interface SourceOptions {
  readonly copy: RepositoryCopy;
  /** Makes caches revalidate everything, after an old copy was refused and once a day. */
  readonly revalidate: boolean;
  onConnected?(): void;
}

interface FileRequest {
  readonly url: URL;
  /** The folder that it is in. */
  readonly base: URL;
  readonly name: string;
  readonly limitBytes: number;
  readonly revalidate: boolean;
  readonly signal: AbortSignal;
}

/** One copy of the repository. */
export class HttpTufSource implements TufSource {
  readonly #ports: UpdatesRequestPorts;
  readonly #options: SourceOptions;

  constructor(ports: UpdatesRequestPorts, options: SourceOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  async metadata({ name, limitBytes, signal }: MetadataRequest): Promise<MetadataReply> {
    const base = this.#options.copy.metadata;
    const revalidate = this.#options.revalidate || NEW_ROOT.test(name);
    const bytes = await this.#request({
      url: new URL(encodeURIComponent(name), base),
      base,
      name,
      limitBytes,
      revalidate,
      signal,
    });
    return bytes === null ? { kind: 'missing' } : { kind: 'found', bytes };
  }

  async target({ names, limitBytes, signal }: TargetRequest): Promise<Uint8Array> {
    const base = this.#options.copy.targets;
    const { revalidate } = this.#options;
    for (const name of names) {
      const bytes = await this.#request({ url: targetUrl(base, name), base, name, limitBytes, revalidate, signal });
      if (bytes !== null) return bytes;
    }
    const file = names.at(-1) ?? '';
    throw coded('TUF-MISSING', { file, role: 'targets', listedBy: 'targets', clause: '5.7.3' });
  }

  /** Null when the repository has no such file. */
  async #request(file: FileRequest): Promise<Uint8Array | null> {
    const first = await this.#ask(file, false);
    return first === 'ask-again' ? ((await this.#ask(file, true)) as Uint8Array | null) : first;
  }

  async #ask(file: FileRequest, isSecond: boolean): Promise<Uint8Array | null | 'ask-again'> {
    const { allowed_origins: allowedOrigins } = this.#ports.settings().updates;
    return await followRedirects({
      start: file.url,
      context: { configured: file.base, allowedOrigins },
      report: reportOf('updates', this.#ports.report),
      led: (to) => this.#ports.habits.ledTo({ purpose: 'updates', by: 'redirect', urls: [to] }),
      visit: (url, credentials) => this.#visit(file, { url, credentials, isSecond }),
    });
  }

  async #visit(
    file: FileRequest,
    { url, credentials, isSecond }: { readonly url: URL; readonly credentials: boolean; readonly isSecond: boolean },
  ): Promise<FollowStep<Uint8Array | null | 'ask-again'>> {
    const { copy, onConnected } = this.#options;
    const answer = await askUpdates(this.#ports, {
      url,
      method: 'GET',
      credentials: credentials && copy.credentials && url.origin === copy.metadata.origin,
      headers: file.revalidate || isSecond ? { 'cache-control': 'no-cache' } : {},
      limitBytes: Math.max(file.limitBytes, MIN_LIMIT_BYTES),
      signal: file.signal,
      ...(onConnected === undefined ? {} : { onConnected }),
    }).catch((error: CodedError) => {
      // Also for a limit below that of error pages: only the file itself is expected with this status.
      const isFile = error.code === 'DOCUMENT-TOO-LARGE' && error.facts['status'] === 200;
      throw isFile ? tooLong(file).at(error.place) : error;
    });
    if (isRedirect(answer.head.status)) return { redirect: answer.head };
    return { value: this.#judge(file, answer, { url, isSecond }) };
  }

  /** @throws CodedError TUF-ROOT-UNSURE, TUF-LIMIT, FEED-NOT-JSON for a page with 200, ORIGIN-* */
  #judge(
    file: FileRequest,
    { head, body, facts }: SessionResponse,
    { url, isSecond }: { readonly url: URL; readonly isSecond: boolean },
  ): Uint8Array | null | 'ask-again' {
    const hop = answersFrom(facts);
    switch (classifyReply(head, body, { url, how: facts.how, isSecond, isInspected: facts.withheld !== undefined })) {
      case 'missing':
        return null;
      case 'ask-again':
        // Only the end of the root rotation needs certainty: everything else that is missing is a failure anyway.
        return NEW_ROOT.test(file.name) ? 'ask-again' : null;
      case 'unsure':
        throw coded('TUF-ROOT-UNSURE', { file: file.name, status: head.status, url: shownUrl(url), hop });
      case 'failed':
        throw statusError(head, url, { nowMs: this.#ports.clock.now(), page: body, proxy: facts.proxy });
      case 'found':
        break;
    }
    try {
      refusePage(head, body);
    } catch (thrown) {
      throw (thrown as CodedError).at(hop);
    }
    if (body.length > file.limitBytes) throw tooLong(file);
    return body;
  }
}

/**
 * The URL of a target. Each part of the path is encoded, so that a name with `?`, `#` or `%` stays a name.
 * @throws CodedError TUF-TARGET-UNKNOWN for a path that leads out of the folder
 */
export function targetUrl(base: URL, name: string): URL {
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw coded('TUF-TARGET-UNKNOWN', { path: name });
  return new URL(parts.map(encodeURIComponent).join('/'), base);
}

/** The clauses of TUF that limit the length of each role. */
const LIMIT_CLAUSES: Readonly<Record<string, string>> = { root: '5.3.3', timestamp: '5.4.1', snapshot: '5.5.1' };

/** A file is longer than its role or its signed length allows. */
export function tooLong({ name, limitBytes }: Pick<FileRequest, 'name' | 'limitBytes'>): CodedError {
  const role = /^(?:\d+\.)?(.+)\.json$/.exec(name)?.[1] ?? name;
  return coded('TUF-LIMIT', { file: name, role, limit: limitBytes, clause: LIMIT_CLAUSES[role] ?? '5.6.1' });
}
