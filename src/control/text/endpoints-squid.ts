// Prints the endpoints as lines of squid.conf: for each HTTP proxy, the tunnels and plain requests that it has to
// allow, and nothing else. Pure.
//
// Guarantees: each rule matches a whole name or address, one port, and only the methods in use. `dstdomain -n` turns
// reverse lookups off, because a forged PTR record could make an address match any name. A name that squid.conf would
// parse as something else is left out, and a comment says so. The same settings give the same bytes, because the output
// has no timestamps.

import type { EndpointList, EndpointProxy } from '#control/endpoints.ts';
import { showForeign } from '#errors/template.ts';
import { type PlaceRow, placesOf, proxyWords } from './endpoint-groups.ts';

/** A name without characters that squid.conf interprets: a leading dot or hyphen, quotes, brackets. */
const PLAIN_NAME = /^[a-z0-9_](?:[a-z0-9_-]|\.(?=[a-z0-9_]))*\.?$/;
const ADDRESS_V6 = /^[0-9a-f:.]+$/;

/** All lines of the ACL. */
export function squidLines(list: EndpointList): string[] {
  const served = list.proxies.filter(({ scheme }) => !scheme.startsWith('socks'));
  const socks = list.proxies.filter(({ scheme }) => scheme.startsWith('socks'));
  return [
    '# Endpoints that Sallyport needs, for squid.conf. Made by: sallyport endpoints --squid-acl',
    ...(served.length === 0 ? ['# No connection uses an HTTP proxy, so there is nothing to allow.'] : PREFACE),
    ...socks.map((proxy) => `# Not listed, because it is not an HTTP proxy: ${proxyWords(proxy)}`),
    ...list.notes.map((note) => `# ${note}`),
    ...served.flatMap((proxy, index) =>
      sectionOf(list, proxy, served.length === 1 ? 'sallyport' : `sallyport${index + 1}`),
    ),
  ];
}

const PREFACE = [
  '# Put these lines above your first http_access line: Squid uses the first line that matches.',
  '# They check neither user nor client. To check one, add your own ACL to each http_access line, such as:',
  '#   acl sallyport_client src 192.0.2.10',
  '#   http_access allow sallyport_client ...',
];

function sectionOf(list: EndpointList, proxy: EndpointProxy, prefix: string): string[] {
  const all = placesOf(list, proxy.name);
  const places = all.filter(({ host }) => isWritable(host));
  const tunnels = places.filter(({ how }) => how === 'connect');
  const plain = places.filter(({ how }) => how === 'plain');
  return [
    '',
    `# For ${proxyWords(proxy)}`,
    ...all
      .filter(({ host }) => !isWritable(host))
      .map(({ host }) => `# Left out, because squid.conf cannot express its name: ${showForeign(host)}`),
    ...(tunnels.length === 0 ? [] : tunnelLines(tunnels, prefix)),
    ...(plain.length === 0 ? [] : plainLines(plain, prefix)),
  ];
}

function tunnelLines(tunnels: readonly PlaceRow[], prefix: string): string[] {
  const connect = `${prefix}_connect`;
  const ports = [...new Set(tunnels.map(({ port }) => port))].toSorted((a, b) => a - b);
  const hostsAt = (port: number) => `${prefix}_${port}_hosts`;
  const encrypted = ports.filter((at) => tunnels.some(({ port, tlsEndToEnd }) => port === at && tlsEndToEnd));
  return [
    '# Tunnels',
    `acl ${connect} method CONNECT`,
    ...ports.flatMap((port) => {
      const found = tunnels.filter((tunnel) => tunnel.port === port);
      return [
        `acl ${prefix}_${port}_port port ${port}`,
        ...hostLines(hostsAt(port), found),
        `http_access allow ${connect} ${prefix}_${port}_port ${hostsAt(port)}`,
      ];
    }),
    ...(encrypted.length === 0 ? [] : SPLICE),
    ...encrypted.map((port) => `#   ssl_bump splice ${hostsAt(port)}`),
  ];
}

const SPLICE = [
  '# Do not intercept TLS for these hosts: Sallyport rejects the certificate of an intercepting device,',
  '# unless allow_interception_by names its CA.',
  '# If this Squid decrypts tunnels (ssl_bump), put these lines above its other ssl_bump lines:',
];

/** Groups hosts by port and methods, so that each host is allowed only the methods that it is used with. */
function plainLines(plain: readonly PlaceRow[], prefix: string): string[] {
  const groups = Map.groupBy(plain, ({ port, methods }) => `${String(port).padStart(5, '0')} ${methods.join(' ')}`);
  const sorted = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    '# Plain HTTP',
    `acl ${prefix}_http proto HTTP`,
    ...sorted.flatMap(([, places], index) => {
      const name = `${prefix}_plain${index + 1}`;
      const { port, methods } = places[0] as PlaceRow;
      return [
        `acl ${name}_port port ${port}`,
        `acl ${name}_methods method ${methods.join(' ')}`,
        ...hostLines(`${name}_hosts`, places),
        `http_access allow ${prefix}_http ${name}_methods ${name}_port ${name}_hosts`,
      ];
    }),
  ];
}

/** One line for each host, so that a diff shows what changed. */
function hostLines(name: string, places: readonly PlaceRow[]): string[] {
  const hosts = new Set(places.map(({ host }) => (host.includes(':') ? `[${host}]` : host.replace(/\.$/, ''))));
  return [...hosts].map((host) => `acl ${name} dstdomain -n ${host}`);
}

function isWritable(host: string): boolean {
  return host.includes(':') ? ADDRESS_V6.test(host) : PLAIN_NAME.test(host);
}
