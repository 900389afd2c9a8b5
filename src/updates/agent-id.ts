// A random id of this installation. It is sent in receipts and decides the place of the host in staged rollouts.
//
// It is made once and stored. If it is lost, this host only looks like a new one. On an activated host, the identity
// (`platform/identity`) decides whether the id stays, because a copy on another machine must not use the same id.

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

/** The identity while the program runs. A new id takes effect with the next request. */
export class InstalledAgent implements AgentIdentity {
  readonly version: string;
  #id: string;

  constructor(id: string, version: string) {
    this.#id = id;
    this.version = version;
  }

  get id(): string {
    return this.#id;
  }

  replace(id: string): void {
    this.#id = id;
  }
}

/** Reads the id, or creates and stores one. */
export async function loadAgentId(files: Files, path: string): Promise<{ id: string; setAside: CodedError | null }> {
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
  if (loaded.kind === 'loaded') return { id: loaded.value.id, setAside: null };
  const id = randomUUID();
  await saveAgentId(files, path, id);
  return { id, setAside: loaded.kind === 'set-aside' ? loaded.error : null };
}

/** Stores another id. @throws CodedError FILE-*, DISK-FULL */
export async function saveAgentId(files: Files, path: string, id: string): Promise<void> {
  await saveState(files, path, { format: FORMAT, value: { id } });
}
