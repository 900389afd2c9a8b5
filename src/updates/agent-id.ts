// A random id of this installation: stands in receipts and places the host in staged rollouts. Made once, kept in
// state; losing it only makes this host look like a new one.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
const schema = z.strictObject({ id: z.uuid() });

/** Who we are: a random id of this installation, and our version. */
export interface AgentIdentity {
  readonly id: string;
  readonly version: string;
}

/** Reads the id, or makes and keeps one. */
export async function loadAgentId(files: Files, path: string): Promise<{ id: string; setAside: CodedError | null }> {
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
  if (loaded.kind === 'loaded') return { id: loaded.value.id, setAside: null };
  const id = randomUUID();
  await saveState(files, path, { format: FORMAT, value: { id } });
  return { id, setAside: loaded.kind === 'set-aside' ? loaded.error : null };
}
