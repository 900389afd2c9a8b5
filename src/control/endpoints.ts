// The list of endpoints that the settings need, as the daemon sends it and as `endpoints --json` prints it.
//
// Scripts of users rely on this schema: docs/endpoints.schema.json is generated from it.

import { z } from 'zod';
import { PURPOSES, usesOf } from '#config/purposes.ts';

const purposeSchema = z.enum(PURPOSES);

/** What an endpoint is used for, within a purpose. */
export const USES = [...PURPOSES.flatMap((purpose) => usesOf(purpose)), 'pac_file'] as const;
export type Use = (typeof USES)[number];

/** A host and its port. Nothing else of a URL is included. */
const placeShape = {
  /** Null for an endpoint that belongs to no single purpose, such as that of a PAC file. */
  purpose: purposeSchema.nullable(),
  scheme: z.enum(['https', 'wss', 'http']),
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  host: z.string(),
  port: z.number(),
};

const observedSchema = z.object({
  /** What pointed to it. */
  by: z.enum(['redirect', 'feed']),
  at: z.string(),
});

const candidateSchema = z.object({
  /** Name of the proxy; null for a direct connection. */
  proxy: z.string().nullable(),
  /**
   * connect: through a tunnel; plain: the proxy receives the whole URL; socks: through a SOCKS proxy; direct: without
   * a proxy.
   */
  how: z.enum(['connect', 'plain', 'socks', 'direct']),
  /** The methods that this hop sees: CONNECT, or the methods of plain requests. Empty where it sees no HTTP. */
  methods: z.array(z.string()),
  /** true: used only if the one before it cannot be reached. */
  stands_in: z.boolean(),
});
export type EndpointCandidate = z.infer<typeof candidateSchema>;

const endpointSchema = z.object({
  ...placeShape,
  use: z.enum(USES),
  /** The methods of the requests themselves, including those inside a tunnel. */
  requests: z.array(z.string()),
  /** The request is the upgrade to a WebSocket. */
  websocket: z.boolean(),
  /** TLS must not be intercepted, unless `allow_interception_by` of the purpose permits it. */
  tls_end_to_end: z.boolean(),
  /** Best first; empty when the settings refuse every route. */
  ways: z.array(candidateSchema),
  refused: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** The settings that name the endpoint, each with its line in the file. */
  from: z.array(z.string()),
  /** Why this route was chosen. */
  why: z.array(z.string()),
  /** Null when nothing has pointed there. Settings may name more hosts than are ever used. */
  seen: observedSchema.nullable(),
});
export type EndpointRow = z.infer<typeof endpointSchema>;

/** A feed or redirect pointed there, but the settings do not allow requests to it. */
const observedOnlySchema = z.object({ ...placeShape, ...observedSchema.shape, code: z.string() });
export type ObservedOnly = z.infer<typeof observedOnlySchema>;

/** What a purpose sends to its host. */
const sentBodySchema = z.object({
  ...placeShape,
  methods: z.array(z.string()),
  types: z.array(z.string()),
  /** Of the largest request body, in bytes. */
  largest: z.number(),
});
export type SentBody = z.infer<typeof sentBodySchema>;

const proxySchema = z.object({
  name: z.string(),
  scheme: z.string(),
  /** Null when a PAC file or the environment names the proxies. */
  address: z.string().nullable(),
  port: z.number().nullable(),
  authentication: z.string(),
});
export type EndpointProxy = z.infer<typeof proxySchema>;

export const endpointListSchema = z.object({
  version: z.string(),
  at: z.string(),
  config: z.string(),
  /** daemon: the active settings of a daemon. file: those of the file, when no daemon runs. */
  source: z.enum(['daemon', 'file']),
  /** In a fixed order. */
  endpoints: z.array(endpointSchema),
  /** Hosts that receive no requests; null when the record of observed hosts cannot be read. */
  seen_only: z.array(observedOnlySchema).nullable(),
  /** Every proxy that is used or is a fallback. */
  proxies: z.array(proxySchema),
  /** The bodies that uploads send; scanners and size limits act on them. */
  bodies: z.array(sentBodySchema),
  notes: z.array(z.string()),
});
export type EndpointList = z.infer<typeof endpointListSchema>;
