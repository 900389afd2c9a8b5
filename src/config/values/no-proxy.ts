// Matches hosts against a `no_proxy` list, in the same way for every purpose. Pure.
//
// Entries are separated by commas or white space: `*` (everything), `example.com` (that host and its subdomains),
// `.example.com` and `*.example.com` (only the subdomains), an IPv4 or IPv6 address (with or without brackets), or a
// network in CIDR notation. Each may end with `:port`. A name never matches an address, nor an address a name. Where
// curl, Go and Python differ, this file follows the program that connects directly in fewer cases.

import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isInNetwork, readNetwork } from '#system/network/addresses.ts';
import { isHost } from './host-name.ts';

/** A connection target. */
export interface NoProxyTarget {
  /** Name or address, with or without brackets, as a URL or an admin writes it. */
  readonly host: string;
  readonly port: number;
}

/** The first token that matches the target; null if none does. An invalid token matches nothing. */
export function matchNoProxy(list: string, target: NoProxyTarget): string | null {
  const host = normaliseHost(target.host);
  if (host === null) return null;
  return tokensOf(list).find((token) => matchesToken(token, { host, port: target.port })) ?? null;
}

/** Why a token can never match a host, in one sentence; null if it can. Never repeats user and password. */
export function validateToken(token: string): string | null {
  const shown = token.replace(/^.*@/s, '***@');
  const { pattern, port } = splitPort(token);
  if (port !== null && (port < 1 || port > 65_535)) return `The port of ${shown} is not in the range 1 to 65535`;
  if (pattern === '*') return null;
  const [url, host] = /^[a-z][a-z0-9+.-]*:\/\/(?:.*@)?([^/?#]*)/is.exec(pattern) ?? [];
  if (url !== undefined) return `${shown} is a URL; write only its host${host === '' ? '' : `: ${host}`}`;
  if (token.includes(';')) return `${shown} has a semicolon; separate entries with commas or spaces`;
  if (/["'`]/.test(token)) return `${shown} has a quote in it; write names and addresses without quotes`;
  if (pattern.includes('/')) return validateNetwork(shown, pattern);
  const bytes = /^(\d{1,3}(?:\.\d{1,3}){0,2})(?:\.\*)+$/.exec(pattern)?.[1]?.split('.');
  if (bytes !== undefined) {
    return `${shown} matches no address; write ${[...bytes, 0, 0, 0].slice(0, 4).join('.')}/${bytes.length * 8}`;
  }
  const bare = pattern.replace(/^\*?\./, '');
  if (bare === '' || bare.includes('*')) return `${shown} has an asterisk in a place where it matches nothing`;
  const name = normaliseHost(bare);
  if (name === null) return `${shown} is neither a name nor an address`;
  if (isIP(name) === 0) return null;
  if (bare !== pattern) return `${shown} matches nothing, because an address has no subdomains`;
  // A URL parser reads 10.1 as 10.0.0.1, which is probably not what was meant.
  const isWhole = isIPv4(bare) || isIPv6(bare.replace(/^\[(.*)\]$/, '$1'));
  return isWhole ? null : `${shown} is not a complete address; write four numbers, or a network such as 10.0.0.0/8`;
}

function validateNetwork(shown: string, pattern: string): string | null {
  const network = readNetwork(pattern);
  if (network === null) return `${shown} is not a network in CIDR notation`;
  // IPv4 addresses that are mapped into IPv6 are compared as IPv4.
  const isMapped = network.family === 'ipv6' && network.prefix >= 96 && isIPv4(normaliseHost(network.address) ?? '');
  return isMapped ? `${shown} matches nothing; write the IPv4 network` : null;
}

/** Splits a list into its tokens. */
export function tokensOf(list: string): string[] {
  return list.split(/[\s,]+/).filter((token) => token !== '');
}

/**
 * One spelling for each host: lower case, Punycode, no trailing dot; IPv4 in dotted decimal even if it was written in
 * hex, in octal or mapped into IPv6; IPv6 compressed and without brackets. Null if the text is not a host.
 */
export function normaliseHost(host: string): string | null {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  // The URL parser would drop port 80, so a port must be rejected here.
  if (!isIPv6(bare) && bare.includes(':')) return null;
  const url = URL.parse(`http://${isIPv6(bare) ? `[${bare}]` : bare}/`);
  if (url === null || url.username !== '' || url.pathname !== '/' || url.hostname === '') return null;
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  // A URL can contain names that are not DNS names (`a..b`, `a;b`).
  return isHost(name) ? unmapped(name) : null;
}

function matchesToken(token: string, target: { host: string; port: number }): boolean {
  // A token that the configuration check rejects also has no effect in an environment variable.
  if (validateToken(token) !== null) return false;
  const { pattern, port } = splitPort(token);
  if (port !== null && port !== target.port) return false;
  if (pattern === '*') return true;
  const isAddress = isIP(target.host) !== 0;
  if (pattern.includes('/')) return isAddress && isInside(target.host, pattern);
  const onlyBelow = /^\*?\./.test(pattern);
  const name = normaliseHost(pattern.replace(/^\*?\./, ''));
  if (name === null || (isIP(name) !== 0) !== isAddress) return false;
  if (isAddress) return !onlyBelow && name === target.host;
  return target.host.endsWith(`.${name}`) || (!onlyBelow && target.host === name);
}

/** Splits `host:port` and `[v6]:port`. An IPv6 address without brackets is never split, because it contains colons. */
function splitPort(token: string): { pattern: string; port: number | null } {
  const bracketed = /^(\[[^\]]*\](?:\/\d+)?)(?::(\d{1,5}))?$/.exec(token);
  const plain = /^([^:[\]]+):(\d{1,5})$/.exec(token);
  const found = bracketed ?? plain;
  if (found === null) return { pattern: token, port: null };
  const port = found[2] === undefined ? null : Number(found[2]);
  return { pattern: (found[1] ?? token).replace(/^\[([^\]]*)\]/, '$1'), port };
}

function isInside(host: string, pattern: string): boolean {
  const network = readNetwork(pattern);
  return network !== null && isInNetwork(host, network);
}

/** An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2), which URL writes in hexadecimal, becomes the IPv4 address. */
function unmapped(name: string): string {
  const found = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name);
  if (found === null) return name;
  const [high, low] = [Number.parseInt(found[1] ?? '0', 16), Number.parseInt(found[2] ?? '0', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
