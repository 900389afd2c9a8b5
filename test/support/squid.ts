/**
 * A real Squid on loopback for one test: its own configuration in a temporary folder, a free port, nothing cached.
 * Works as root (Squid steps down to `proxy`) and as an ordinary user. `stop` ends it and removes the folder; the access
 * log can still be read afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type SquidParts, squid } from './real-parts.ts';

export interface SquidOptions {
  /** Asks for Basic credentials. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Offers Digest to this user. */
  readonly digest?: { readonly user: string; readonly password: string };
  /** Lines that set up further schemes; users are asked for. */
  readonly schemes?: readonly string[];
  /** Target ports that it lets through; any other is refused with 403. All, when not given. */
  readonly allowPorts?: readonly number[];
  /** Names that it resolves by itself, such as {'updates.example.com': '127.0.0.1'}. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Lines of squid.conf. They come before the access rules and after all other settings. */
  readonly extra?: readonly string[];
}

export interface RunningSquid {
  readonly port: number;
  /**
   * One line per finished request: `STATUS METHOD URL USER`. Squid writes a line when a request is over, a tunnel's when
   * the tunnel closes; this waits until there are `atLeast` lines.
   */
  accessLog(atLeast?: number): Promise<string[]>;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 15_000;
const LOG_LIMIT_MS = 5_000;
const POLL_MS = 20;
// Another process can take the port between our look and Squid's start.
const PORT_TRIES = 3;
const ROOT_STEPS_DOWN_TO = 'proxy';
const DIGEST_REALM = 'a test, with a comma';
const SHARED_MEMORY = '/dev/shm';

export async function startSquid(options: SquidOptions = {}): Promise<RunningSquid> {
  if (squid === null) {
    throw new Error('Squid is missing: npm run parts');
  }
  for (let attempt = 1; ; attempt += 1) {
    const started = await tryToStart(squid, options);
    if (typeof started !== 'string') {
      return started;
    }
    if (attempt === PORT_TRIES || !started.includes('in use')) {
      throw new Error(`Squid did not start:\n${started}`);
    }
  }
}

/** The running Squid, or what it said when it ended by itself. */
async function tryToStart(parts: SquidParts, options: SquidOptions): Promise<RunningSquid | string> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-squid-'));
  const port = await freePort();
  const config = join(folder, 'squid.conf');
  writeFileSync(config, configuration({ parts, options, folder, port }));
  writeFileSync(join(folder, 'hosts'), hostsFile(options.hosts ?? {}));
  if (options.auth !== undefined) {
    writeFileSync(join(folder, 'passwd'), passwordFile(options.auth));
  }
  if (options.digest !== undefined) {
    writeFileSync(join(folder, 'digest'), digestFile(options.digest));
  }
  giveToProxyUser(folder);

  const env = { ...process.env, ...(parts.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: parts.libraryPath }) };
  // Squid names its shared memory after the service: two with one name would take each other's.
  const service = `sallyport${process.pid}x${port}`;
  const child = spawn(parts.binary, ['-N', '-n', service, '-f', config], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A worker that dies must not leave it behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      said += String(error);
      resolve();
    });
  }).then(() => {
    process.off('exit', kill);
    removeSharedMemory(service);
  });

  const isUp = await answers(port, ended);
  if (!isUp) {
    await end(child, ended);
    const log = readIfThere(join(folder, 'cache.log'));
    rmSync(folder, { recursive: true, force: true });
    return `${said}\n${log}`;
  }
  return running({ port, folder, child, ended });
}

function running(it: { port: number; folder: string; child: ChildProcess; ended: Promise<void> }): RunningSquid {
  const file = join(it.folder, 'access.log');
  let last: string[] | undefined;
  return {
    port: it.port,
    async accessLog(atLeast = 0) {
      const deadline = performance.now() + LOG_LIMIT_MS;
      for (;;) {
        const lines = last ?? readLog(file);
        if (lines.length >= atLeast) {
          return lines;
        }
        if (last !== undefined || performance.now() > deadline) {
          throw new Error(`Squid's log has ${lines.length} lines, not ${atLeast}:\n${lines.join('\n')}`);
        }
        await pause(POLL_MS);
      }
    },
    async stop() {
      await end(it.child, it.ended);
      last ??= readLog(file);
      rmSync(it.folder, { recursive: true, force: true });
    },
  };
}

function configuration(of: { parts: SquidParts; options: SquidOptions; folder: string; port: number }): string {
  const { parts, options, folder, port } = of;
  const at = (name: string) => join(folder, name);
  return [
    `http_port 127.0.0.1:${port}`,
    'visible_hostname proxy.example.com',
    `pid_filename ${at('squid.pid')}`,
    `coredump_dir ${folder}`,
    `cache_log ${at('cache.log')}`,
    'logformat sallyport %>Hs %rm %ru %un',
    'strip_query_terms off',
    `access_log stdio:${at('access.log')} sallyport`,
    `hosts_file ${at('hosts')}`,
    `error_directory ${parts.errorDirectory}`,
    `icon_directory ${parts.iconDirectory}`,
    `mime_table ${parts.mimeTable}`,
    `unlinkd_program ${parts.unlinkd}`,
    ...(isRoot() ? [`cache_effective_user ${ROOT_STEPS_DOWN_TO}`] : []),
    'pinger_enable off',
    'netdb_filename none',
    'max_filedescriptors 1024',
    'cache_mem 8 MB',
    'cache deny all',
    'connect_timeout 5 seconds',
    'dns_timeout 2 seconds',
    // In this order: Squid offers them in the order in which they stand.
    ...(options.schemes ?? []),
    ...(options.digest === undefined ? [] : digestAuthentication(parts, at('digest'))),
    ...(options.auth === undefined ? [] : authentication(parts, at('passwd'))),
    ...(asksForUsers(options) ? ['acl authenticated proxy_auth REQUIRED'] : []),
    ...(options.extra ?? []),
    ...accessRules(options),
    '',
  ].join('\n');
}

function authentication(parts: SquidParts, passwords: string): string[] {
  return [
    `auth_param basic program ${parts.basicAuth} ${passwords}`,
    'auth_param basic children 2 startup=1 idle=1',
    'auth_param basic realm a test',
    'auth_param basic utf8 on',
  ];
}

function digestAuthentication(parts: SquidParts, passwords: string): string[] {
  return [
    `auth_param digest program ${parts.digestAuth} -c ${passwords}`,
    'auth_param digest children 2 startup=1 idle=1',
    `auth_param digest realm ${DIGEST_REALM}`,
  ];
}

function asksForUsers({ auth, digest, schemes }: SquidOptions): boolean {
  return auth !== undefined || digest !== undefined || schemes !== undefined;
}

function accessRules(options: SquidOptions): string[] {
  const ports = options.allowPorts;
  return [
    ...(ports === undefined ? [] : [`acl allowed_ports port ${ports.join(' ')}`, 'http_access deny !allowed_ports']),
    asksForUsers(options) ? 'http_access allow authenticated' : 'http_access allow all',
    'http_access deny all',
  ];
}

// basic_ncsa_auth takes an unsalted MD5 in hex beside the forms of htpasswd, so that no tool is needed to make it.
function passwordFile({ user, password }: { user: string; password: string }): string {
  return `${user}:${createHash('md5').update(password).digest('hex')}\n`;
}

// user:realm:HA1, as htdigest writes it.
function digestFile({ user, password }: { user: string; password: string }): string {
  const secret = createHash('md5').update(`${user}:${DIGEST_REALM}:${password}`).digest('hex');
  return `${user}:${DIGEST_REALM}:${secret}\n`;
}

function hostsFile(hosts: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(([name, address]) => `${address} ${name}`);
  return `${lines.join('\n')}\n`;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function giveToProxyUser(folder: string): void {
  if (!isRoot()) {
    return;
  }
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${ROOT_STEPS_DOWN_TO}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  chownSync(folder, Number(uid), Number(gid));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answers(port: number, ended: Promise<void>): Promise<boolean> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const deadline = performance.now() + START_LIMIT_MS;
  while (!isOver && performance.now() < deadline) {
    if (await canConnect(port)) {
      return true;
    }
    await pause(POLL_MS);
  }
  return false;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

// Killed outright: an orderly stop takes Squid two seconds, and it keeps nothing that a test needs. Its helpers end by
// themselves when their input closes.
async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    child.kill('SIGKILL');
    await ended;
  }
}

function removeSharedMemory(service: string): void {
  for (const name of existsSync(SHARED_MEMORY) ? readdirSync(SHARED_MEMORY) : []) {
    if (name.startsWith(`${service}-`)) {
      rmSync(join(SHARED_MEMORY, name), { force: true });
    }
  }
}

/** All lines but that of our own knocking at the port. */
function readLog(file: string): string[] {
  const lines = readIfThere(file).split('\n').filter(Boolean);
  const knock = lines.findIndex((line) => line.includes('error:transaction-end-before-headers'));
  return lines.filter((_, index) => index !== knock);
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
