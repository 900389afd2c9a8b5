// The endpoints as a list to mail to the proxy team: tunnels and plain requests of each proxy, then direct connections.
// Pure. It contains dates rather than ages, so that it stays correct after it was printed.

import type { EndpointList, EndpointRow, ObservedOnly, SentBody } from '#control/endpoints.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { hostPort, type PlaceRow, placesOf, proxyWords } from './endpoint-groups.ts';
import { formatTable } from './table.ts';

const SOURCES: Readonly<Record<EndpointList['source'], string>> = {
  daemon: 'active settings of the running daemon',
  file: 'read from the file; no daemon is running',
};

const NO_INTERCEPTION =
  'Do not intercept TLS for these hosts: Sallyport rejects the certificate of an intercepting device, unless allow_interception_by names its CA.';

/** All lines of the list. */
export function endpointLines(list: EndpointList): string[] {
  const { version, config, source, proxies, notes } = list;
  const direct = placesOf(list, null);
  return [
    `Endpoints that Sallyport ${showForeign(version)} needs, from ${showForeign(config)} (${SOURCES[source]})`,
    ...proxies.flatMap((proxy) => {
      const places = placesOf(list, proxy.name);
      const isSpare = places.every(({ isFallback }) => isFallback);
      const when = isSpare ? ', if another proxy cannot be reached' : '';
      return ['', `Through ${proxyWords(proxy)}${when}:`, ...placeLines(places)];
    }),
    ...(direct.length === 0 ? [] : ['', 'Direct, without a proxy:', ...placeLines(direct)]),
    ...bodyLines(list.bodies),
    ...refusedLines(list.endpoints),
    ...observedOnlyLines(list.seen_only),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `Note: ${note}`)]),
  ];
}

interface Group {
  readonly title: string;
  readonly isIn: (place: PlaceRow) => boolean;
  /** The heading of the column of methods. */
  readonly methods: string;
}

const GROUPS: readonly Group[] = [
  { title: 'CONNECT', isIn: ({ how, tlsEndToEnd }) => how === 'connect' && tlsEndToEnd, methods: 'INSIDE' },
  {
    title: 'CONNECT, with plain HTTP inside',
    isIn: ({ how, tlsEndToEnd }) => how === 'connect' && !tlsEndToEnd,
    methods: 'INSIDE',
  },
  { title: 'Plain HTTP', isIn: ({ how }) => how === 'plain', methods: 'METHODS' },
  { title: 'SOCKS', isIn: ({ how, tlsEndToEnd }) => how === 'socks' && tlsEndToEnd, methods: 'INSIDE' },
  {
    title: 'SOCKS, with plain HTTP inside',
    isIn: ({ how, tlsEndToEnd }) => how === 'socks' && !tlsEndToEnd,
    methods: 'INSIDE',
  },
  { title: 'TLS', isIn: ({ how, tlsEndToEnd }) => how === 'direct' && tlsEndToEnd, methods: 'INSIDE' },
  { title: 'Plain HTTP', isIn: ({ how, tlsEndToEnd }) => how === 'direct' && !tlsEndToEnd, methods: 'METHODS' },
];

function placeLines(places: readonly PlaceRow[]): string[] {
  return GROUPS.flatMap(({ title, isIn, methods }) => {
    const found = places.filter(isIn);
    if (found.length === 0) return [];
    const isTls = found.every(({ tlsEndToEnd }) => tlsEndToEnd);
    const rows = found.map((place) => [hostPort(place), methodsOf(place), purposesOf(place), observedText(place)]);
    const table = formatTable(['HOST', methods, 'FOR', 'LAST SEEN'], rows);
    return [`  ${title}${isTls ? `. ${NO_INTERCEPTION}` : ''}`, ...table.map((line) => `    ${line}`)];
  });
}

/** The methods that the proxy sees or, inside a tunnel, those of the requests. A WebSocket counts as one method. */
function methodsOf({ how, methods, rows }: PlaceRow): string {
  if (how === 'plain') return methods.join(', ');
  const requests = rows.flatMap((row) => (row.websocket ? ['WebSocket'] : row.requests));
  return [...new Set(requests)].toSorted().join(', ');
}

/** `updates (feed, packages), platform`. */
function purposesOf({ rows }: PlaceRow): string {
  const uses = new Map<string, string[]>();
  for (const { purpose, use } of rows) {
    const known = uses.get(purpose ?? use) ?? [];
    uses.set(purpose ?? use, [...known, ...(use === (purpose ?? use) ? [] : [use])]);
  }
  const shown = [...uses].map(([purpose, found]) => {
    const words = purpose === 'pac_file' ? 'the PAC file' : purpose;
    return found.length === 0 ? words : `${words} (${found.join(', ')})`;
  });
  return shown.join(', ');
}

/** The last day on which a feed or redirect named this host; `-` if only the settings name it. */
function observedText({ rows }: PlaceRow): string {
  const last = rows
    .flatMap(({ seen: observed }) => observed ?? [])
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .at(-1);
  return last === undefined ? '-' : observationText(last);
}

function observationText({ by, at }: Pick<ObservedOnly, 'by' | 'at'>): string {
  return `${at.slice(0, 10)} ${by === 'feed' ? 'in the feed' : 'in a redirect'}`;
}

/** What scanners and size limits at the proxy must let pass. */
function bodyLines(bodies: readonly SentBody[]): string[] {
  if (bodies.length === 0) return [];
  const rows = bodies.map((body) => [
    hostPort(body),
    body.purpose ?? '-',
    body.methods.join(', '),
    showSize(body.largest),
    body.types.map(showForeign).join(', '),
  ]);
  return [
    '',
    'Uploads; request bodies of this size and these types must pass:',
    ...formatTable(['HOST', 'FOR', 'METHODS', 'LARGEST', 'TYPES'], rows).map(indent),
  ];
}

function refusedLines(endpoints: readonly EndpointRow[]): string[] {
  const rows = endpoints.flatMap((row) =>
    row.refused === null
      ? []
      : [[hostPort(row), row.purpose ?? row.use, `[${row.refused.code}] ${row.refused.message}`]],
  );
  if (rows.length === 0) return [];
  return [
    '',
    'Refused by the settings; Sallyport never connects to these:',
    ...formatTable(['HOST', 'FOR', 'WHY'], rows).map(indent),
  ];
}

function observedOnlyLines(observedOnly: readonly ObservedOnly[] | null): string[] {
  if (observedOnly === null)
    return ['', 'Hosts named by feeds and redirects are unknown: the stored list cannot be read.'];
  if (observedOnly.length === 0) return [];
  const rows = observedOnly.map((observed) => [
    hostPort(observed),
    observed.scheme,
    observationText(observed),
    `[${observed.code}]`,
  ]);
  const title =
    'Named by a feed or a redirect, but not allowed. Ask the vendor before you allow one in updates.allowed_origins and at the proxy:';
  return ['', title, ...formatTable(['HOST', 'SCHEME', 'LAST SEEN', 'REFUSED'], rows).map(indent)];
}

function indent(line: string): string {
  return `    ${line}`;
}
