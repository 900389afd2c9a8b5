// A machine in memory with a real systemd as PID 1, the checkout at /checkout and this Node at /node. It shares the network of
// this machine, so it can reach a server of the test on 127.0.0.1. Needs root; it ends with the test.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BOOT_MS = 20_000;
/** Each look starts one or two processes in the machine. */
const LOOK_EVERY_MS = 100;

/** How a command ended. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A booted machine. */
export class Machine {
  readonly #outer: ChildProcess;
  readonly #work: string;
  readonly #init: string;

  private constructor(outer: ChildProcess, work: string, init: string) {
    this.#outer = outer;
    this.#work = work;
    this.#init = init;
  }

  static async boot(): Promise<Machine> {
    const work = await mkdtemp(join(tmpdir(), 'sallyport-machine-'));
    const script = fileURLToPath(new URL('systemd-outer.sh', import.meta.url));
    const log = openSync(join(work, 'log'), 'w');
    const node = dirname(realpathSync(process.execPath));
    const outer = spawn('unshare', ['--mount', 'sh', script, work, ROOT, node], { stdio: ['pipe', log, log] });
    closeSync(log);
    const deadline = Date.now() + BOOT_MS;
    let machine: Machine | null = null;
    for (;;) {
      const init = initOf(work);
      machine = init === null ? null : new Machine(outer, work, init);
      if (machine !== null && (await machine.try('systemctl', 'is-active', 'test.target')).status === 0) return machine;
      if (Date.now() > deadline || outer.exitCode !== null) {
        const told = readFileSync(join(work, 'log'), 'utf8').slice(-4_000);
        await (machine ?? new Machine(outer, work, '')).close();
        throw new Error(`the machine did not start:\n${told}`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Runs a command in the machine, however it ends. */
  try(command: string, ...args: readonly string[]): Promise<Ran> {
    return this.#run([command, ...args], '');
  }

  /** Runs a command that must succeed; returns what it printed. */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    return must(await this.try(command, ...args), [command, ...args]);
  }

  /** Runs a command as another user. */
  as(user: string, command: string, ...args: readonly string[]): Promise<Ran> {
    return this.try('setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', command, ...args);
  }

  async write(path: string, content: string, mode = '0644'): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"';
    must(await this.#run(['sh', '-c', script, 'sh', path, mode], content), ['write', path]);
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

  /** Ends everything in it. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.#outer.exitCode === null) this.#outer.once('exit', () => resolve());
      else resolve();
    });
    this.#outer.stdin?.end();
    await ended;
    await rm(this.#work, { recursive: true, force: true });
  }

  #run(command: readonly string[], input: string): Promise<Ran> {
    const args = ['--target', this.#init, '--mount', '--pid', '--uts', '--ipc', '--cgroup', '--', ...command];
    return new Promise((resolve) => {
      const options = { env: { PATH: '/usr/sbin:/usr/bin', LC_ALL: 'C.UTF-8' }, maxBuffer: 64_000_000 };
      const child = execFile('nsenter', args, options, (error, stdout, stderr) => {
        const status = error === null ? 0 : error.code;
        resolve({ status: typeof status === 'number' ? status : -1, stdout, stderr });
      });
      // A command that does not read, or is gone already.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
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
