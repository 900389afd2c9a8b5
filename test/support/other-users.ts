// The built program, run by real users of this host: the service user, a member of its group, and another user.
//
// They need no entry in /etc/passwd. Program and Node are copied to a folder that all of them can read, because only its
// owner may be able to read the checkout. Needs root, see `describeWith(['root and setpriv'], ...)`.

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROGRAM_PATH } from './built-program.ts';
import { yamlOf } from './yaml-of.ts';

const SERVICE_GROUP = 64_101;

/** User IDs without an account. */
export const USERS = {
  root: { uid: 0, gid: 0 },
  service: { uid: 64_101, gid: SERVICE_GROUP },
  /** Another user, in the group of the service. */
  member: { uid: 64_102, gid: SERVICE_GROUP },
  stranger: { uid: 64_103, gid: 64_103 },
} as const;
export type User = keyof typeof USERS;

/** How a command ended. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with the program and a configuration; `close` ends what runs and removes it. */
export class OtherUsers {
  /** Everybody may read it, root alone may write it. */
  readonly dir: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static make(): OtherUsers {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-users-'));
    chmodSync(dir, 0o755);
    cpSync(dirname(PROGRAM_PATH), join(dir, 'program'), { recursive: true });
    copyFileSync(process.execPath, join(dir, 'node'));
    chmodSync(join(dir, 'node'), 0o755);
    spawnSync('chmod', ['-R', 'u=rwX,go=rX', join(dir, 'program')]);
    const users = new OtherUsers(dir);
    users.folder('service', 'service', 0o711);
    users.folder('member', 'member', 0o755);
    return users;
  }

  /** A folder of this user's. */
  folder(name: string, owner: User, mode: number): string {
    const path = join(this.dir, name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    chownSync(path, USERS[owner].uid, USERS[owner].gid);
    return path;
  }

  /** A file of this user's. */
  file(name: string, content: string | Uint8Array, owner: User, mode = 0o644): string {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    chownSync(path, USERS[owner].uid, USERS[owner].gid);
    return path;
  }

  /** Writes a configuration whose folders belong to the service; everybody may read it. */
  configure(sections: { readonly updates?: object } & Record<string, unknown> = {}): string {
    const { updates, ...rest } = sections;
    const settings = {
      version: 2,
      updates: {
        feed_url: 'http://127.0.0.1:9/feed.json',
        packages_dir: join(this.dir, 'service/packages'),
        ...updates,
      },
      logging: { dir: join(this.dir, 'service/logs') },
      daemon: {
        state_dir: join(this.dir, 'service/state'),
        control_socket: this.controlSocket,
      },
      ...rest,
    };
    return this.file('sallyport.yaml', yamlOf(settings), 'root');
  }

  /** Runs the program as this user, to its end. */
  sallyport(user: User, ...args: readonly string[]): Promise<Ran> {
    return this.run(user, [join(this.dir, 'node'), join(this.dir, 'program/main.js'), '-c', this.#config, ...args]);
  }

  /** Runs a command as this user, to its end. */
  run(user: User, command: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const [program, ...args] = this.#as(user, command);
      const options = { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
      execFile(program, args, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        resolve({ status: typeof code === 'number' ? code : -1, stdout, stderr });
      });
    });
  }

  /** One request to a socket of the daemon as this user, however it is answered. */
  async ask(user: User, method: string, path: string, body?: string): Promise<Ran> {
    return await this.askAt(this.controlSocket, user, [method, path, body]);
  }

  async askAt(
    socket: string,
    user: User,
    [method, path, body]: readonly [string, string, (string | undefined)?],
  ): Promise<Ran> {
    const data = body === undefined ? [] : ['--data-binary', body];
    return await this.run(user, [
      ...['curl', '--silent', '--show-error', '--max-time', '20', '--path-as-is', '--unix-socket', socket],
      ...['--request', method, ...data, `http://localhost${path}`],
    ]);
  }

  get controlSocket(): string {
    return join(this.dir, 'service/run/control.sock');
  }

  get lookSocket(): string {
    return join(this.dir, 'service/run/look.sock');
  }

  get adminSocket(): string {
    return join(this.dir, 'service/run/admin.sock');
  }

  /** Starts the daemon as the service; resolves once it answers commands. */
  async start(): Promise<{ readonly said: () => string }> {
    const command = [join(this.dir, 'node'), join(this.dir, 'program/main.js'), '-c', this.#config, 'run'];
    const [program, ...args] = this.#as('service', command);
    const child = spawn(program, args, { cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes('/control.sock')) resolve();
        });
      }
      child.once('exit', () => reject(new Error(`the daemon ended:\n${said}`)));
    });
    return { said: () => said };
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    for (const child of this.#running) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await ended;
      this.#running.delete(child);
    }
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get #config(): string {
    return join(this.dir, 'sallyport.yaml');
  }

  #as(user: User, command: readonly string[]): [string, ...string[]] {
    const { uid, gid } = USERS[user];
    return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', ...command];
  }
}
