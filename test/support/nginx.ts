/** A real nginx on loopback: TLS in front of a plain server, with a limit for bodies. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { partFolder, startPart } from './part.ts';

export interface NginxOptions extends KeyPair {
  /** Port of the server behind it. */
  readonly behind: number;
  /** `client_max_body_size`, such as `1m`. */
  readonly maxBody: string;
}

export interface RunningNginx {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startNginx(options: NginxOptions): Promise<RunningNginx> {
  const part = await startPart('nginx', 1, ([port = 0]) => {
    const folder = partFolder('nginx');
    writeFileSync(join(folder, 'cert.pem'), options.cert);
    writeFileSync(join(folder, 'key.pem'), options.key, { mode: 0o600 });
    writeFileSync(join(folder, 'nginx.conf'), configuration(options, folder, port));
    return { command: 'nginx', args: ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'], folder };
  });
  return {
    port: part.ports[0] ?? 0,
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

/** One process, everything in one folder, and no request in memory or on disk before it is passed on. */
function configuration({ behind, maxBody }: NginxOptions, folder: string, port: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
${places.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    client_max_body_size ${maxBody};
    location / {
      proxy_pass http://127.0.0.1:${behind};
      proxy_http_version 1.1;
      proxy_request_buffering off;
    }
  }
}
`;
}
