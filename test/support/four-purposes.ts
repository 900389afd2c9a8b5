// A process for tests: composes the program for a configuration, requests URLs for all four purposes concurrently, twice,
// prints the results in one line, and then waits until it is killed. Arguments: the configuration and the URLs.

import { dirname } from 'node:path';
import { PURPOSES } from '#config/purposes.ts';
import { loadSettings } from '#config/reading/load.ts';
import { compose } from '#daemon/compose.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { reach } from './targets.ts';

const [file = '', ...urls] = process.argv.slice(2);
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
const { ports } = await compose({ loaded, known, version: '9.8.7', mode: 'daemon' });
const asked = urls.flatMap((url) => PURPOSES.map((purpose) => ({ url: new URL(url), purpose })));
const all = () => Promise.all(asked.map(({ url, purpose }) => reach(ports.router, url, purpose)));
const codes = [...(await all()), ...(await all())];
process.stdout.write(`${JSON.stringify(codes)}\n`);
setInterval(() => {}, 1_000_000);
