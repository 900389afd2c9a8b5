// Reads the request of a host without a connection, which is a file from `sallyport activation request`. Pure.

import { verify } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '#origin/platform/link/wire.ts';
import { readPublicKey } from '#origin/platform/signatures/request-signatures.ts';

const schema = z.object({
  v: z.literal(1),
  type: z.literal('offline-request'),
  agent: z.object({ id: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/), version: z.string().max(64) }),
  public_key: z.string(),
  created: z.string().max(64),
  signature: z.string(),
});
/** The first of the five lines that are signed. */
const TITLE = 'sallyport offline-request 1';

/** The host that asks, or why the file is not its request. */
export function readOfflineRequest(
  text: string,
): { readonly agent: string; readonly created: string } | { readonly problem: string } {
  const read = schema.safeParse(parseJson(text));
  if (!read.success) return { problem: 'it is not a request of format 1' };
  const { agent, public_key: publicKey, created, signature } = read.data;
  const signed = [TITLE, agent.id, agent.version, publicKey, created].join('\n');
  const key = readPublicKey(publicKey);
  const isSigned = key !== null && verify(null, Buffer.from(signed), key, Buffer.from(signature, 'base64'));
  return isSigned ? { agent: agent.id, created } : { problem: 'its signature is not that of the key in it' };
}
