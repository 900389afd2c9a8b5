// Classifies IP addresses: this host, the internal networks of an organization, and other networks that are not public.
// It compares numbers with Node's BlockList and never resolves names. Pure.
//
// Guarantees: a text that is not an address is in no network. IPv4 addresses are compared only with IPv4 networks, and
// IPv6 with IPv6. In the lists below, an IPv4 address that is mapped into IPv6 counts as the IPv4 address.

import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** A network in CIDR notation. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
/** RFC 1918, 3927, 6598, 4193 and 4291: networks that organizations use internally. */
const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
];
/** Other networks that are not on the public Internet (RFC 6890 and its updates). */
const SPECIAL = [
  '0.0.0.0/8',
  '168.63.129.16/32', // a cloud's host agent behind a public address
  '192.0.0.0/24',
  '198.18.0.0/15',
  '224.0.0.0/3', // multicast, reserved, broadcast
  '2001::/32', // Teredo: hides an IPv4 address, obsolete
  'fec0::/10', // site-local, obsolete
  'ff00::/8',
];
const isLoopback = membership(LOOPBACK);
const isPrivate = membership([...LOOPBACK, ...PRIVATE]);
const isNotPublic = membership([...LOOPBACK, ...PRIVATE, ...SPECIAL]);

/** Whether the address belongs to this host (loopback). */
export function isLoopbackAddress(address: string): boolean {
  return isLoopback(address);
}

/** Whether the address belongs to this host or to a network that organizations use internally. */
export function isPrivateAddress(address: string): boolean {
  return isPrivate(address);
}

/** Whether the address is not on the public Internet. The caller extracts IPv4 addresses that are inside IPv6 ones. */
export function isInternalAddress(address: string): boolean {
  return isNotPublic(address);
}

/** Reads `10.0.0.0/8` or `2001:db8::/32`; null for anything else. */
export function readNetwork(text: string): Network | null {
  const found = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text);
  const address = found?.[1] ?? '';
  const family = familyOf(address);
  const prefix = Number(found?.[2]);
  if (family === null || prefix > (family === 'ipv4' ? 32 : 128)) return null;
  return { address, prefix, family };
}

/**
 * Whether the address is in the network. An address of the other family is not, even an IPv4 address that is mapped
 * into IPv6.
 */
export function isInNetwork(address: string, { address: first, prefix, family }: Network): boolean {
  if (familyOf(address) !== family) return false;
  const list = new BlockList();
  list.addSubnet(first, prefix, family);
  return list.check(address, family);
}

/** The lists are built when they are first used: Node's test for IPv6 takes 10 ms the first time, and most hosts need no IPv6. */
function membership(networks: readonly string[]): (address: string) => boolean {
  const lists: { ipv4?: BlockList; ipv6?: BlockList } = {};
  return (address) => {
    const family = familyOf(address);
    if (family === null) return false;
    lists[family] ??= listOf(networks, family);
    return lists[family].check(address, family);
  };
}

/** The list for addresses of this family. IPv4 networks also contain the IPv4 addresses that are mapped into IPv6. */
function listOf(networks: readonly string[], wanted: Network['family']): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const network = wanted === 'ipv4' && text.includes(':') ? null : readNetwork(text);
    if (network !== null) list.addSubnet(network.address, network.prefix, network.family);
  }
  return list;
}

function familyOf(address: string): Network['family'] | null {
  if (isIPv4(address)) return 'ipv4';
  return address.includes(':') && isIPv6(address) ? 'ipv6' : null;
}
