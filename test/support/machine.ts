// A machine in memory with a real systemd as PID 1, the checkout at /checkout and this Node at /node. It shares the network of
// this machine, so it can reach a server of the test on 127.0.0.1. Needs root. It ends when the process that booted it ends.

import { execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BOOT_MS = 20_000;
const POLL_MS = 20;
/** Each look starts one or two processes in the machine. */
const LOOK_EVERY_MS = 100;
const END_MS = 10_000;
/** Only its own root has it: until PID 1 has changed its root, that is the one out here. */
const TARGET = '/etc/systemd/system/test.target';
const PREFIX = 'sallyport-machine-';
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin', LC_ALL: 'C.UTF-8', NODE_COMPILE_CACHE: '/compile-cache' };

/** How a command ended. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A booted machine. */
export class Machine {
  /** The process ID of its PID 1 out here. */
  readonly #init: string;

  private constructor(init: string) {
    this.#init = init;
  }

  /** `base` is the folder of another system to boot instead of this one, such as Debian 13; empty for this one. */
  static async boot(base = ''): Promise<Machine> {
    const work = await mkdtemp(join(tmpdir(), PREFIX));
    const script = fileURLToPath(new URL('systemd-outer.sh', import.meta.url));
    const log = openSync(join(work, 'log'), 'w');
    const node = dirname(realpathSync(process.execPath));
    const outer = spawn('unshare', ['--mount', 'sh', script, work, ROOT, node, base], { stdio: ['pipe', log, log] });
    closeSync(log);
    const deadline = Date.now() + BOOT_MS;
    for (;;) {
      const init = initOf(work);
      const machine = init === null ? null : new Machine(init);
      // Once systemd listens, commands work. The start of the target returns when the boot is over.
      if (machine?.exists(TARGET) === true && machine.exists('/run/systemd/private')) {
        await machine.run('systemctl', 'start', basename(TARGET));
        return machine;
      }
      if (Date.now() > deadline || outer.exitCode !== null) {
        const log = readFileSync(join(work, 'log'), 'utf8').slice(-4_000);
        await endMachine(work);
        throw new Error(`the machine did not start:\n${log}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Runs a command in the machine, however it ends. */
  try(command: string, ...args: readonly string[]): Promise<Ran> {
    const options = { env: ENVIRONMENT, maxBuffer: 64_000_000 };
    const inside = ['--target', this.#init, '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--', command, ...args];
    return new Promise((resolve) => {
      const child = execFile('nsenter', inside, options, (error, stdout, stderr) => {
        const status = error === null ? 0 : error.code;
        resolve({ status: typeof status === 'number' ? status : -1, stdout, stderr });
      });
      child.stdin?.end();
    });
  }

  /** Runs a command that must succeed; returns what it printed. */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    return must(await this.try(command, ...args), [command, ...args]);
  }

  /** Runs a command as another user. */
  as(user: string, command: string, ...args: readonly string[]): Promise<Ran> {
    return this.try('setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', command, ...args);
  }

  /** Where a path of the machine is out here. Follows no absolute symbolic link. */
  outside(path: string): string {
    return `/proc/${this.#init}/root${path}`;
  }

  exists(path: string): boolean {
    return existsSync(this.outside(path));
  }

  /** Writes a file for root and a group of the machine. */
  write(path: string, content: string, mode = 0o644, group = 'root'): void {
    const line = new RegExp(`^${group}:[^:]*:(\\d+):`, 'm').exec(readFileSync(this.outside('/etc/group'), 'utf8'));
    if (line === null) throw new Error(`the machine has no group ${group}`);
    const file = this.outside(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
    chownSync(file, 0, Number(line[1]));
  }

  /** Copies a folder into it. */
  copy(from: string, path: string): void {
    cpSync(from, this.outside(path), { recursive: true });
  }

  /** One property of the service. */
  async show(property: string, unit = 'sallyport.service'): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '-p', property, unit)).trim();
  }

  /** The journal: what PID 1 said, messages of sd_notify among it, and what services printed. */
  async journal(...filter: readonly string[]): Promise<string> {
    return await this.run('journalctl', '--no-pager', '--output=cat', ...filter);
  }

  /** Looks until it is so. */
  async until(what: string, isSo: () => Promise<boolean> | boolean, limitMs = 15_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) {
        const journal = await this.journal('--unit=sallyport.service', '--lines=60');
        throw new Error(`after ${limitMs} ms it is not so: ${what}; the journal ends with:\n${journal}`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }
}

/** Ends the machines whose folders are in this one, and waits until nothing is left of them. */
export async function endMachines(folder: string): Promise<void> {
  const names = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.map((name) => endMachine(join(folder, name))));
}

async function endMachine(work: string): Promise<void> {
  const file = join(work, 'outer.pid');
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
  } catch {
    // It ended by itself, because the process that booted it did.
  }
  const deadline = Date.now() + END_MS;
  while (existsSync(file)) {
    if (Date.now() > deadline) throw new Error(`a machine of the tests does not end: ${work}`);
    await delay(POLL_MS);
  }
}

function must({ status, stdout, stderr }: Ran, command: readonly string[]): string {
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** The PID of the machine's PID 1 out here; null while there is none. */
function initOf(work: string): string | null {
  try {
    const parent = readFileSync(join(work, 'unshare.pid'), 'utf8').trim();
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
    return /^\d+$/.test(children) ? children : null;
  } catch {
    return null;
  }
}
