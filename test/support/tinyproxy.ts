/** A real tinyproxy on loopback, the forward proxy of many small devices: open, or with one user and Basic. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostsFile, partFolder, startPart, untilLines, withReplacedFiles } from './part.ts';

export interface TinyproxyOptions {
  readonly auth?: { readonly user: string; readonly password: string };
  /** Names that it resolves to 127.0.0.1. */
  readonly hosts?: readonly string[];
  /** The only target ports for CONNECT; all when not given. */
  readonly connectPorts?: readonly number[];
}

export interface RunningTinyproxy {
  readonly port: number;
  /** Request lines, and `reached HOST` for each connection to a target; those with the text `about`. */
  log(atLeast?: number, about?: string): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startTinyproxy(options: TinyproxyOptions = {}): Promise<RunningTinyproxy> {
  const part = await startPart('tinyproxy', 1, ([port = 0]) => {
    const folder = partFolder('tinyproxy');
    const [config, hosts] = [join(folder, 'tinyproxy.conf'), join(folder, 'hosts')];
    writeFileSync(config, configuration(options, port));
    writeFileSync(hosts, hostsFile(options.hosts ?? []));
    return { ...withReplacedFiles({ '/etc/hosts': hosts }, ['tinyproxy', '-d', '-c', config]), folder };
  });
  return {
    port: part.ports[0] ?? 0,
    log: (atLeast = 0, about = '') =>
      untilLines(() => requests(part.said()).filter((line) => line.includes(about)), atLeast),
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

function requests(said: string): string[] {
  const lines: string[] = [];
  for (const line of said.split('\n')) {
    const request = /Request \(file descriptor \d+\): (.*)$/.exec(line);
    if (request !== null) lines.push(request[1] ?? '');
    const reached = /Established connection to host "(.*)"/.exec(line);
    if (reached !== null) lines.push(`reached ${reached[1]}`);
  }
  return lines;
}

function configuration({ auth, connectPorts = [] }: TinyproxyOptions, port: number): string {
  return [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 60',
    'MaxClients 50',
    'LogLevel Info',
    'ViaProxyName "proxy.example.com"',
    ...(auth === undefined ? [] : [`BasicAuth ${auth.user} ${auth.password}`]),
    ...connectPorts.map((allowed) => `ConnectPort ${allowed}`),
    '',
  ].join('\n');
}
