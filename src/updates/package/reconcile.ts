// Checks the published packages: at each check for updates by size, time and inode; once a week, and on request, by
// digest.
//
// The sidecars record what is published. The history of ids (`updates/memory.ts`) is updated from them. A missing or
// changed package is reported and no longer counts as published. If it is still needed, it is downloaded again. After a
// crash, the next round repeats the check.

import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import type { PackageCondition, Published } from './package-store.ts';

/** Every published package is read once in this interval. */
const VERIFY_EVERY_MS = 7 * 86_400_000;

/** The result of examining one package. */
export interface Examined {
  readonly id: string;
  readonly path: string;
  readonly error: CodedError | null;
}

/** Examines every published package; reads all of them with `thorough` or when the week is over. */
export async function reconcile(
  ports: UpdatesPorts,
  options: { readonly thorough: boolean; readonly signal: AbortSignal },
): Promise<Examined[]> {
  const now = ports.clock.now();
  const age = now - ports.memory.verifiedAtMs;
  const thorough = options.thorough || age >= VERIFY_EVERY_MS || age < 0;
  const examined: Examined[] = [];
  const present = new Set<string>();
  for (const published of await ports.store.list()) {
    const { id, path, sidecar } = published;
    const state = await examineAlone(ports, published, { ...options, thorough });
    if (state.kind === 'unreadable') {
      // Not known to be wrong: it stays published, and no other package waits for it.
      present.add(id.toLowerCase());
      ports.report({ name: 'package-problem', id, error: state.error });
      examined.push({ id, path, error: state.error });
      continue;
    }
    if (state.kind === 'intact') {
      present.add(id.toLowerCase());
      ports.memory.setId(id, { sha256: sidecar.item.sha256, fate: 'published' });
      examined.push({ id, path, error: null });
      continue;
    }
    ports.report({ name: 'package-problem', id, error: state.error });
    if (state.kind === 'damaged') await ports.store.moveAside(id, 'damaged');
    await ports.store.forget(id);
    examined.push({ id, path, error: state.error });
  }
  for (const { id, sha256, error } of await ports.store.listNewer()) {
    present.add(id.toLowerCase());
    if (sha256 !== null) ports.memory.setId(id, { sha256, fate: 'published' });
    ports.report({ name: 'package-problem', id, error });
  }
  for (const id of ports.memory.publishedIds()) if (!present.has(id)) ports.memory.setState(id, 'seen');
  if (thorough) ports.memory.setVerifiedAt(now);
  await ports.memory.save();
  return examined;
}

/** An unreadable package (a bad disk, a wrong mode) does not stop the check of the others. */
async function examineAlone(
  ports: UpdatesPorts,
  published: Published,
  options: { readonly thorough: boolean; readonly signal: AbortSignal },
): Promise<PackageCondition | { readonly kind: 'unreadable'; readonly error: CodedError }> {
  try {
    return await ports.store.examine(published, options.thorough, options.signal);
  } catch (thrown) {
    options.signal.throwIfAborted();
    const error = asCoded(thrown);
    if (error.code === 'DISK-FULL') throw error;
    return { kind: 'unreadable', error };
  }
}
