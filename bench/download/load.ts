// The files that are downloaded, and their servers: nginx as the origin, and Squid in front of it without a cache. All
// are on loopback, on free ports, with their files in one folder.

import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createCa } from '#test/support/certificates.ts';
import { partFolder, startPart } from '#test/support/part.ts';
import { startSquid } from '#test/support/squid.ts';

const MIB = 1_048_576;
const BLOCK_BYTES = 4 * MIB;
/** How a .JAR begins, and how an archive without an entry ends. */
const BEGINS = Buffer.from('504b0304', 'hex');
const ENDS = Buffer.from(`504b0506${'00'.repeat(18)}`, 'hex');
const HTTP_PORT = 80;

/** A number of files of one size. */
export interface Size {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  /** The content is a hole. */
  readonly sparse?: boolean;
}

export interface ServedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Makes files of random bytes that begin and end as a .JAR does. */
export function makeFiles(folder: string, { name, count, bytes, sparse = false }: Size): ServedFile[] {
  return Array.from({ length: count }, (_, at) => {
    const file = `${name}-${at + 1}.jar`;
    return { name: file, bytes, sha256: makeFile(join(folder, file), bytes, sparse) };
  });
}

function makeFile(path: string, bytes: number, sparse: boolean): string {
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, bytes));
  for (let at = 0; at < bytes; at += block.length) {
    const part = block.subarray(0, Math.min(block.length, bytes - at));
    const isEdge = at === 0 || at + part.length === bytes;
    if (sparse) part.fill(0);
    else randomFillSync(part);
    if (at === 0) BEGINS.copy(part);
    if (at + part.length === bytes) ENDS.copy(part, part.length - ENDS.length);
    if (!sparse || isEdge) writeSync(file, part, 0, part.length, at);
    hash.update(part);
  }
  closeSync(file);
  return hash.digest('hex');
}

/** The digest of a file on disk. */
export function digestOf(path: string): string {
  const file = openSync(path, 'r');
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(MIB);
  for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) hash.update(buffer.subarray(0, got));
  closeSync(file);
  return hash.digest('hex');
}

export type Scheme = 'http' | 'https';

export interface Servers {
  /** The folder that nginx serves. */
  readonly served: string;
  /** URL of a folder, with a slash at its end. */
  readonly urls: Readonly<Record<Scheme, string>>;
  /** The same over http at port 80, for a client that drops another one; null without the right to listen there. */
  readonly at80: string | null;
  readonly proxy: { readonly address: string; readonly port: number; readonly url: string };
  readonly caFile: string;
  stop(): Promise<void>;
}

export async function startServers(dir: string): Promise<Servers> {
  const served = join(dir, 'served');
  await mkdir(served, { recursive: true });
  const ca = createCa();
  const caFile = join(dir, 'ca.pem');
  writeFileSync(caFile, ca.cert);
  const host80 = await freeHost();
  const nginx = await startPart('nginx', 2, ([plain = 0, secure = 0]) => {
    const folder = partFolder('nginx');
    const { cert, key } = ca.issue();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
    const listens = [`127.0.0.1:${plain}`, `127.0.0.1:${secure} ssl`, ...(host80 === null ? [] : [host80])];
    writeFileSync(join(folder, 'nginx.conf'), configuration(folder, served, listens));
    return { command: 'nginx', args: ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'], folder };
  });
  const squid = await startSquid();
  const [plain = 0, secure = 0] = nginx.ports;
  return {
    served,
    urls: { http: `http://127.0.0.1:${plain}/`, https: `https://localhost:${secure}/` },
    at80: host80 === null ? null : `http://${host80.split(':')[0]}/`,
    proxy: { address: '127.0.0.1', port: squid.port, url: `http://127.0.0.1:${squid.port}` },
    caFile,
    async stop() {
      await squid.stop();
      await nginx.end();
      nginx.remove();
    },
  };
}

/** An address of loopback of this process alone, at port 80; null if this user may not listen there. */
async function freeHost(): Promise<string | null> {
  const host = `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${Math.max(1, process.pid & 255)}`;
  const server = createServer();
  try {
    server.listen(HTTP_PORT, host);
    await once(server, 'listening');
    return `${host}:${HTTP_PORT}`;
  } catch {
    return null;
  } finally {
    server.close();
  }
}

function configuration(folder: string, served: string, listens: readonly string[]): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
master_process off;
user root;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000;
${places.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  server {
${listens.map((listen) => `    listen ${listen};`).join('\n')}
    ssl_certificate ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    root ${served};
  }
}
`;
}
