/**
 * A real Squid on loopback for one test, with its own configuration in a temporary folder, a free port, and no cache. Works as
 * root (Squid switches to the user `proxy`) and as an unprivileged user. `stop` ends it and removes the folder; the access
 * log can still be read afterwards.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import {
  type FileReplacements,
  giveTo,
  hostsFile,
  isRoot,
  type Part,
  partFolder,
  readIfThere,
  startPart,
  untilLines,
  withReplacedFiles,
} from './part.ts';
import { type SquidParts, squid } from './real-parts.ts';

export interface SquidOptions {
  /** Asks for Basic credentials. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** Offers Digest to this user. */
  readonly digest?: { readonly user: string; readonly password: string };
  /** Lines that set up further schemes; users are asked for. */
  readonly schemes?: readonly string[];
  /** Opens a second port, where TLS is spoken to the proxy itself. With `clientCa`, to who has a certificate of that CA. */
  readonly tls?: KeyPair & { readonly clientCa?: string };
  /** Opens every tunnel and shows certificates of this CA, but for these names (as TLS names them). */
  readonly bump?: { readonly ca: KeyPair; readonly splice?: readonly string[] };
  /** Target names that are refused with 403. */
  readonly denyHosts?: readonly string[];
  /** Target ports that it lets through; any other is refused with 403. All, when not given. */
  readonly allowPorts?: readonly number[];
  /** Names that it resolves to 127.0.0.1 by itself. */
  readonly hosts?: readonly string[];
  /** What it sees in place of the machine's own. */
  readonly seen?: FileReplacements;
  /** Keeps responses in memory, as their freshness allows. */
  readonly caches?: boolean;
  /** Lines of squid.conf that say what is let through, and what is not opened; anything else is refused. */
  readonly acl?: readonly string[];
  /** Lines of squid.conf. They come before the access rules and after all other settings. */
  readonly extra?: readonly string[];
}

export interface RunningSquid {
  readonly port: number;
  /** Where TLS is spoken to the proxy; the same as `port` without `tls`. */
  readonly tlsPort: number;
  /**
   * One line per finished request: `STATUS METHOD URL USER`. Squid writes a line when a request is over, a tunnel's when
   * the tunnel closes; this waits until there are `atLeast` lines, of those with the text `about` where that is given.
   */
  accessLog(atLeast?: number, about?: string): Promise<string[]>;
  /** The number of lines once every request that was answered has its line: sends one more request and waits for that one's. */
  linesSoFar(): Promise<number>;
  /** Its files of users are empty, and full again: what a proxy meets whose directory is down. */
  forgetUsers(): void;
  rememberUsers(): void;
  /** SIGSTOP makes it hang, SIGHUP makes it read its configuration again. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): void;
  pid(): number;
  stop(): Promise<void>;
}

const ROOT_STEPS_DOWN_TO = 'proxy';
const DIGEST_REALM = 'a test, with a comma';
const SHARED_MEMORY = '/dev/shm';

export async function startSquid(options: SquidOptions = {}): Promise<RunningSquid> {
  if (squid === null) {
    throw new Error('Squid is missing: npm run parts');
  }
  const parts = squid;
  const part = await startPart('Squid', options.tls === undefined ? 1 : 2, (ports) => {
    const folder = partFolder('squid');
    writeFiles(parts, options, folder);
    const config = join(folder, 'squid.conf');
    writeFileSync(config, configuration({ parts, options, folder, ports }));
    // Squid names its shared memory after the service: two with one name would take each other's.
    const service = `sallyport${process.pid}x${ports[0]}`;
    return {
      ...withReplacedFiles(options.seen ?? {}, [parts.binary, '-N', '-n', service, '-f', config]),
      env: withLibraries(parts),
      folder,
      log: join(folder, 'cache.log'),
      ended: () => removeSharedMemory(service),
    };
  });
  return running(part, options);
}

function withLibraries({ libraryPath }: SquidParts): NodeJS.ProcessEnv {
  return { ...process.env, ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }) };
}

// An orderly stop takes Squid two seconds. Its helpers end by themselves when their input closes.
function running(part: Part, options: SquidOptions): RunningSquid {
  const [port = 0, tlsPort = port] = part.ports;
  const file = join(part.folder, 'access.log');
  let last: string[] | undefined;
  let marks = 0;
  const pid = () => Number(readFileSync(join(part.folder, 'squid.pid'), 'utf8'));
  const read = () => last ?? readLog(file, part.ports.length);
  const accessLog = (atLeast = 0, about = '') =>
    untilLines(
      () => read().filter((line) => line.includes(about)),
      atLeast,
      () => last !== undefined,
    );
  return {
    port,
    tlsPort,
    accessLog,
    linesSoFar: async () => {
      marks += 1;
      const mark = `http://127.0.0.1:9/mark-${marks}`;
      const [response] = (await once(get({ host: '127.0.0.1', port, path: mark }), 'response')) as [IncomingMessage];
      response.resume();
      await accessLog(1, mark);
      return (await accessLog()).length;
    },
    forgetUsers: () => writeUsers(options, part.folder, false),
    rememberUsers: () => writeUsers(options, part.folder, true),
    signal: (name) => process.kill(pid(), name),
    pid,
    async stop() {
      await part.end();
      last ??= read();
      part.remove();
    },
  };
}

function writeFiles(parts: SquidParts, options: SquidOptions, folder: string): void {
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content, { mode: 0o644 });
  write('hosts', hostsFile(options.hosts ?? []));
  writeUsers(options, folder, true);
  if (options.tls !== undefined) {
    write('proxy.pem', options.tls.cert + options.tls.key);
    write('clients.pem', options.tls.clientCa ?? '');
  }
  if (options.bump !== undefined) {
    write('bump.pem', options.bump.ca.cert + options.bump.ca.key);
    // Made by the user whom Squid steps down to; it takes no folder that is there.
    const database = join(folder, 'certificates');
    execFileSync(parts.certificates, ['-c', '-s', database, '-M', '4MB'], { env: withLibraries(parts), stdio: 'pipe' });
    for (const name of readdirSync(database, { recursive: true, encoding: 'utf8' })) giveToProxy(join(database, name));
    giveToProxy(database);
  }
  giveToProxy(folder);
}

/** Helpers read a file again when its time is another, in seconds. */
function writeUsers({ auth, digest }: SquidOptions, folder: string, known: boolean): void {
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), known ? content : '', { mode: 0o644 });
    const time = known ? new Date() : new Date(0);
    utimesSync(join(folder, name), time, time);
  };
  if (auth !== undefined) write('passwd', passwordFile(auth));
  if (digest !== undefined) write('digest', digestFile(digest));
}

function giveToProxy(path: string): void {
  giveTo(ROOT_STEPS_DOWN_TO, path);
}

interface Configured {
  readonly parts: SquidParts;
  readonly options: SquidOptions;
  readonly folder: string;
  readonly ports: readonly number[];
}

function configuration(of: Configured): string {
  const { parts, options, folder } = of;
  const at = (name: string) => join(folder, name);
  return [
    ...listeners(of),
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
    options.caches === true ? 'cache allow all' : 'cache deny all',
    'connect_timeout 5 seconds',
    'dns_timeout 2 seconds',
    // In this order: Squid offers them in the order in which they stand.
    ...(options.schemes ?? []),
    ...(options.digest === undefined ? [] : digestAuthentication(parts, at('digest'))),
    ...(options.auth === undefined ? [] : authentication(parts, at('passwd'))),
    ...(asksForUsers(options) ? ['acl authenticated proxy_auth REQUIRED'] : []),
    ...(options.acl ?? []),
    ...bumpRules(parts, options, at('certificates')),
    ...(options.extra ?? []),
    ...accessRules(options),
    '',
  ].join('\n');
}

function listeners({ options, folder, ports }: Configured): string[] {
  const { tls, bump } = options;
  const at = (name: string) => join(folder, name);
  const bumping = bump === undefined ? '' : ` ssl-bump generate-host-certificates=on tls-cert=${at('bump.pem')}`;
  const clients = tls?.clientCa === undefined ? '' : ` clientca=${at('clients.pem')}`;
  return [
    `http_port 127.0.0.1:${ports[0]}${bumping}`,
    ...(tls === undefined ? [] : [`https_port 127.0.0.1:${ports[1]} tls-cert=${at('proxy.pem')}${clients}`]),
  ];
}

function bumpRules(parts: SquidParts, { bump }: SquidOptions, database: string): string[] {
  if (bump === undefined) return [];
  const { splice = [] } = bump;
  return [
    `sslcrtd_program ${parts.certificates} -s ${database} -M 4MB`,
    'sslcrtd_children 2 startup=1 idle=1',
    // Whatever the origin shows is well: what is tested is what we are shown.
    'sslproxy_cert_error allow all',
    'tls_outgoing_options flags=DONT_VERIFY_PEER',
    'acl step1 at_step SslBump1',
    'ssl_bump peek step1',
    ...(splice.length === 0 ? [] : [`acl exempt ssl::server_name ${splice.join(' ')}`, 'ssl_bump splice exempt']),
    'ssl_bump bump all',
  ];
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
  const { allowPorts: ports, denyHosts: hosts } = options;
  return [
    ...(hosts === undefined ? [] : [`acl denied_hosts dstdomain ${hosts.join(' ')}`, 'http_access deny denied_hosts']),
    ...(ports === undefined ? [] : [`acl allowed_ports port ${ports.join(' ')}`, 'http_access deny !allowed_ports']),
    ...(options.acl === undefined ? [whoMay(options)] : []),
    'http_access deny all',
  ];
}

function whoMay(options: SquidOptions): string {
  return asksForUsers(options) ? 'http_access allow authenticated' : 'http_access allow all';
}

// basic_ncsa_auth accepts an unsalted MD5 in hex as well as the forms of htpasswd, so no tool is needed to make it.
function passwordFile({ user, password }: { user: string; password: string }): string {
  return `${user}:${createHash('md5').update(password).digest('hex')}\n`;
}

// user:realm:HA1, as htdigest writes it.
function digestFile({ user, password }: { user: string; password: string }): string {
  const secret = createHash('md5').update(`${user}:${DIGEST_REALM}:${password}`).digest('hex');
  return `${user}:${DIGEST_REALM}:${secret}\n`;
}

function removeSharedMemory(service: string): void {
  for (const name of existsSync(SHARED_MEMORY) ? readdirSync(SHARED_MEMORY) : []) {
    if (name.startsWith(`${service}-`)) {
      rmSync(join(SHARED_MEMORY, name), { force: true });
    }
  }
}

/** All lines but those of our own knocking at the ports. */
function readLog(file: string, knocks: number): string[] {
  let left = knocks;
  return readIfThere(file)
    .split('\n')
    .filter((line) => line !== '' && !(line.includes('error:transaction-end-before-headers') && left-- > 0));
}
