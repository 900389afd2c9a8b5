// The messages of an activation (docs/protocol-platform.md): what this host sends, and what the server answers. Pure.

import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
import { z } from 'zod';
import { utcTime } from '#system/moment.ts';
import { envelopeSchema, type SignedLicense } from './license.ts';

export type ActivationRequestType = 'activate' | 'replace' | 'release' | 'renew';

/** This host, as it presents itself. */
export interface ActivatingHost {
  readonly agent: { readonly id: string; readonly version: string };
  /** 32 bytes in base64url. */
  readonly publicKey: string;
}

/** The body of a request. `key`: only for `activate` and `replace`. */
export function activationBody(type: ActivationRequestType, host: ActivatingHost, key: string | null): string {
  const { id, version } = host.agent;
  return JSON.stringify({
    v: 1,
    type,
    ...(key === null ? {} : { key }),
    agent: { id, version },
    public_key: host.publicKey,
  });
}

const grantedSchema = z.object({ v: z.literal(1), license: envelopeSchema.optional() });
const refusedSchema = z.object({
  v: z.literal(1),
  code: z.string().min(1).max(64),
  server_time: z.iso.datetime({ offset: true }).optional(),
});

export type ActivationAnswer =
  | { readonly kind: 'granted'; readonly license: SignedLicense | null }
  | { readonly kind: 'refused'; readonly code: string; readonly serverTimeMs: number | null }
  /** Not an answer of an activation server. */
  | { readonly kind: 'other' };

/** Reads an answer. */
export function readActivationAnswer(status: number, body: Uint8Array): ActivationAnswer {
  const raw = parseJson(body);
  if (status === 200) {
    const { success, data } = grantedSchema.safeParse(raw);
    return success ? { kind: 'granted', license: data.license ?? null } : { kind: 'other' };
  }
  const { success, data } = refusedSchema.safeParse(raw);
  if (status < 400 || !success) return { kind: 'other' };
  const { code, server_time: time } = data;
  return { kind: 'refused', code, serverTimeMs: time === undefined ? null : Date.parse(time) };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return null;
  }
}

/** The first line of what an offline request signs. */
const OFFLINE_TITLE = 'sallyport offline-request 1';

/**
 * A request for a host without a connection, as the text of a file. Its signature proves that this host has the private
 * key: Ed25519 over five lines, joined by line feeds: a title, agent ID, version, public key and time.
 */
export function offlineRequest({ agent, publicKey }: ActivatingHost, key: KeyObject, nowMs: number): string {
  const created = utcTime(nowMs);
  const signed = [OFFLINE_TITLE, agent.id, agent.version, publicKey, created].join('\n');
  const request = {
    v: 1,
    type: 'offline-request',
    agent: { id: agent.id, version: agent.version },
    public_key: publicKey,
    created,
    signature: sign(null, Buffer.from(signed, 'utf8'), key).toString('base64'),
  };
  return `${JSON.stringify(request, null, 2)}\n`;
}
