// Selects the headers that a proxy forwards (RFC 9110, 7.6.1): all headers except those for a single connection. Pure.

/** Values by name, spelled as in the first line with that name. Repeated lines stay separate. */
type HeaderValues = Record<string, string[]>;

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Filters raw headers (name, value, name, value, ...). Connection may name more headers that are not forwarded. */
export function endToEndHeaders(rawHeaders: readonly string[]): HeaderValues {
  const lines = pairs(rawHeaders);
  const named = lines
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()));
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  const headers = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    if (dropped.has(key)) continue;
    const known = headers.get(key);
    if (known === undefined) headers.set(key, { name: CANONICAL.get(key) ?? name, values: [value] });
    else known.values.push(value);
  }
  return Object.fromEntries([...headers.values()].map(({ name, values }) => [name, values]));
}

/** Spelling of the names that the caller looks up. */
const CANONICAL = new Map([
  ['host', 'Host'],
  ['via', 'Via'],
]);

function pairs(rawHeaders: readonly string[]): readonly (readonly [name: string, value: string])[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []));
}
