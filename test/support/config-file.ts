// A configuration file in its own folder, loaded as the program does.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Places } from '#config/places.ts';
import {
  type LoadedSettings,
  type LoadOptions,
  type LoadResult,
  loadSettings,
  type RefusedSettings,
} from '#config/reading/load.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';

/** Paths below a file, where even root cannot create files: a test must name its own paths. */
export const TEST_PLACES: Places = {
  config: '/dev/null/sallyport.yaml',
  packagesDir: '/dev/null/packages',
  logsDir: '/dev/null/logs',
  stateDir: '/dev/null/state',
  controlSocket: '/dev/null/state/control.sock',
};

/** A temporary folder for configuration files; `remove` it after. */
export class ConfigFolder {
  readonly path: string;
  readonly known = new KnownSecrets();

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<ConfigFolder> {
    return new ConfigFolder(await mkdtemp(join(tmpdir(), 'sallyport-config-')));
  }

  /** Writes a file of the folder, with its mode set. */
  async write(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
    const file = join(this.path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
    return file;
  }

  /** Writes and loads sallyport.yaml. */
  async load(
    content: string | Uint8Array,
    options: Partial<LoadOptions> & { mode?: number } = {},
  ): Promise<LoadResult> {
    const { mode, ...rest } = options;
    const file = await this.write('sallyport.yaml', content, mode);
    return loadSettings({ file, places: TEST_PLACES, environment: {}, known: this.known, ...rest });
  }

  /** Loads what must hold. */
  async accept(content: string, options: Partial<LoadOptions> & { mode?: number } = {}): Promise<LoadedSettings> {
    const result = await this.load(content, options);
    if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.problems)}`);
    return result;
  }

  /** Loads what must be refused. */
  async refuse(
    content: string | Uint8Array,
    options: Partial<LoadOptions> & { mode?: number } = {},
  ): Promise<RefusedSettings> {
    const result = await this.load(content, options);
    if (result.ok) throw new Error('accepted what must be refused');
    return result;
  }

  /** Removes every file of the folder. */
  async clear(): Promise<void> {
    await this.remove();
    await mkdir(this.path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
