/** A real Privoxy on loopback: the filtering proxy of single machines. It has no authentication. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partFolder, startPart } from './part.ts';

export interface RunningPrivoxy {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startPrivoxy(): Promise<RunningPrivoxy> {
  const part = await startPart('Privoxy', 1, ([port = 0]) => {
    const folder = partFolder('privoxy');
    const config = join(folder, 'config');
    const lines = [`listen-address 127.0.0.1:${port}`, 'confdir /etc/privoxy', 'templdir /etc/privoxy/templates'];
    writeFileSync(config, [...lines, `logdir ${folder}`, ''].join('\n'));
    return { command: 'privoxy', args: ['--no-daemon', '--pidfile', join(folder, 'pid'), config], folder };
  });
  return {
    port: part.ports[0] ?? 0,
    async stop() {
      await part.end();
      part.remove();
    },
  };
}
