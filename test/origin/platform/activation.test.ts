import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { ActivatingHost, openLicense } from '#test/support/activating-host.ts';
import { hello, LinkClient, poll } from '#test/support/link-client.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';

const signer = signerWithKey(generateKeyPairSync('ed25519').privateKey);
const EXPIRES = '2099-01-01T00:00:00Z';
const clients: LinkClient[] = [];
let rig: PlatformRig;
let url = '';

beforeAll(async () => {
  rig = await PlatformRig.start({ platform: { licenseSigner: signer } });
  url = rig.origin.activationUrl ?? '';
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end();
  rig.clearFaults();
});
afterAll(async () => {
  await rig.close();
});

async function newKey(expires = EXPIRES): Promise<{ key: string; id: string }> {
  const [key = ''] = await rig.origin.platform.addKeys({ count: 1, expires, features: ['reports'] });
  return { key, id: rig.origin.platform.keys.at(-1)?.id ?? '' };
}

async function activated(): Promise<{ host: ActivatingHost; key: string; id: string }> {
  const host = new ActivatingHost();
  const made = await newKey();
  expect((await host.request(url, 'activate', { key: made.key })).status).toBe(200);
  return { host, ...made };
}

describe('activation at the platform', () => {
  it('activation: a key becomes a signed license, and a repeated request gets the same one', async () => {
    const host = new ActivatingHost();
    const { key, id } = await newKey();
    expect(key).toMatch(/^(?:[A-Z2-9]{4}-){3}[A-Z2-9]{4}$/);
    const first = await host.request(url, 'activate', { key });
    const license = openLicense(first.body.license, signer.publicKey);
    expect(license).toMatchObject({ format: 1, id, agent: host.agent, expires: EXPIRES, features: ['reports'] });
    expect(Date.parse(license.not_before)).toBeLessThan(Date.now());
    const keyId = createHash('sha256').update(Buffer.from(signer.publicKey, 'base64')).digest('hex');
    expect(first.body.license?.signatures[0]?.keyid).toBe(keyId);
    expect(await host.request(url, 'activate', { key })).toEqual(first);
    expect(await host.request(url, 'renew')).toEqual(first);
  });

  it('activation: a key works for one host until that host is replaced or releases it', async () => {
    const { host, key } = await activated();
    const other = new ActivatingHost();
    expect(await other.request(url, 'activate', { key })).toMatchObject({ status: 409, body: { code: 'key-used' } });
    const wrong = await other.request(url, 'replace', { key, replaces: 'somebody-else' });
    expect(wrong.body.code).toBe('key-used');
    expect((await other.request(url, 'replace', { key, replaces: host.agent })).status).toBe(200);
    expect(await host.request(url, 'renew')).toMatchObject({ status: 403, body: { code: 'revoked' } });
    expect((await other.request(url, 'release')).body).toEqual({ v: 1 });
    expect((await other.request(url, 'release')).body.code).toBe('not-activated');
    expect((await new ActivatingHost().request(url, 'activate', { key })).status).toBe(200);
  });

  it('activation: a host with a lost disk replaces its own identity', async () => {
    const { host, key } = await activated();
    const again = new ActivatingHost(host.agent);
    expect((await again.request(url, 'activate', { key })).body.code).toBe('key-used');
    expect((await again.request(url, 'replace', { key })).status).toBe(200);
    expect((await host.request(url, 'renew')).body.code).toBe('signature');
  });

  it('activation: the key of another host does not take over the name of an activated host', async () => {
    const { host } = await activated();
    const { key } = await newKey();
    const thief = new ActivatingHost(host.agent);
    expect((await thief.request(url, 'activate', { key })).body.code).toBe('signature');
    expect((await thief.request(url, 'replace', { key })).body.code).toBe('signature');
  });

  it('activation: unknown, expired and revoked keys are refused, each with its code', async () => {
    const host = new ActivatingHost();
    const codeOf = async (key: string) => (await host.request(url, 'activate', { key })).body.code;
    expect(await codeOf('AAAA-BBBB-CCCC-DDDD')).toBe('key-unknown');
    expect(await codeOf((await newKey('2020-01-01T00:00:00Z')).key)).toBe('key-expired');
    const { key, id } = await newKey();
    await rig.origin.platform.revokeKey(id);
    expect(await codeOf(key)).toBe('revoked');
    expect((await host.request(url, 'renew')).body.code).toBe('not-activated');
  });

  it('activation: a request that is not signed by its key, or with another clock, is refused', async () => {
    const { key } = await newKey();
    const [host, other] = [new ActivatingHost(), new ActivatingHost()];
    const body = JSON.stringify({
      v: 1,
      type: 'activate',
      key,
      agent: { id: host.agent, version: '1' },
      public_key: host.publicKey,
    });
    const send = async (headers: Record<string, string>) => {
      const all = { 'content-type': 'application/json', ...headers };
      return (await fetch(url, { method: 'POST', headers: all, body })).json();
    };
    expect(await send({})).toMatchObject({ v: 1, code: 'signature' });
    expect(await send(other.sign('POST', url, body))).toMatchObject({ code: 'signature' });
    host.clockOffsetMs = -301_000;
    expect(await send(host.sign('POST', url, body))).toMatchObject({
      code: 'clock',
      server_time: expect.stringMatching(/^20/),
    });
    rig.setFaults({ clockOffsetMs: -301_000 });
    expect(await send(host.sign('POST', url, body))).toMatchObject({ v: 1, license: {} });
  });

  it('activation: faults answer with each code', async () => {
    const host = new ActivatingHost();
    for (const code of ['key-unknown', 'key-used', 'key-expired', 'revoked', 'not-activated', 'clock', 'signature']) {
      rig.setFaults({ activation: code });
      expect((await host.request(url, 'renew')).body.code).toBe(code);
    }
  });

  it('activation: no key is stored, and a restart keeps hosts, keys and replaced hosts', async () => {
    const { host, key } = await activated();
    const other = new ActivatingHost();
    await other.request(url, 'replace', { key });
    await rig.restart();
    expect((await other.request(url, 'renew')).status).toBe(200);
    expect((await host.request(url, 'renew')).body.code).toBe('revoked');
    const stored = readFileSync(`${rig.dir}/received/platform/licenses.jsonl`, 'utf8');
    expect(stored).not.toContain(key);
    expect(stored).not.toContain(key.replaceAll('-', ''));
  });
});

describe('link of activated hosts', () => {
  async function link(host: ActivatingHost, isSigned: boolean): Promise<LinkClient> {
    const headers = isSigned ? host.sign('GET', rig.url) : {};
    const client = await LinkClient.open(rig.webSocketUrl, headers);
    clients.push(client);
    client.send(hello(host.agent));
    return client;
  }

  it('activated link: a signed handshake is welcomed, an unsigned one is closed', async () => {
    const { host } = await activated();
    const client = await link(host, true);
    await expect.poll(() => client.of('welcome')).toMatchObject([{ activation: 'activated' }]);
    expect(await (await link(host, false)).closed).toBe(1008);
    await expect(LinkClient.open(rig.webSocketUrl, { 'sallyport-agent': host.agent })).rejects.toThrow('401');
  });

  it('activated link: a signed poll is answered, an unsigned one is refused', async () => {
    const { host } = await activated();
    const body = JSON.stringify({ v: 1, wait_seconds: 0, messages: [hello(host.agent)] });
    const headers = { 'content-type': 'application/json', ...host.sign('POST', rig.url, body) };
    const response = await fetch(rig.url, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject({ messages: [{ type: 'welcome', activation: 'activated' }] });
    expect((await poll(rig.url, host.agent, [hello(host.agent)])).status).toBe(401);
    expect((await poll(rig.url, '', [hello(host.agent)])).status).toBe(401);
  });

  it('activated link: a receipt or an upload with a wrong signature is refused', async () => {
    const { host } = await activated();
    const key = randomUUID();
    const receipt = {
      key,
      id: 'u1',
      sha256: 'a'.repeat(64),
      length: 22,
      elapsed_ms: 5,
      outcome: 'published',
      agent: host.agent,
    };
    const body = JSON.stringify(receipt);
    const { acknowledgeUrl, analyticsUrl } = rig.origin;
    const post = async (url: string, headers: Record<string, string>) => {
      const all = { 'content-type': 'application/json', 'idempotency-key': key, ...headers };
      return (await fetch(url, { method: 'POST', headers: all, body })).status;
    };
    expect(await post(acknowledgeUrl, host.sign('POST', acknowledgeUrl, `${body} `))).toBe(401);
    expect(await post(acknowledgeUrl, host.sign('POST', acknowledgeUrl, body))).toBe(201);
    expect(await post(acknowledgeUrl, {})).toBe(200);
    expect(await post(analyticsUrl, host.sign('GET', analyticsUrl, body))).toBe(401);
    expect(await post(analyticsUrl, host.sign('POST', analyticsUrl, body))).toBe(415);
  });

  it('activated link: revoking or extending a key is announced to its host', async () => {
    const { host, id } = await activated();
    const client = await link(host, true);
    await expect.poll(() => client.of('welcome').length).toBe(1);
    await rig.origin.platform.extendKey(id, '2098-01-01T00:00:00Z');
    await expect.poll(() => client.of('command').map(({ command }) => command)).toEqual(['activation-changed']);
    const renewed = await host.request(url, 'renew');
    expect(openLicense(renewed.body.license, signer.publicKey).expires).toBe('2098-01-01T00:00:00Z');
    await rig.origin.platform.revokeKey(id);
    await expect.poll(() => client.of('command').length).toBe(2);
    const again = await link(host, true);
    await expect.poll(() => again.of('welcome')).toMatchObject([{ activation: 'revoked' }]);
  });
});
