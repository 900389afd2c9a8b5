// Sallyport installed by its own script in a machine with a real systemd, with helpers for tests.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROGRAM_PATH } from './built-program.ts';
import { Machine, type Ran } from './machine.ts';
import { MAIN_PATH } from './main-path.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const PACKAGES = '/var/lib/sallyport/packages';

/** `edit` reloads after its own change, so a reload is needed only where there was one. */
const RESET = `
systemctl stop sallyport.service || true
systemctl reset-failed sallyport.service 2>/dev/null || true
find /var/lib/sallyport -mindepth 1 -delete
changes=/etc/systemd/system/sallyport.service.d
[ ! -e "$changes" ] || { rm -rf "$changes" && systemctl daemon-reload; }
`;

/** Builds the program into the ignored cache. */
class BuiltProgram {
  readonly #dir: string;
  /** Where the machine sees it. */
  readonly path: string;

  constructor(name: string, before: string | null) {
    const folder = join('.cache', 'systemd', name);
    this.#dir = join(ROOT, folder);
    this.path = join('/checkout', folder, 'program');
    rmSync(this.#dir, { recursive: true, force: true });
    mkdirSync(this.#dir, { recursive: true });
    if (before === null) {
      cpSync(dirname(PROGRAM_PATH), join(this.#dir, 'program'), { recursive: true });
      return;
    }
    const entry = join(this.#dir, 'entry.ts');
    const modules = [join(ROOT, before), MAIN_PATH];
    writeFileSync(entry, modules.map((module) => `import ${JSON.stringify(module)};\n`).join(''));
    const args = [join(ROOT, 'tools', 'bundle.ts'), entry, join(this.#dir, 'program')];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the bundle failed: ${stderr}`);
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** A machine in which the script has installed the program; the service is not started. */
export class Installed {
  readonly machine: Machine;
  readonly #program: BuiltProgram;

  private constructor(machine: Machine, program: BuiltProgram) {
    this.machine = machine;
    this.#program = program;
  }

  /** Builds under a name of its own; `before` names a module of tests that is bundled in front of the program. */
  static async make(name: string, before: string | null = null): Promise<Installed> {
    const program = new BuiltProgram(name, before);
    const installed = new Installed(await Machine.boot(), program);
    await installed.install();
    return installed;
  }

  /** Where the machine sees the program. */
  get program(): string {
    return this.#program.path;
  }

  async close(): Promise<void> {
    await this.machine.close();
    this.#program.remove();
  }

  async install(...args: readonly string[]): Promise<string> {
    const script = '/checkout/systemd/install.sh';
    return await this.machine.run(script, '--node', '/node/node', '--program', this.program, ...args);
  }

  /** Writes the configuration as an admin would leave it. */
  async configure(lines: readonly string[]): Promise<void> {
    const file = '/etc/sallyport/sallyport.yaml';
    await this.machine.write(file, `${['version: 2', ...lines].join('\n')}\n`, '0640');
    await this.machine.run('chgrp', 'sallyport', file);
  }

  /** Changes the unit by a drop-in, as `systemctl edit` does. */
  async edit(...lines: readonly string[]): Promise<void> {
    const dropIn = '/etc/systemd/system/sallyport.service.d/override.conf';
    await this.machine.write(dropIn, `${['[Service]', ...lines].join('\n')}\n`);
    await this.machine.run('systemctl', 'daemon-reload');
  }

  systemctl(...args: readonly string[]): Promise<Ran> {
    return this.machine.try('systemctl', ...args);
  }

  /** Everything from before is forgotten: service stopped, no packages, no state, no changes to the unit. */
  async reset(): Promise<void> {
    await this.machine.run('sh', '-c', RESET);
  }

  /** What sd_notify said to PID 1, in order. */
  async notifications(): Promise<string[]> {
    const journal = await this.machine.journal();
    return [...journal.matchAll(/sallyport\.service: Got notification message from PID \d+ \((.*)\)$/gm)].map(
      ([, message]) => message ?? '',
    );
  }
}
