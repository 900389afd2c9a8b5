// The PAC functions for names and addresses: those that Mozilla documents, and Microsoft's for IPv6 (`isInNetEx` and
// the other names that end in `Ex`). Pure, except for the look-up of names, which the caller passes.
//
// Guarantees: none throws, except `shExpMatch` for an invalid pattern. A failed look-up gives null, false or an empty
// text, as the documentation of each function says.

import { isIP, isIPv4 } from 'node:net';
import { isInNetwork, readNetwork } from '#system/network/addresses.ts';
import type { Family } from './question.ts';

/** The addresses of a name; empty if it has none, or look-ups are not allowed. */
export type LookUp = (name: string, family: Family) => readonly string[];

/** The types that a call may return to a file. */
export type PacValue = string | number | boolean | null | undefined;

/** All functions by name. `own` lists the addresses of this host, IPv6 before IPv4. */
export function hostFunctions(lookUp: LookUp, own: () => readonly string[]) {
  const resolve = (host: unknown, family: Family): readonly string[] => {
    const name = String(host);
    const version = isIP(name);
    if (version === 0) return lookUp(name, family);
    return version === 4 || family === 'any' ? [name] : [];
  };
  return {
    alert: () => undefined,
    isPlainHostName: (host: unknown) => !/[.:]/.test(String(host)),
    dnsDomainIs: (host: unknown, domain: unknown) => String(host).endsWith(String(domain)),
    localHostOrDomainIs: (host: unknown, full: unknown) =>
      String(host) === String(full) || String(full).startsWith(`${String(host)}.`),
    dnsDomainLevels: (host: unknown) => String(host).split('.').length - 1,
    shExpMatch,
    convert_addr: convertAddress,
    dnsResolve: (host: unknown) => resolve(host, 'ipv4')[0] ?? null,
    isResolvable: (host: unknown) => resolve(host, 'ipv4').length > 0,
    isInNet: (host: unknown, network: unknown, mask: unknown) =>
      resolve(host, 'ipv4')
        .slice(0, 1)
        .some((address) => isInNet(address, String(network), String(mask))),
    myIpAddress: () => own().find(isIPv4) ?? '127.0.0.1',
    dnsResolveEx: (host: unknown) => resolve(host, 'any').join(';'),
    isResolvableEx: (host: unknown) => resolve(host, 'any').length > 0,
    isInNetEx: (hosts: unknown, prefix: unknown) =>
      partsOf(hosts)
        .flatMap((host) => resolve(host, 'any'))
        .some((address) => isInPrefix(address, String(prefix))),
    myIpAddressEx: () => own().join(';'),
    sortIpAddressList,
    // The version of Microsoft's extension; there is no other.
    getClientVersion: () => '1.0',
  } satisfies Record<string, (...given: unknown[]) => PacValue>;
}

/** As in browsers: * and ? are translated, and other regular expression syntax keeps its meaning, as in (a|b). */
function shExpMatch(text: unknown, pattern: unknown): boolean {
  const expression = String(pattern).replace(/\./g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${expression}$`).test(String(text));
}

/**
 * Four bytes as one number, negative from 128.0.0.0 on, as browsers compute it: files compare it with values from
 * browsers.
 */
function convertAddress(address: unknown): number {
  return String(address)
    .split('.', 4)
    .reduce((sum, byte, at) => sum | ((Number(byte) & 0xff) << (24 - 8 * at)), 0);
}

function isInNet(address: string, network: string, mask: string): boolean {
  if (!isIPv4(network) || !isIPv4(mask)) return false;
  return (convertAddress(address) & convertAddress(mask)) === (convertAddress(network) & convertAddress(mask));
}

/** `10.0.0.0/8`, `2001:db8::/32`. An address of the other family is outside. */
function isInPrefix(address: string, prefix: string): boolean {
  const network = readNetwork(prefix.trim());
  return network !== null && isInNetwork(address, network);
}

/** IPv6 before IPv4, each in ascending order; empty if the list contains anything but addresses. */
function sortIpAddressList(list: unknown): string {
  const addresses = partsOf(list);
  if (addresses.length === 0 || addresses.some((address) => isIP(address) === 0)) return '';
  return addresses
    .map((address) => ({ address, key: keyOf(address) }))
    .sort((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)))
    .map(({ address }) => address)
    .join(';');
}

/** A text that sorts in the order of the addresses. */
function keyOf(address: string): string {
  if (isIPv4(address))
    return `4 ${address
      .split('.')
      .map((byte) => byte.padStart(3, '0'))
      .join('.')}`;
  // A URL writes IPv6 in one form, with hexadecimal groups; the zone (%eth0) is not part of it.
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]/`);
  const [head = '', tail = ''] = hostname.slice(1, -1).split('::');
  const [first, last] = [head, tail].map((groups) => groups.split(':').filter((group) => group !== ''));
  const missing = Math.max(0, 8 - (first?.length ?? 0) - (last?.length ?? 0));
  const groups = [...(first ?? []), ...Array<string>(missing).fill('0'), ...(last ?? [])];
  // Digits sort before letters, so IPv6 would come last: the leading number decides instead.
  return `2 ${groups.map((group) => group.padStart(4, '0')).join(':')}`;
}

function partsOf(list: unknown): string[] {
  return String(list)
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
