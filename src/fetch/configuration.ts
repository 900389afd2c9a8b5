// Chooses where `sallyport fetch` finds its proxies: in the configuration file if the caller can read it, otherwise in
// the environment. If the caller cannot read the password of a proxy, the command asks for it.

import { resolve } from 'node:path';
import type { Environment, Places } from '#config/places.ts';
import { type LoadedSettings, loadSettings, type RefusedSettings } from '#config/reading/load.ts';
import { MAX_FILE_BYTES, readBounded } from '#config/reading/read-bounded.ts';
import type { Settings } from '#config/settings.ts';
import { choose } from '#proxy/choosing/choice.ts';
import { chooseFromEnvironment } from '#proxy/choosing/environment-proxies.ts';
import { endpointOf } from '#proxy/endpoint.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { Secret } from '#redaction/secret.ts';

/** One proxy, from the variables: what curl does without an option. */
const BY_ENVIRONMENT = 'version: 2\nproxies:\n  - name: environment\n    scheme: environment\n    default: true\n';

export interface ConfigurationParts {
  readonly places: Places;
  readonly environment: Environment;
  readonly known: KnownSecrets;
  /** The file that the user named; null without one. */
  readonly given: string | null;
  readonly target: URL;
  /** Asks without showing the answer; null without a terminal. */
  readonly ask: ((question: string) => Promise<string | null>) | null;
}

/** Where the proxies of a fetch come from. */
export interface Configuration {
  readonly settings: Settings;
  /** The variables, with a typed password in the one that names the proxy. */
  readonly environment: Environment;
  /** The file, or `environment`. */
  readonly source: string;
  /** The sentence that names it. */
  readonly sentence: string;
  /** The state folder of the daemon of this file; null without a file. */
  readonly daemonState: string | null;
}

export type ChosenConfiguration =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly refused: RefusedSettings };

export async function chooseConfiguration(parts: ConfigurationParts): Promise<ChosenConfiguration> {
  const { places, given } = parts;
  const file = resolve(given ?? places.config);
  // A file that was named must be readable; the loading says why it is not.
  if (given === null && !(await isReadable(file))) {
    const loaded = await load(parts, { file, text: BY_ENVIRONMENT });
    return loaded.ok
      ? { ok: true, configuration: await byEnvironment(parts, loaded, file) }
      : { ok: false, refused: loaded };
  }
  const loaded = await load(parts, { file });
  if (!loaded.ok) return { ok: false, refused: loaded };
  const settings = await withPassword(parts, loaded.settings);
  const { state_dir: daemonState } = settings.daemon;
  const sentence = `Configuration: ${loaded.file}.`;
  return {
    ok: true,
    configuration: { settings, environment: parts.environment, source: loaded.file, sentence, daemonState },
  };
}

function load({ places, environment, known }: ConfigurationParts, from: { file: string; text?: string }) {
  return loadSettings({ ...from, places, environment, known, mayLackCredentials: true, mayLackSecretFiles: true });
}

async function isReadable(file: string): Promise<boolean> {
  const read = await readBounded(file, MAX_FILE_BYTES);
  // A file that is too large is an error of the file, which loading it reports.
  return read.ok || read.kind !== 'unreadable';
}

async function byEnvironment(parts: ConfigurationParts, loaded: LoadedSettings, file: string): Promise<Configuration> {
  const { target, ask, known } = parts;
  let { environment } = parts;
  const { host, port, tls } = endpointOf(target);
  const choice = chooseFromEnvironment(environment, { host, port, encrypted: tls });
  if (choice.kind === 'proxy' && choice.proxy.user !== null && choice.proxy.password === '' && ask !== null) {
    const { user, host: proxy } = choice.proxy;
    const typed = await ask(`Password of ${user} at proxy ${proxy}: `);
    const value = environment[choice.variable] ?? '';
    if (typed !== null && typed !== '') {
      known.add(typed);
      known.add(encodeURIComponent(typed));
      const at = value.lastIndexOf('@');
      const userInfo = value.slice(0, at).replace(/:$/, '');
      const changed = `${userInfo}:${encodeURIComponent(typed)}${value.slice(at)}`;
      environment = { ...environment, [choice.variable]: changed };
    }
  }
  const used = choice.kind === 'direct' ? 'no proxy' : choice.variable;
  const sentence = `Configuration: the environment (${used}), because this user cannot read ${file} or it does not exist.`;
  return { settings: loaded.settings, environment, source: 'environment', sentence, daemonState: null };
}

/** The profile for updates gets the typed password if it has a user, and its own password is not readable. */
async function withPassword({ ask, known }: ConfigurationParts, settings: Settings): Promise<Settings> {
  const { proxy } = choose('updates', settings);
  if (proxy === null || ask === null || proxy.user === undefined) return settings;
  if (proxy.password !== undefined && proxy.password.reveal() !== '') return settings;
  if (proxy.authentication === 'transparent') return settings;
  const typed = await ask(`Password of ${proxy.user} at proxy ${proxy.name}: `);
  if (typed === null || typed === '') return settings;
  known.add(typed);
  const password = new Secret(typed);
  const proxies = settings.proxies.map((one) => (one.name === proxy.name ? { ...one, password } : one));
  return { ...settings, proxies };
}
