// Sallyport installed by its own script in a machine with a real systemd, with helpers for tests.
//
// A boot and an installation cost 4 s, so each worker keeps its machine. The first suite that needs it boots it. Later
// ones find it as the script left it. It is ended when the test run ends (own-temporary.ts).

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROGRAM_PATH } from './built-program.ts';
import { Machine, type Ran } from './machine.ts';
import { MAIN_PATH } from './main-path.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const PACKAGES = '/var/lib/sallyport/packages';
export const CONFIG_FILE = '/etc/sallyport/sallyport.yaml';
export const LOG_FILE = '/var/log/sallyport/sallyport.log';

/** Prints where the journal ends. `edit` reloads after its own change, so a reload is needed only where there was one. */
const RESET = `
for unit in sallyport-change.socket 'sallyport-change@*.service' sallyport.service; do systemctl stop "$unit" || true; done
systemctl reset-failed
find /var/lib/sallyport /var/log/sallyport /etc/sallyport/secrets -mindepth 1 -delete
find /etc/sallyport -type f -delete
for changes in /etc/systemd/system/sallyport*.service.d; do
  [ ! -e "$changes" ] || { rm -rf "$changes" && systemctl daemon-reload; }
done
journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'
`;

/** A machine in which the script has installed the program; the service is not started. */
export class Installed {
  static #kept: Promise<Installed> | undefined;
  readonly machine: Machine;
  /** Where the journal ended at the last reset. */
  #cursor = '';

  private constructor(machine: Machine) {
    this.machine = machine;
  }

  /** The machine of this worker, as the script left it. Call `release` after the suite. */
  static async take(): Promise<Installed> {
    Installed.#kept ??= Installed.#boot();
    const installed = await Installed.#kept;
    // A suite may have removed it.
    if (!installed.machine.exists('/usr/bin/sallyport')) await installed.install();
    await installed.reset();
    return installed;
  }

  static async #boot(): Promise<Installed> {
    const machine = await Machine.boot();
    machine.copy(dirname(PROGRAM_PATH), '/program');
    return new Installed(machine);
  }

  /** Leaves the machine to the next suite, with the service stopped. */
  async release(): Promise<void> {
    await this.systemctl('stop', 'sallyport.service');
  }

  async install(): Promise<string> {
    return await this.machine.run('/checkout/systemd/install.sh', '--node', '/node/node', '--program', '/program');
  }

  /**
   * Builds the program with this module of tests bundled in front of it. Returns the lines for `edit` that make the service run
   * that instead of the installed program, with the options of systemd/sallyport.sh.
   */
  async buildWith(before: string): Promise<readonly string[]> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-build-'));
    const entry = join(folder, 'entry.ts');
    const modules = [join(ROOT, before), MAIN_PATH];
    writeFileSync(entry, modules.map((module) => `import ${JSON.stringify(module)};\n`).join(''));
    const args = [join(ROOT, 'tools', 'bundle.ts'), entry, join(folder, 'program')];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the bundle failed: ${stderr}`);
    this.machine.copy(join(folder, 'program'), '/built');
    await this.machine.run('chmod', '-R', 'u=rwX,go=rX', '/built');
    rmSync(folder, { recursive: true });
    const options = '--disable-sigusr1 --report-exclude-env --max-semi-space-size=1';
    return ['ExecStart=', `ExecStart=/usr/lib/sallyport/node ${options} /built/main.js run`];
  }

  /** Writes the configuration as an admin would leave it. */
  configure(lines: readonly string[]): void {
    this.machine.write(CONFIG_FILE, `${['version: 2', ...lines].join('\n')}\n`, 0o640, 'sallyport');
  }

  /** Changes the unit by a drop-in, as `systemctl edit` does. */
  async edit(...lines: readonly string[]): Promise<void> {
    const dropIn = '/etc/systemd/system/sallyport.service.d/override.conf';
    this.machine.write(dropIn, `${['[Service]', ...lines].join('\n')}\n`);
    await this.machine.run('systemctl', 'daemon-reload');
  }

  systemctl(...args: readonly string[]): Promise<Ran> {
    return this.machine.try('systemctl', ...args);
  }

  /** Forgets everything since the installation: configuration, packages, state, logs, changes to the unit, the journal. */
  async reset(): Promise<void> {
    this.#cursor = (await this.machine.run('sh', '-c', RESET)).trim();
  }

  log(): string {
    return readFileSync(this.machine.outside(LOG_FILE), 'utf8');
  }

  /** What the journal has since the last reset. */
  async journal(...filter: readonly string[]): Promise<string> {
    return await this.machine.journal(`--after-cursor=${this.#cursor}`, ...filter);
  }

  /** What sd_notify said to PID 1 since the last reset, in order. PID 1 logs that only with `systemctl log-level debug`. */
  async notifications(): Promise<string[]> {
    return [
      ...(await this.journal()).matchAll(/sallyport\.service: Got notification message from PID \d+ \((.*)\)$/gm),
    ].map(([, message]) => message ?? '');
  }
}
