// A random id of this installation: it is sent in receipts and places the host in staged rollouts. Made once and kept
// in state. Without it this host only looks like a new one.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
const schema = z.strictObject({ id: z.uuid() });

/** The identity of this installation: its random id and the version. */
export interface AgentIdentity {
  readonly id: string;
  readonly version: string;
}

/** Reads the id, or creates and stores one. */
export async function loadAgentId(files: Files, path: string): Promise<{ id: string; setAside: CodedError | null }> {
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
  if (loaded.kind === 'loaded') return { id: loaded.value.id, setAside: null };
  const id = randomUUID();
  await saveState(files, path, { format: FORMAT, value: { id } });
  return { id, setAside: loaded.kind === 'set-aside' ? loaded.error : null };
}
