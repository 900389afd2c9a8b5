// What the settings need to reach, as it crosses Control and as `endpoints --json` prints it. The schema is the contract
// with other people's scripts: docs/endpoints.schema.json is made from it.

import { z } from 'zod';
import { PURPOSES, usesOf } from '#config/purposes.ts';

const purposeSchema = z.enum(PURPOSES);

/** What for, within a purpose. */
export const USES = [...PURPOSES.flatMap((purpose) => usesOf(purpose)), 'pac_file'] as const;
export type Use = (typeof USES)[number];

/** A host and its port, and nothing else of a URL. */
const placeShape = {
  /** Null for what no single purpose needs: a PAC file. */
  purpose: purposeSchema.nullable(),
  scheme: z.enum(['https', 'wss', 'http']),
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  host: z.string(),
  port: z.number(),
};

const observedSchema = z.object({
  /** What led there. */
  by: z.enum(['redirect', 'feed']),
  at: z.string(),
});

const candidateSchema = z.object({
  /** Name of the proxy; null for none. */
  proxy: z.string().nullable(),
  /** connect: a tunnel; plain: the whole URL is asked for at the proxy; socks; direct: no proxy. */
  how: z.enum(['connect', 'plain', 'socks', 'direct']),
  /** What who stands there sees: CONNECT, or the methods of plain requests; none where it sees no HTTP. */
  methods: z.array(z.string()),
  /** Whether it is used only where the one before it cannot be reached. */
  stands_in: z.boolean(),
});
export type EndpointCandidate = z.infer<typeof candidateSchema>;

const endpointSchema = z.object({
  ...placeShape,
  use: z.enum(USES),
  /** The methods of the requests themselves, inside a tunnel, too. */
  requests: z.array(z.string()),
  /** The request is the upgrade to a WebSocket. */
  websocket: z.boolean(),
  /** Whoever opens TLS on the way breaks it. */
  tls_end_to_end: z.boolean(),
  /** Best first; none where the settings refuse it. */
  ways: z.array(candidateSchema),
  refused: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** The settings that name it, each with its line in the file. */
  from: z.array(z.string()),
  /** Why it goes that way. */
  why: z.array(z.string()),
  /** Null where nothing has led there; settings name more than is ever used. */
  seen: observedSchema.nullable(),
});
export type EndpointRow = z.infer<typeof endpointSchema>;

/** Something led there, and the settings let nothing go there. */
const observedOnlySchema = z.object({ ...placeShape, ...observedSchema.shape, code: z.string() });
export type ObservedOnly = z.infer<typeof observedOnlySchema>;

const proxySchema = z.object({
  name: z.string(),
  scheme: z.string(),
  /** Null where a PAC file or the environment names the proxies. */
  address: z.string().nullable(),
  port: z.number().nullable(),
  authentication: z.string(),
});
export type EndpointProxy = z.infer<typeof proxySchema>;

export const endpointListSchema = z.object({
  version: z.string(),
  at: z.string(),
  config: z.string(),
  /** The settings in force of a daemon, or those of the file where none runs. */
  source: z.enum(['daemon', 'file']),
  /** In a fixed order. */
  endpoints: z.array(endpointSchema),
  /** Nothing goes there; null where what was seen cannot be read. */
  seen_only: z.array(observedOnlySchema).nullable(),
  /** Every proxy that is used or stands in. */
  proxies: z.array(proxySchema),
  notes: z.array(z.string()),
});
export type EndpointList = z.infer<typeof endpointListSchema>;
