// What is published, looked at: each round by size, time and inode, once a week by digest, and whenever asked.
//
// The sidecars tell what is published; memory follows them. A package that is gone or changed is reported, taken out
// and thereby wanted again. Relies on the store; a crash in the middle leaves work that the next round finds again.

import type { CodedError } from '#errors/coded-error.ts';
import type { UpdatesPorts } from './ports.ts';

/** Every published package is read once in so long. */
const VERIFY_EVERY_MS = 7 * 86_400_000;

/** What a look at one package found. */
export interface Examined {
  readonly id: string;
  readonly path: string;
  readonly error: CodedError | null;
}

/** Looks at every published package; reads all of them when `thorough` or when the week is over. */
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
    const state = await ports.store.examine(published, thorough, options.signal);
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
  for (const id of ports.memory.publishedIds()) if (!present.has(id)) ports.memory.setFate(id, 'seen');
  if (thorough) ports.memory.setVerifiedAt(now);
  await ports.memory.save();
  return examined;
}
