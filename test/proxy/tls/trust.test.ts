import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { type ClientIdentity, TrustContexts } from '#proxy/tls/trust.ts';
import { Secret } from '#redaction/secret.ts';
import { createCa, encryptKey } from '#test/support/certificates.ts';
import { get, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const ORIGIN = 'https://updates.example.com';
const ca = createCa();
const own = ca.issue({ client: true });

function pem(text: string) {
  return { key: 'updates.ca_file', path: '/etc/ca.pem', pem: text };
}

function identity(some: { cert?: string; key?: string; passphrase?: Secret; origins?: string[] } = {}): ClientIdentity {
  const key = 'updates.client_certificate';
  return {
    certificate: { key: `${key}.certificate_file`, path: '/own.pem', pem: some.cert ?? own.cert },
    privateKey: { key: `${key}.key_file`, path: '/own.key', pem: new Secret(some.key ?? own.key) },
    passphrase: some.passphrase,
    origins: some.origins ?? [ORIGIN],
  };
}

describe('trust', () => {
  it('describes which authorities it accepts', () => {
    expect(new TrustContexts({}).expected).toBe('a public CA built into the program');
    expect(new TrustContexts({ ca: pem(ca.cert) }).expected).toBe('a CA in updates.ca_file');
  });

  it('is created once and reused', () => {
    const contexts = new TrustContexts({});
    expect(contexts.contextFor(ORIGIN)).toBe(contexts.contextFor('https://other.example'));
  });

  it.each([
    ['is empty', ''],
    ['is a page', '<html></html>'],
    ['holds a key', own.key],
    ['is cut', ca.cert.slice(0, 200)],
    ['is damaged', ca.cert.replace(/[A-Za-z0-9+/]{20}\n/, 'AAAAAAAAAAAAAAAAAAAA\n')],
    ['is damaged behind a good one', `${ca.cert}${ca.cert.replace(/MII/, 'AAA')}`],
  ])('does not fall back to the bundled roots if the file %s', (_what, text) => {
    expect(() => new TrustContexts({ ca: pem(text) }).contextFor(ORIGIN)).toThrow(
      expect.objectContaining({ code: 'TLS-FILE', facts: expect.objectContaining({ path: '/etc/ca.pem' }) }),
    );
  });

  it.each([
    [{ cert: 'no' }, '/own.pem'],
    [{ key: 'no' }, '/own.key'],
    [{ key: createCa().key }, '/own.key'],
  ])('names the file of an unusable client certificate: %j', (some, path) => {
    expect(() => new TrustContexts({ client: identity(some) }).contextFor(ORIGIN)).toThrow(
      expect.objectContaining({ code: 'TLS-FILE', facts: expect.objectContaining({ path }) }),
    );
  });

  it('opens a key with its passphrase, and only with that', () => {
    const key = encryptKey(own.key, 'secret');
    const contextWith = (passphrase: string) =>
      new TrustContexts({ client: identity({ key, passphrase: new Secret(passphrase) }) }).contextFor(ORIGIN);

    expect(() => contextWith('secret')).not.toThrow();
    expect(() => contextWith('wrong')).toThrow(expect.objectContaining({ code: 'TLS-FILE' }));
  });
});

it('TLS trust: NODE_EXTRA_CA_CERTS and the store of the machine add no roots', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, ca.cert);
  const origin = await startTlsOrigin(ca.issue());
  try {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: file, SSL_CERT_FILE: file };
    const options = ['--use-system-ca', '--input-type=module', '--eval', outsider(origin.port)];
    const { stdout } = await promisify(execFile)(process.execPath, options, { env });
    // The default of Node in the same process accepts it, so the test can distinguish them.
    expect(stdout).toBe('node: authorized, we: TLS-UNTRUSTED');
  } finally {
    await origin.close();
    rmSync(folder, { recursive: true });
  }
});

function outsider(port: number): string {
  return `
    import { once } from 'node:events';
    import { connect } from 'node:net';
    import { connect as connectTls } from 'node:tls';
    import { startTls } from '#proxy/tls/tls.ts';
    import { TrustContexts } from '#proxy/tls/trust.ts';
    import { systemClock as clock } from '#system/clock.ts';
    const theirs = connectTls({ port: ${port}, host: '127.0.0.1', servername: 'localhost' });
    await once(theirs, 'secureConnect');
    process.stdout.write('node: ' + (theirs.authorized ? 'authorized' : 'not authorized'));
    theirs.destroy();
    const socket = connect(${port}, '127.0.0.1');
    await once(socket, 'connect');
    const contexts = new TrustContexts({});
    const context = contexts.contextFor('https://localhost');
    const options = { context, expected: contexts.expected, clock, timeoutMs: 10_000, signal: new AbortController().signal };
    const peer = { leg: 'target', host: 'localhost', port: ${port}, proxy: null, hop: 'x' };
    const verdict = await startTls(socket, peer, options).catch((error) => error);
    process.stdout.write(', we: ' + verdict.code);
  `;
}

describe('the client certificate', () => {
  let origin: TlsOrigin | undefined;
  afterEach(() => origin?.close());

  it('is sent to its own origins and to no other', async () => {
    const tls = { requestCert: true, rejectUnauthorized: false as boolean, ca: ca.cert };
    origin = await startTlsOrigin(ca.issue(), { tls });
    const router = testRouter({
      trust: { ca: pem(ca.cert), client: identity({ origins: [origin.url.origin] }) },
      credentialGuard: new CredentialGuard(),
    });
    for (const host of ['localhost', '127.0.0.1']) {
      const url = new URL(`https://${host}:${origin.port}/`);
      const connection = await router.route('updates', url).open({ bulk: false, signal: new AbortController().signal });
      expect((await get(connection, url)).status).toBe(200);
    }
    expect(origin.clients).toEqual(['leaf', null]);
  });
});
