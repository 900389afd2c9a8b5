// The default gateways of this host, as the kernel lists them in /proc/net/route and /proc/net/ipv6_route. Pure: the
// caller reads the files and passes their text. A line that cannot be parsed is ignored.

/** Where the kernel lists them; the second file does not exist without IPv6. */
export const ROUTE_FILES = { v4: '/proc/net/route', v6: '/proc/net/ipv6_route' } as const;

/** RTF_GATEWAY of linux/route.h: the route uses a gateway. */
const OVER_GATEWAY = 0x2;
const NO_DESTINATION = '00000000';
const NO_DESTINATION_V6 = '0'.repeat(32);

/** The addresses of all default gateways, IPv4 first, each once. */
export function parseGateways(texts: { readonly v4: string; readonly v6: string }): string[] {
  return [...new Set([...texts.v4.split('\n').flatMap(gatewayOf), ...texts.v6.split('\n').flatMap(gatewayOfV6)])];
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask ...`, addresses as hex in the byte order of the host. */
function gatewayOf(line: string): string[] {
  const [, destination, gateway = '', flags = '', , , , mask] = line.trim().split(/\s+/);
  if (
    destination !== NO_DESTINATION ||
    mask !== NO_DESTINATION ||
    !/^[0-9A-F]{8}$/i.test(gateway) ||
    !isOverGateway(flags)
  )
    return [];
  // Little-endian wherever Sallyport runs (x64, arm64).
  return [[...Buffer.from(gateway, 'hex')].reverse().join('.')];
}

/**
 * `destination prefix source prefix gateway metric refcnt use flags device`, addresses as hex in network byte order.
 */
function gatewayOfV6(line: string): string[] {
  const [destination, prefix, , , gateway = '', , , , flags = ''] = line.trim().split(/\s+/);
  if (destination !== NO_DESTINATION_V6 || prefix !== '00' || !/^[0-9a-f]{32}$/i.test(gateway)) return [];
  if (gateway === NO_DESTINATION_V6 || !isOverGateway(flags)) return [];
  const groups = gateway.match(/.{4}/g) ?? [];
  return [new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)];
}

function isOverGateway(flags: string): boolean {
  return /^[0-9a-f]{1,8}$/i.test(flags) && (Number.parseInt(flags, 16) & OVER_GATEWAY) !== 0;
}
