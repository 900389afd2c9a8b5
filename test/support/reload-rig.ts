// A configuration that a test watches: real files, the real watch, the real reload, and what it reloads: network and settings.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Reloadable } from '#config/following/reload.ts';
import { type LoadedSettings, type LoadResult, loadSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import { type FollowedConfig, followConfig } from '#daemon/reload/follow-config.ts';
import { LastSettings } from '#daemon/reload/last-settings.ts';
import { NetworkReloader } from '#daemon/reload/network-reloader.ts';
import { ReloadCoordinator } from '#daemon/reload/reload.ts';
import { SettingsReloader } from '#daemon/reload/settings-reloader.ts';
import { TimeoutReloader } from '#daemon/reload/timeout-reloader.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { TEST_PLACES } from './config-file.ts';

/** Longer than any reload may take; a test that waits for this time has failed. */
const WAIT_MS = 15_000;

export interface ReloadRigOptions {
  readonly config: string;
  readonly clock?: Clock;
  /** Reloaded parts in addition to the settings. */
  readonly reloaders?: readonly Reloadable[];
}

/** A temporary folder with a configuration in it, and everything between the file and what is reloaded. */
export class ReloadRig {
  readonly dir: string;
  readonly file: string;
  readonly events: SallyportEvent[] = [];
  readonly known = new KnownSecrets();
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  network!: NetworkReloader;
  #settings!: SettingsReloader;
  #reloader!: ReloadCoordinator;
  #followed: FollowedConfig | null = null;

  private constructor(dir: string, clock: Clock) {
    this.dir = dir;
    this.file = join(dir, 'sallyport.yaml');
    this.#clock = clock;
  }

  /** Writes the file and brings it into force. */
  static async open({ config, clock = systemClock, reloaders = [] }: ReloadRigOptions): Promise<ReloadRig> {
    const rig = new ReloadRig(await mkdtemp(join(tmpdir(), 'sallyport-reload-')), clock);
    await rig.write('sallyport.yaml', config);
    await rig.restart(reloaders);
    return rig;
  }

  /** What a start of the program does with the file as it is now. @throws what the start would end with */
  async restart(reloaders: readonly Reloadable[] = []): Promise<void> {
    const loaded = await this.load();
    if (!loaded.ok) throw loaded.error;
    const last = new LastSettings(realFiles, join(this.dir, 'last-settings.json'));
    await last.load();
    const report = (event: SallyportEvent) => this.#hear(event);
    const settings = new SettingsReloader(loaded.settings);
    const parts = {
      clock: this.#clock,
      known: this.known,
      report,
      credentialGuard: new CredentialGuard(),
      environment: {},
      userAgent: 'Sallyport/test',
    };
    const network = new NetworkReloader(parts);
    const timeout = new TimeoutReloader(new ResponseTimeoutModel());
    const reloader = new ReloadCoordinator({
      loaded,
      reloaders: [network, settings, timeout, ...reloaders],
      last,
      clock: this.#clock,
      report,
    });
    await reloader.start();
    // A failed start keeps what was active before it.
    [this.network, this.#settings, this.#reloader] = [network, settings, reloader];
  }

  load(): Promise<LoadResult> {
    return loadSettings({ file: this.file, places: TEST_PLACES, environment: ENVIRONMENT, known: this.known });
  }

  async write(name: string, content: string): Promise<string> {
    const path = join(this.dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  /** Begins to follow, and returns when the first reading is behind it. */
  async follow(): Promise<FollowedConfig> {
    this.#followed = followConfig(
      { config: this.#reloader, clock: this.#clock, report: (event) => this.#hear(event) },
      () => this.load(),
    );
    await this.#followed.readNow();
    this.events.length = 0;
    return this.#followed;
  }

  /** Takes the file as it is now, without watching for it. */
  async take(cause: 'asked' | 'changed' = 'changed'): Promise<LoadResult> {
    const result = await this.load();
    await this.#reloader.take(result, cause);
    return result;
  }

  get inForce(): Settings {
    return this.#settings.current;
  }

  get reloader(): ReloadCoordinator {
    return this.#reloader;
  }

  get loaded(): LoadedSettings {
    return this.#reloader.loaded;
  }

  names(): string[] {
    return this.events.map(({ name }) => name);
  }

  /** Resolves when it is so, looked at after each event; returns how long that took, in ms. */
  async until(isSo: () => boolean, describe = isSo.toString()): Promise<number> {
    const beganMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`never came: ${describe}; events: ${JSON.stringify(this.events)}`));
      }, WAIT_MS);
      const look = () => {
        if (!isSo()) return;
        clearTimeout(limit);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return performance.now() - beganMs;
  }

  async close(): Promise<void> {
    await this.#followed?.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  #hear(event: SallyportEvent): void {
    this.events.push(event);
    for (const look of this.#waiting) look();
  }
}

/** Variables of the process, for `{env: ...}`. */
const ENVIRONMENT = { PROXY_PASSWORD: 'from-a-variable' };
