// What a PAC file answered: `PROXY a:3128; HTTPS b; SOCKS5 c:1080; DIRECT`. Pure.
//
// Guarantees: never throws and takes time linear in its input, whatever a file says; what is returned holds a host that a
// URL could hold and a port, and nothing else of the foreign text but the parts that are not known, for the log.

import { isIP } from 'node:net';
import { normaliseHost } from '#config/values/no-proxy.ts';
import type { HopScheme } from '#proxy/profile.ts';

export type Directive =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly scheme: HopScheme; readonly host: string; readonly port: number };

export interface PacAnswer {
  readonly directives: readonly Directive[];
  /** Parts that are not known here, as they were written. */
  readonly leftOut: readonly string[];
}

/** Nobody walks a longer list: each dead proxy costs a connect timeout. */
export const MAX_DIRECTIVES = 16;
/** So many parts are read at all. */
const MAX_PARTS = 256;
const MAX_PART_LENGTH = 300;

/**
 * The words of the field. Names go to the proxy in every case. A bare SOCKS is version 5, as Firefox and proxy-agent read
 * it; Chrome reads 4.
 */
const KINDS: Readonly<Record<string, { readonly scheme: HopScheme; readonly port: number }>> = {
  PROXY: { scheme: 'http', port: 80 },
  HTTP: { scheme: 'http', port: 80 },
  HTTPS: { scheme: 'https', port: 443 },
  SOCKS: { scheme: 'socks5h', port: 1080 },
  SOCKS4: { scheme: 'socks4a', port: 1080 },
  SOCKS5: { scheme: 'socks5h', port: 1080 },
};

/** Reads an answer; what is named twice counts once. */
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
