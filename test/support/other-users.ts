// The built program, run by real users of this host: the service user, a member of its group, and another user.
//
// They need no entry in /etc/passwd. Only the owner of the checkout may be able to read it, so program and Node are
// copied to a folder that all of them can read. Needs root, see `describeWith(['root and setpriv'], ...)`.

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BatchProcess } from './batch-process.ts';
import { builtBatch, onceInRun, PROGRAM_PATH } from './built-program.ts';
import { runHere } from './run-here.ts';
import { sendToSocket } from './socket-request.ts';
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

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Node and the program, copied once in a run to where every user can read them, and the folder of Node's compile cache. */
function forAll(): Readonly<Record<'node' | 'program' | 'batch' | 'cache', string>> {
  const folder = onceInRun('for-all-users', (own) => {
    cpSync(dirname(PROGRAM_PATH), join(own, 'program'), { recursive: true });
    cpSync(dirname(builtBatch()), join(own, 'batch'), { recursive: true });
    copyFileSync(process.execPath, join(own, 'node'));
    spawnSync('chmod', ['-R', 'u=rwX,go=rX', own]);
    chmodSync(join(own, 'node'), 0o755);
    // Node makes a folder in it for each user.
    mkdirSync(join(own, 'cache'));
    chmodSync(join(own, 'cache'), 0o1777);
  });
  return {
    node: join(folder, 'node'),
    program: join(folder, 'program/main.js'),
    batch: join(folder, 'batch/main.js'),
    cache: join(folder, 'cache'),
  };
}

/** The environment of every process: with the cache, the program is not compiled again for each. */
function environment(): NodeJS.ProcessEnv {
  return { PATH, NODE_COMPILE_CACHE: forAll().cache };
}

/** A folder with a configuration; `close` ends what runs and removes it. */
export class OtherUsers {
  /** Everybody may read it, root alone may write it. */
  readonly dir: string;
  readonly #running = new Set<ChildProcess>();
  readonly #batches = new Map<User, BatchProcess>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static make(): OtherUsers {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-users-'));
    chmodSync(dir, 0o755);
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

  /** Runs a command of the program as this user, to its end: root in this process, any other in its one process. */
  async sallyport(user: User, ...args: readonly string[]): Promise<Ran> {
    const command = ['-c', this.#config, ...args];
    const { code, out, err } = await (user === 'root' ? runHere(command) : this.#batch(user).run(command));
    return { status: code, stdout: out, stderr: err };
  }

  /** Runs a command of the program as this user in a process of its own, to its end. */
  sallyportProcess(user: User, ...args: readonly string[]): Promise<Ran> {
    const { node, program } = forAll();
    return this.run(user, [node, program, '-c', this.#config, ...args]);
  }

  #batch(user: User): BatchProcess {
    const running = this.#batches.get(user);
    if (running !== undefined) return running;
    const { node, batch } = forAll();
    const started = new BatchProcess(this.#as(user, [node, '--disable-sigusr1', batch]), environment());
    this.#batches.set(user, started);
    return started;
  }

  /** Runs a command as this user, to its end. */
  run(user: User, command: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const [program, ...args] = this.#as(user, command);
      const options = { cwd: '/', env: environment() };
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

  /** The same to any socket; status 7 means that no connection was possible. */
  async askAt(
    socket: string,
    user: User,
    [method, path, body]: readonly [string, string, (string | undefined)?],
  ): Promise<Ran> {
    const request = { socket, method, path, body };
    const { answer, error } = await (user === 'root' ? sendToSocket(request) : this.#batch(user).send(request));
    return answer === null ? { status: 7, stdout: '', stderr: error } : { status: 0, stdout: answer, stderr: '' };
  }

  /** A Node that every user can run. */
  get node(): string {
    return forAll().node;
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
    const { node, program: main } = forAll();
    const command = [node, main, '-c', this.#config, 'run'];
    const [program, ...args] = this.#as('service', command);
    const child = spawn(program, args, { cwd: '/', env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
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
    await Promise.all([...this.#batches.values()].map((batch) => batch.close()));
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
