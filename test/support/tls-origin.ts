/**
 * Certificates made on the spot and an HTTPS origin on loopback that shows them. The CA is trusted by nobody but the
 * tests that are given it; each leaf can be wrong in one way: name, time, issuer.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** PEM texts of a certificate and its key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface TestCa extends KeyPair {
  /** A certificate by this CA; `names` as in subjectAltName: `DNS:localhost,IP:127.0.0.1`. Dates as `20200101000000Z`. */
  issue(options?: { names?: string; notBefore?: string; notAfter?: string; client?: boolean }): KeyPair;
}

const LOCAL_NAMES = 'DNS:localhost,DNS:updates.example.com,IP:127.0.0.1,IP:::1';

/** A CA of its own, with the given name in its subject. */
export function createCa(name = 'Sallyport Test CA'): TestCa {
  return inFolder((folder) => {
    const ca = selfSigned(folder, ['-subj', `/O=Test Inspect/CN=${name}`, ...extensions(CA_EXTENSIONS)]);
    return { ...ca, issue: (options = {}) => inFolder((leafFolder) => issue(leafFolder, ca, options)) };
  });
}

/** A certificate that is its own issuer. */
export function createSelfSigned(names = LOCAL_NAMES): KeyPair {
  return inFolder((folder) => selfSigned(folder, ['-subj', '/CN=self', '-addext', `subjectAltName=${names}`]));
}

/** The same key, behind a passphrase. */
export function encryptKey(key: string, passphrase: string): string {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'plain.key'), key);
    openssl(folder, ['ec', '-aes256', '-passout', `pass:${passphrase}`, '-in', 'plain.key', '-out', 'own.key']);
    return readFileSync(join(folder, 'own.key'), 'utf8');
  });
}

export interface TlsOrigin {
  readonly port: number;
  readonly url: URL;
  /** Request lines with the proxy headers that reached it: there must be none. */
  readonly requests: { method: string; url: string; proxyHeaders: string[] }[];
  /** Handshakes that were finished, with the subject of the client's certificate where it sent one. */
  readonly clients: (string | null)[];
  close(): Promise<void>;
}

/** An origin over TLS; answers `hello from the origin` unless told otherwise. */
export async function startTlsOrigin(
  pair: KeyPair,
  options: { tls?: TlsOptions; answer?: RequestListener } = {},
): Promise<TlsOrigin> {
  const requests: TlsOrigin['requests'] = [];
  const clients: (string | null)[] = [];
  const http = createServer((request, response) => {
    const proxyHeaders = request.rawHeaders.filter((_, at) => at % 2 === 0).filter((name) => /^proxy-/i.test(name));
    requests.push({ method: request.method ?? '', url: request.url ?? '', proxyHeaders });
    if (options.answer === undefined) response.end('hello from the origin');
    else options.answer(request, response);
  });
  const sockets = new Set<Socket>();
  const server = createTlsServer({ ...pair, ...options.tls }, (socket) => {
    const subject = socket.getPeerCertificate().subject;
    clients.push(subject === undefined ? null : String(subject.CN));
    http.emit('connection', socket);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: new URL(`https://localhost:${port}/`),
    requests,
    clients,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A pipe to 127.0.0.1, for proxies of tests. */
export function pipeTo(client: Socket, port: number): void {
  const upstream = connectTcp(port, '127.0.0.1');
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.pipe(client);
  client.pipe(upstream);
}

const CA_EXTENSIONS = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function issue(folder: string, ca: KeyPair, options: Parameters<TestCa['issue']>[0]): KeyPair {
  const { names = LOCAL_NAMES, notBefore, notAfter, client = false } = options ?? {};
  const at = (name: string) => join(folder, name);
  writeFileSync(at('ca.pem'), ca.cert);
  writeFileSync(at('ca.key'), ca.key);
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('serial'), '01\n');
  writeFileSync(
    at('ca.conf'),
    `[ca]\ndefault_ca = it\n[it]\ndatabase = ${at('index.txt')}\nserial = ${at('serial')}\nnew_certs_dir = ${folder}\n` +
      `certificate = ${at('ca.pem')}\nprivate_key = ${at('ca.key')}\ndefault_md = sha256\npolicy = any\n` +
      `x509_extensions = leaf\n[any]\ncommonName = supplied\n[leaf]\nsubjectAltName = ${names}\n` +
      `extendedKeyUsage = ${client ? 'clientAuth' : 'serverAuth'}\n`,
  );
  openssl(folder, ['req', '-new', ...EC_KEY, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=leaf']);
  const dates = ['-startdate', notBefore ?? '20200101000000Z', '-enddate', notAfter ?? '20991231235959Z'];
  openssl(folder, ['ca', '-batch', '-config', 'ca.conf', '-in', 'leaf.csr', '-out', 'leaf.pem', '-notext', ...dates]);
  return { cert: readFileSync(at('leaf.pem'), 'utf8'), key: readFileSync(at('leaf.key'), 'utf8') };
}

function selfSigned(folder: string, options: readonly string[]): KeyPair {
  const own = ['req', '-x509', ...EC_KEY, '-keyout', 'own.key', '-out', 'own.pem', '-days', '3650', ...options];
  openssl(folder, own);
  return { cert: readFileSync(join(folder, 'own.pem'), 'utf8'), key: readFileSync(join(folder, 'own.key'), 'utf8') };
}

function extensions(list: readonly string[]): string[] {
  return list.flatMap((extension) => ['-addext', extension]);
}

function openssl(folder: string, options: readonly string[]): void {
  execFileSync('openssl', options, { cwd: folder, stdio: 'pipe' });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ca-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
