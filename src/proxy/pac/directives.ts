// Parses the result of a PAC file: `PROXY a:3128; HTTPS b; SOCKS5 c:1080; DIRECT`. Pure.
//
// Guarantees: never throws and takes time linear in its input, whatever a file returns. Each returned directive has a
// host that is valid in a URL, and a port. Unknown parts of the text are returned separately, only for the log.

import { isIP } from 'node:net';
import { normaliseHost } from '#config/values/no-proxy.ts';
import type { HopScheme } from '#proxy/profile.ts';

export type Directive =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly scheme: HopScheme; readonly host: string; readonly port: number };

export interface PacAnswer {
  readonly directives: readonly Directive[];
  /** Unknown parts, verbatim. */
  readonly leftOut: readonly string[];
}

/** Longer lists are cut: each dead proxy costs a connect timeout. */
export const MAX_DIRECTIVES = 16;
/** Maximum number of parts that are read. */
const MAX_PARTS = 256;
const MAX_PART_LENGTH = 300;

/**
 * The usual keywords. The proxy always resolves names. A bare SOCKS means version 5, as in Firefox and proxy-agent; in
 * Chrome it means 4.
 */
const KINDS: Readonly<Record<string, { readonly scheme: HopScheme; readonly port: number }>> = {
  PROXY: { scheme: 'http', port: 80 },
  HTTP: { scheme: 'http', port: 80 },
  HTTPS: { scheme: 'https', port: 443 },
  SOCKS: { scheme: 'socks5h', port: 1080 },
  SOCKS4: { scheme: 'socks4a', port: 1080 },
  SOCKS5: { scheme: 'socks5h', port: 1080 },
};

/** Parses a result; duplicates count once. */
export function readPacAnswer(text: string): PacAnswer {
  const directives = new Map<string, Directive>();
  const leftOut: string[] = [];
  for (const part of text.split(';', MAX_PARTS)) {
    const written = part.trim();
    if (written === '') continue;
    const directive = directives.size < MAX_DIRECTIVES ? readDirective(written) : null;
    if (directive === null) leftOut.push(written.slice(0, MAX_PART_LENGTH));
    else directives.set(wordsOf(directive), directive);
  }
  return { directives: [...directives.values()], leftOut };
}

/** The directive as a PAC file would write it. */
export function wordsOf(directive: Directive): string {
  if (directive.kind === 'direct') return 'DIRECT';
  const { scheme, host, port } = directive;
  return `${WORDS[scheme]} ${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const WORDS: Readonly<Record<HopScheme, string>> = {
  http: 'PROXY',
  https: 'HTTPS',
  socks4: 'SOCKS4',
  socks4a: 'SOCKS4',
  socks5: 'SOCKS5',
  socks5h: 'SOCKS5',
};

function readDirective(written: string): Directive | null {
  if (written.length > MAX_PART_LENGTH) return null;
  const [word = '', place, ...more] = written.split(/\s+/);
  if (word.toUpperCase() === 'DIRECT') return place === undefined ? { kind: 'direct' } : null;
  const kind = KINDS[word.toUpperCase()];
  if (kind === undefined || place === undefined || more.length > 0) return null;
  const found = /^(?:\[([0-9a-f:.]+)\]|([^[\]:/?#@\\%]+))(?::(\d{1,5}))?$/i.exec(place);
  const host = normaliseHost(found?.[1] ?? found?.[2] ?? '');
  const port = found?.[3] === undefined ? kind.port : Number(found[3]);
  if (found === null || host === null || port < 1 || port > 65_535) return null;
  if (found[1] !== undefined && isIP(host) === 0) return null;
  return { kind: 'proxy', scheme: kind.scheme, host, port };
}
