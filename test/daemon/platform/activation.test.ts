// Activation of a composed host against the reference server, whose verifier of signatures is written apart from ours.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signLicense } from '#origin/platform/licenses/license.ts';
import { readOfflineRequest } from '#origin/platform/licenses/offline-request.ts';
import { isSignedBy, readSignature } from '#origin/platform/signatures/http-signature.ts';
import { readPublicKey } from '#origin/platform/signatures/request-signatures.ts';
import { ActivationRig, activatingHost, everythingIn } from '#test/support/activation-rig.ts';
import { honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { acceptReceipt, deliverReceipts } from '#updates/receipts/acknowledge.ts';

const NEVER = new AbortController().signal;
let rig: ActivationRig;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  rig = await ActivationRig.start();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rig.platform.clearFaults();
});
afterAll(async () => {
  await rig.close();
});

async function host(...given: Parameters<typeof activatingHost>) {
  const made = await activatingHost(...given);
  closing.push(() => made.remove());
  return made;
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-activated-'));
  closing.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const withoutHyphens = (key: string) => key.replaceAll('-', '');

describe('activation of a host', () => {
  it('activation: a key makes a host activated, also after a restart, and is on no disk', async () => {
    const dir = await folder();
    const one = await activatingHost(rig.direct(), { dir });
    const key = await rig.key();
    expect((await one.verbs.show()).state).toBe('unactivated');
    const result = await one.verbs.activate(key.toLowerCase());
    expect(result.failure).toBeNull();
    expect(result.activation).toMatchObject({ state: 'activated', license: { features: ['reports'] } });
    expect(result.outcome).toMatchObject({ kind: 'connected', address: '127.0.0.1' });
    await one.remove();
    const again = await host(rig.direct(), { dir });
    expect((await again.verbs.show()).state).toBe('activated');
    const written = `${await everythingIn(dir)}${JSON.stringify(one.events)}`;
    for (const text of [key, key.toLowerCase(), withoutHyphens(key)]) {
      for (const form of [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64')]) {
        expect(written).not.toContain(form);
      }
    }
  });

  it('activation: its connection ends with the command, so that the process can end', async () => {
    const one = await activatingHost(rig.direct());
    await one.verbs.activate(await rig.key());
    const { session } = one.parts.ports;
    expect(session.unused).toBe(1);
    await one.remove();
    expect(session.unused).toBe(0);
  });

  it('activation: a text that is not a key is not masked afterwards, and a key is in each form', async () => {
    const one = await host(rig.direct());
    const { known } = one.parts;
    await expect(one.verbs.activate('connected')).rejects.toMatchObject({ code: 'LICENSE-KEY' });
    expect(known.redact('connected')).toBe('connected');
    const key = await rig.key();
    await one.verbs.activate(key.toLowerCase());
    for (const form of [key, key.toLowerCase(), withoutHyphens(key)]) expect(known.redact(form)).toBe('***');
  });

  it('activation: a refusal names the proxy and says that it is not the problem', async () => {
    const key = await rig.key();
    expect((await (await host(rig.direct())).verbs.activate(key)).failure).toBeNull();
    const proxy = await startFaultProxy(honest(rig.tls.port));
    closing.push(() => proxy.close());
    const other = await host(rig.through({ port: proxy.port }));
    const { failure, outcome, activation } = await other.verbs.activate(key);
    expect(failure?.message).toBe(
      'Activation reached the server through proxy corp. The server answered: key already used. The proxy is not the problem.',
    );
    expect(outcome).toEqual({ kind: 'user-login' });
    expect(activation.state).toBe('unactivated');
  });

  it('activation: a rejected password of the proxy is LICENSE-PROXY, and the outcome is an error', async () => {
    const proxy = await startLoginProxy('basic', { user: 'alice', password: 'right', domain: '' }, rig.tls.port);
    closing.push(() => proxy.close());
    const sections = rig.through({
      port: proxy.port,
      authentication: 'basic',
      user: 'alice',
      password: 'wrong',
      allow_cleartext: true,
    });
    const one = await host(sections);
    const { failure, cause, outcome } = await one.verbs.activate(await rig.key());
    expect(failure).toMatchObject({ code: 'LICENSE-PROXY', hop: `proxy corp (127.0.0.1:${proxy.port})` });
    expect(failure?.message).toMatch(/^Activation did not reach the server: \[AUTH-REJECTED\]/);
    expect(cause?.code).toBe('AUTH-REJECTED');
    expect(outcome).toMatchObject({ kind: 'configuration-error', code: 'AUTH-REJECTED' });
  });

  it('activation: the key goes to a proxy that decrypts TLS only if tokens may', async () => {
    const proxy = await startFaultProxy(honest(rig.tls.port));
    closing.push(() => proxy.close());
    const key = await rig.key();
    const one = await host(rig.decrypted({ port: proxy.port }, false));
    const { failure, cause, outcome } = await one.verbs.activate(key);
    expect(failure).toMatchObject({ code: 'LICENSE-PROXY' });
    expect(failure?.message).toMatch(/^Activation did not reach the server: \[TLS-INTERCEPTED\].*No request was sent/);
    expect(failure?.check).toContain('updates.send_tokens_when_intercepted: true');
    expect(cause?.code).toBe('TLS-INTERCEPTED');
    expect(outcome).toMatchObject({ kind: 'configuration-error', code: 'TLS-INTERCEPTED' });
    // The server would refuse a key that another host has used.
    const other = await host(rig.decrypted({ port: proxy.port }, true));
    expect((await other.verbs.activate(key)).failure).toBeNull();
  });

  it('activation: a clock that is off is LICENSE-CLOCK with by how much', async () => {
    rig.platform.setFaults({ clockOffsetMs: 7_200_000 });
    const { failure } = await (await host(rig.direct())).verbs.activate(await rig.key());
    expect(failure?.code).toBe('LICENSE-CLOCK');
    expect(failure?.message).toMatch(/^The clock of this host is 2 h behind the clock of the activation server/);
  });

  it.each(['key-unknown', 'key-used', 'key-expired', 'revoked', 'signature'])(
    'activation: the answer %s changes no state',
    async (activation) => {
      rig.platform.setFaults({ activation });
      const result = await (await host(rig.direct())).verbs.activate(await rig.key());
      expect(result).toMatchObject({ failure: { code: 'LICENSE' }, activation: { state: 'unactivated' } });
    },
  );

  it('activation: without license keys no key is sent', async () => {
    const { activation: _none, ...sections } = rig.direct();
    const one = await host(sections);
    const key = await rig.key();
    expect((await one.verbs.activate(key)).failure?.code).toBe('LICENSE-UNVERIFIABLE');
    expect((await (await host(rig.direct())).verbs.activate(key)).failure).toBeNull();
  });

  it('activation: a revoked host says so and continues to send receipts, which stay signed', async () => {
    const receipts = await recordingServer();
    const sections = rig.direct();
    const one = await host({ ...sections, updates: { ...sections['updates'], acknowledge_url: receipts.url } });
    const send = async (id: string) => {
      await acceptReceipt(one.parts.ports, {
        item: { id, sha256: 'a'.repeat(64), length: 1 },
        outcome: 'published',
        elapsedMs: 1,
      });
      await deliverReceipts(one.parts.ports, NEVER);
    };
    await send('before');
    expect(receipts.requests.at(-1)?.headers['signature']).toBeUndefined();
    const { activation } = await one.verbs.activate(await rig.key());
    await send('activated');
    expect(isValid(receipts, activation.identity?.public_key ?? '')).toBe(true);
    await rig.platform.origin.platform.revokeKey(activation.license?.id ?? '');
    await expect(one.parts.activation.renew(NEVER)).rejects.toMatchObject({ code: 'LICENSE' });
    expect((await one.verbs.show()).state).toBe('revoked');
    await send('revoked');
    expect(receipts.requests).toHaveLength(3);
    expect(isValid(receipts, activation.identity?.public_key ?? '')).toBe(true);
  });

  it('activation: signatures go only to the origins of the settings', async () => {
    const one = await host(rig.direct());
    await one.verbs.activate(await rig.key());
    const signs = (purpose: 'updates' | 'support_logs', method: string, url: string) =>
      one.parts.activation.signerFor(purpose, { method, url: new URL(url) }) !== null;
    const { feedUrl } = rig.platform.origin;
    expect(signs('updates', 'POST', feedUrl)).toBe(true);
    expect(signs('updates', 'GET', feedUrl)).toBe(false);
    expect(signs('updates', 'POST', 'https://elsewhere.example.com/')).toBe(false);
    expect(signs('support_logs', 'POST', feedUrl)).toBe(false);
  });

  it('activation: release makes the key usable for another host', async () => {
    const one = await host(rig.direct());
    const key = await rig.key();
    await one.verbs.activate(key);
    const released = await one.verbs.release();
    expect(released).toMatchObject({ failure: null, activation: { state: 'unactivated', license: null } });
    expect((await (await host(rig.direct())).verbs.activate(key)).failure).toBeNull();
    expect((await one.verbs.release()).failure?.code).toBe('LICENSE-NONE');
  });

  it('activation: a lost disk is replaced, and the old identity is revoked', async () => {
    const old = await host(rig.direct());
    const key = await rig.key();
    await old.verbs.activate(key);
    const fresh = await host(rig.direct());
    expect((await fresh.verbs.activate(key)).failure?.message).toContain('key already used');
    expect((await fresh.verbs.activate(key, true)).failure).toBeNull();
    await expect(old.parts.activation.renew(NEVER)).rejects.toMatchObject({ code: 'LICENSE' });
    expect((await old.verbs.show()).state).toBe('revoked');
  });

  it('activation: a host without a connection is activated by files alone', async () => {
    const one = await host({ ...rig.direct(), updates: {} });
    const request = readOfflineRequest(await one.verbs.request());
    const agent = one.parts.ports.agent.id;
    expect(request).toMatchObject({ agent });
    const license = await signLicense(
      {
        format: 1,
        id: 'L-offline',
        agent,
        not_before: '2020-01-01T00:00:00Z',
        expires: '2099-01-01T00:00:00Z',
        features: [],
      },
      rig.signer,
    );
    const result = await one.verbs.install(JSON.stringify(license));
    expect(result).toMatchObject({ failure: null, activation: { state: 'activated', license: { id: 'L-offline' } } });
    const copy = await host({ ...rig.direct(), updates: {} });
    expect((await copy.verbs.install(JSON.stringify(license))).failure?.message).toMatch(/it is for agent/);
  });

  it('identity: a copy on another machine gets another agent ID, and is not activated', async () => {
    const dir = await folder();
    const one = await activatingHost(rig.direct(), { dir });
    await one.verbs.activate(await rig.key());
    const before = one.parts.ports.agent.id;
    await one.remove();
    const path = join(dir, 'state', 'identity.json');
    const stored = JSON.parse(await readFile(path, 'utf8')) as { machine: object | null };
    // As if this host had another machine ID than the one that made it.
    stored.machine = { salt: '00'.repeat(16), digest: '0'.repeat(64) };
    await writeFile(path, JSON.stringify(stored));
    await mkdir(join(dir, 'state', 'inbox'), { mode: 0o700 });
    const files = ['platform-inbox.json', 'platform-requests.json', 'platform-advice.json'];
    for (const name of files) await writeFile(join(dir, 'state', name), '{}');
    const copy = await activatingHost(rig.direct(), { dir });
    closing.push(() => copy.remove());
    expect(copy.parts.ports.agent.id).not.toBe(before);
    expect((await copy.verbs.show()).state).toBe('unactivated');
    expect(await readFile(join(dir, 'state', 'agent.json'), 'utf8')).toContain(copy.parts.ports.agent.id);
    const names = (await readdir(join(dir, 'state'))).filter((name) => /^(?:inbox|platform-)/.test(name));
    expect(names.toSorted()).toEqual(['inbox', ...files].map((name) => `${name}.cloned`).toSorted());
  });

  it('identity: a reset gives a new agent ID at once, and the host is no longer activated', async () => {
    const dir = await folder();
    const one = await activatingHost(rig.direct(), { dir });
    await one.verbs.activate(await rig.key());
    const before = one.parts.ports.agent.id;
    const { agent } = await one.verbs.reset();
    expect(agent).not.toBe(before);
    expect(one.parts.ports.agent.id).toBe(agent);
    expect((await one.verbs.show()).state).toBe('unactivated');
    await one.remove();
    const again = await host(rig.direct(), { dir });
    expect(again.parts.ports.agent.id).toBe(agent);
  });

  it('activation: a host without license keys makes no file of it', async () => {
    const { activation: _none, ...sections } = rig.direct();
    const one = await host(sections);
    expect(await one.verbs.show()).toMatchObject({ used: false, identity: null });
    expect(await everythingIn(one.dir)).not.toContain('public_key');
  });
});

/** Records the requests that it receives. */
async function recordingServer() {
  const requests: { method: string; headers: IncomingHttpHeaders; url: URL }[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { method = '', headers } = request;
      requests.push({ method, headers, url: new URL(request.url ?? '/', `http://${headers.host}`) });
      response.end('{}');
    });
  });
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return { requests, url: `http://127.0.0.1:${port}/receipts` };
}

/** Whether the last request has a signature of this key, by the verifier of the reference server. */
function isValid({ requests }: Awaited<ReturnType<typeof recordingServer>>, publicKey: string): boolean {
  const last = requests.at(-1);
  const signature = readSignature(last?.headers ?? {}, 'sallyport');
  const key = readPublicKey(publicKey);
  if (last === undefined || key === null || signature === 'none' || 'problem' in signature) return false;
  return signature.covered.includes('content-digest') && isSignedBy(key, signature, last);
}
