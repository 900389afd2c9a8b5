// Composes the program for a configuration and sends requests for all purposes at the same time, twice. `batch.ts`
// does it in a process that a test can kill.

import { dirname } from 'node:path';
import { PURPOSES } from '#config/purposes.ts';
import { loadSettings } from '#config/reading/load.ts';
import { compose } from '#daemon/compose.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { reach } from './targets.ts';

export interface FourPurposes {
  /** The configuration. */
  readonly file: string;
  readonly urls: readonly string[];
}

/** The result of each request. The state folder stays locked until `close`. */
export async function reachForAll({ file, urls }: FourPurposes): Promise<{ results: string[]; close(): void }> {
  const dir = dirname(file);
  const known = new KnownSecrets();
  const places = {
    config: file,
    packagesDir: dir,
    logsDir: dir,
    stateDir: dir,
    controlSocket: `${dir}/control`,
  };
  const loaded = await loadSettings({ file, places, environment: {}, known });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { ports, close } = await compose({ loaded, known, version: '9.8.7', mode: 'daemon' });
  const requests = urls.flatMap((url) => PURPOSES.map((purpose) => ({ url: new URL(url), purpose })));
  const all = () => Promise.all(requests.map(({ url, purpose }) => reach(ports.router, url, purpose)));
  return { results: [...(await all()), ...(await all())], close };
}
