/**
 * A real HAProxy on loopback: TLS in front of a TLS server, as a vendor runs it, with a timeout of its own for tunnels.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { partFolder, startPart } from './part.ts';

export interface HaproxyOptions extends KeyPair {
  /** Port of the TLS server behind it. */
  readonly behind: number;
  /** `timeout tunnel`: how long a WebSocket may be silent, in milliseconds. */
  readonly tunnelMs: number;
}

export interface RunningHaproxy {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startHaproxy(options: HaproxyOptions): Promise<RunningHaproxy> {
  const part = await startPart('HAProxy', 1, ([port = 0]) => {
    const folder = partFolder('haproxy');
    writeFileSync(join(folder, 'pair.pem'), options.cert + options.key, { mode: 0o600 });
    writeFileSync(join(folder, 'haproxy.cfg'), configuration(options, folder, port));
    // -db: in the foreground, in one process.
    return { command: 'haproxy', args: ['-db', '-f', join(folder, 'haproxy.cfg')], folder };
  });
  return {
    port: part.ports[0] ?? 0,
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

function configuration({ behind, tunnelMs }: HaproxyOptions, folder: string, port: number): string {
  return `global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel ${tunnelMs}ms
frontend platform
  bind 127.0.0.1:${port} ssl crt ${folder}/pair.pem
  default_backend agents
backend agents
  server one 127.0.0.1:${behind} ssl verify none
`;
}
