/**
 * Counts all network activity of a process. strace counts each connect() and each datagram of its threads. The only
 * name server that the process knows counts the names.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { partFolder, withReplacedFiles } from './part.ts';

export interface Watched {
  /** The command, watched. */
  wrap(command: readonly [string, ...string[]]): { command: string; args: string[] };
  /** Its activity since the last call. */
  rest(): Activity;
  readonly nameServer: string;
}

/** Network activity of a process, in order. */
export interface Activity {
  /** `127.0.0.1:3128` for each TCP connection that was tried. */
  readonly connects: readonly string[];
  /** The destination of each datagram: our name server, or another. */
  readonly datagrams: readonly string[];
  /** Names asked for. */
  readonly asked: readonly string[];
}

/** Watches one process; it can resolve `names` to 127.0.0.1, and nothing else. */
export async function watchProcess(names: readonly string[]): Promise<Watched & { close(): void }> {
  const dns: DnsServer = await startDnsServer(names);
  const folder = partFolder('watched');
  const [trace, resolver, hosts] = ['trace', 'resolv.conf', 'hosts'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(resolver, `nameserver ${dns.address}\noptions attempts:1 timeout:2\n`);
  writeFileSync(hosts, '127.0.0.1 localhost\n');
  // The trace has only ASCII characters: strace escapes all others.
  writeFileSync(trace, '');
  let read = 0;
  return {
    wrap(command) {
      const traced = ['strace', ...OPTIONS, '-e', `trace=${CALLS}`, '-o', trace] as const;
      return withReplacedFiles({ '/etc/resolv.conf': resolver, '/etc/hosts': hosts }, [...traced, ...command]);
    },
    rest() {
      // strace writes a call before the process continues, and whole lines at once.
      const text = readFileSync(trace, 'utf8').slice(read);
      read += text.length;
      return {
        connects: [...text.matchAll(CONNECT)].map(([, port, ip]) => `${ip}:${port}`),
        datagrams: text
          .split('\n')
          .filter((line) => SEND.test(line))
          .map(goalOf),
        asked: dns.asked.splice(0),
      };
    },
    nameServer: `${dns.address}:53`,
    close() {
      dns.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With seccomp the process stops at the calls that are counted, not at every call. */
const OPTIONS = ['-f', '--seccomp-bpf', '-yy', '-qq', '-e', 'signal=none'] as const;
const CALLS = 'connect,sendto,sendmsg,sendmmsg';
/** TCP alone: getaddrinfo tries UDP sockets to sort addresses, and sends nothing. */
const CONNECT = /connect\(\d+<TCP(?:v6)?:[^>]*>, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\),.*?"([0-9a-f.:]+)"/g;
const SEND = /^\d+ +send\w*\(\d+<UDP/;

/** What a socket is connected to, or what the call names. */
function goalOf(line: string): string {
  const connected = /<UDP(?:v6)?:\[[^\]]*->([0-9a-f.:[\]]+)\]>/.exec(line);
  if (connected !== null) return connected[1] ?? line;
  const named = /sin6?_port=htons\((\d+)\),.*?"([0-9a-f.:]+)"/.exec(line);
  return named === null ? line : `${named[2]}:${named[1]}`;
}
