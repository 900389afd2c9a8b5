/**
 * A real Dante SOCKS server on loopback, with or without users. It gets test files in place of the machine's files with
 * names and users. It refuses SOCKS4a.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostsFile, partFolder, startPart, untilLines, withReplacedFiles } from './part.ts';

export interface DanteOptions {
  readonly user?: { readonly user: string; readonly password: string };
  /** Names that it resolves to 127.0.0.1. */
  readonly hosts?: readonly string[];
  /** A target port that it refuses by its own rules. */
  readonly denyPort?: number;
}

export interface RunningDante {
  readonly port: number;
  /**
   * One line for each connection that it judged: `pass USER TARGET` or `block REASON`; the user is `-` without one. Waits
   * until there are `atLeast` lines.
   */
  log(atLeast?: number): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startDante(options: DanteOptions = {}): Promise<RunningDante> {
  const part = await startPart('Dante', 1, ([port = 0]) => {
    const folder = partFolder('dante');
    const at = (name: string) => join(folder, name);
    writeFileSync(at('danted.conf'), configuration(options, port));
    writeFileSync(at('hosts'), hostsFile(options.hosts ?? []));
    writeUsers(at, options.user);
    const seen = { '/etc/hosts': at('hosts'), '/etc/passwd': at('passwd'), '/etc/shadow': at('shadow') };
    return { ...withReplacedFiles(seen, ['danted', '-f', at('danted.conf')]), folder, gently: true };
  });
  return {
    port: part.ports[0] ?? 0,
    log: (atLeast = 0) => untilLines(() => judged(part.said()), atLeast),
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

/** tcp/connect says what was let through; tcp/accept, when it is blocked, why a client did not get so far. */
function judged(said: string): string[] {
  const lines: string[] = [];
  for (const line of said.split('\n')) {
    const pass = /pass\(\d+\): tcp\/connect \[: (?:username%([^@]*)@)?\S+ \S+ -> \S+ (\S+)/.exec(line);
    if (pass !== null) lines.push(`pass ${pass[1] ?? '-'} ${pass[2]}`);
    const block = /block\(\d+\): tcp\/accept \]: \S+ \S+: (?:error after reading \d+ bytes in \d+ seconds: )?(.*)/.exec(
      line,
    );
    // Our own knocking at the port.
    if (block !== null && !/client closed|EOF|reset/i.test(block[1] ?? '')) lines.push(`block ${block[1]}`);
  }
  return lines;
}

function configuration({ user, denyPort }: DanteOptions, port: number): string {
  const everyone = 'from: 0.0.0.0/0 to: 0.0.0.0/0';
  const rule = (kind: string, what: string, more = '') =>
    `${kind} {\n  ${what}\n  ${more === '' ? '' : `${more}\n  `}log: error connect\n}`;
  return [
    'logoutput: stderr',
    `internal: 127.0.0.1 port = ${port}`,
    'external: 127.0.0.1',
    'clientmethod: none',
    `socksmethod: ${user === undefined ? 'none' : 'username'}`,
    'user.privileged: root',
    'user.unprivileged: nobody',
    rule('client pass', everyone),
    ...(denyPort === undefined ? [] : [rule('socks block', `${everyone} port = ${denyPort}`)]),
    rule('socks pass', everyone, 'protocol: tcp'),
    '',
  ].join('\n');
}

function writeUsers(at: (name: string) => string, only: DanteOptions['user']): void {
  const { user, password } = only ?? { user: 'nobody-else', password: '' };
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim();
  const passwd = readFileSync('/etc/passwd', 'utf8');
  writeFileSync(at('passwd'), `${passwd}${user}:x:49999:65534::/nonexistent:/usr/sbin/nologin\n`);
  writeFileSync(at('shadow'), `${user}:${hash}:19000:0:99999:7:::\n`, { mode: 0o600 });
}
