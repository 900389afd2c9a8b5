// The keys that sign licenses: the keys in the settings, and the keys that the vendor publishes in its signed feed.
//
// Guarantees: a host without `activation.license_keys_target` loads no client of signed feeds for this. The list is
// never read during a check for updates. If it cannot be read, the failure is stored and logged, and other work
// continues.

import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { UpdatesPorts } from '#updates/ports.ts';

/** Runs work when no round does. */
export type Exclusively = <T>(signal: AbortSignal, work: (ending: AbortSignal) => Promise<T>) => Promise<T>;

/** The public keys whose licenses this host accepts, each once. */
export function acceptedKeys({ activation }: Settings, { trust }: Pick<UpdatesPorts, 'trust'>): readonly string[] {
  const { license_keys: configured, license_keys_target: target } = activation;
  return [...new Set([...configured, ...trust.licenseKeys.keysOf(target)])];
}

/**
 * Reads the keys of the signed feed; null if that succeeded, or nothing is to be read. `onlyIfDue`: not if they were read
 * within a day. Rejects only if aborted.
 */
export async function readLicenseKeys(
  ports: UpdatesPorts,
  exclusively: Exclusively,
  { signal, onlyIfDue }: { readonly signal: AbortSignal; readonly onlyIfDue: boolean },
): Promise<CodedError | null> {
  const path = ports.settings().activation.license_keys_target;
  if (path === undefined) return null;
  const { licenseKeys } = ports.trust;
  const isWanted = () => !onlyIfDue || licenseKeys.isDue(path, ports.clock.now());
  if (!isWanted()) return null;
  try {
    return await exclusively(signal, async (ending) => {
      // A round that was running meanwhile has read them.
      if (!isWanted()) return null;
      await refresh(ports, ending);
      return null;
    });
  } catch (thrown) {
    signal.throwIfAborted();
    return licenseKeys.refreshFailed(path, thrown, ports.report);
  }
}

async function refresh(ports: UpdatesPorts, signal: AbortSignal): Promise<void> {
  const { TufFeed } = await import('#updates/signed/tuf-feed.ts');
  try {
    // The highest versions are kept next to the packages.
    await ports.store.prepare();
    await new TufFeed(ports).readLicenseKeys(signal);
  } finally {
    ports.session.close();
  }
}
