// The hosts that redirects and feeds have led to and that are not in the settings, each with the last time of this.
// Pure.
//
// A feed or a server controls which hosts are recorded. The list therefore has a maximum size and contains only the
// origins of URLs. Being in the list allows nothing: whenever it is shown, the settings decide which hosts are allowed.

import { z } from 'zod';
import { momentSchema } from '#system/moment-schema.ts';

/** Maximum number of hosts that are kept, the most recent ones. */
export const MAX_HOSTS = 128;
/** Maximum number of hosts from one document. */
export const MAX_PER_DOCUMENT = 32;
/** A host is forgotten if nothing has led to it for this long: half a year. */
export const HOST_KEPT_MS = 180 * 86_400_000;
/** A DNS name has at most 253 characters; with scheme and port. */
const MAX_ORIGIN_LENGTH = 280;

export const observedHostSchema = z.strictObject({
  /** The purpose of the traffic. */
  purpose: z.string().max(40),
  /** For example `https://cdn.example.com`. */
  origin: z.string().max(MAX_ORIGIN_LENGTH),
  /** What led there most recently. */
  by: z.enum(['redirect', 'feed']),
  /** Wall time in ms since the epoch. */
  seen_at: momentSchema,
});
export type ObservedHost = Readonly<z.infer<typeof observedHostSchema>>;

/** A document or redirect that named hosts. */
export interface HostObservation {
  readonly purpose: string;
  readonly by: ObservedHost['by'];
  readonly urls: readonly URL[];
}

/** The hosts including those just observed; the most recent ones are at the end. */
export function withObservation(
  hosts: readonly ObservedHost[],
  { purpose, by, urls }: HostObservation,
  now: number,
): ObservedHost[] {
  const origins = [...new Set(urls.flatMap(originOf))].slice(0, MAX_PER_DOCUMENT);
  const isObserved = (host: ObservedHost) => host.purpose === purpose && origins.includes(host.origin);
  const kept = hosts.filter((host) => !isObserved(host) && now - host.seen_at < HOST_KEPT_MS);
  return [...kept, ...origins.map((origin) => ({ purpose, origin, by, seen_at: now }))].slice(-MAX_HOSTS);
}

/** The origin of an HTTP or HTTPS URL; empty for others. Keeps no user, path or query. */
function originOf({ protocol, origin }: URL): string[] {
  return (protocol === 'https:' || protocol === 'http:') && origin.length <= MAX_ORIGIN_LENGTH ? [origin] : [];
}
