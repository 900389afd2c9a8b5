import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { AgentRecord } from '#origin/platform/link/fleet.ts';
import { ActivatingHost, openLicense } from '#test/support/activating-host.ts';
import { hello, poll, result } from '#test/support/link-client.ts';
import { type RanHere, runHere } from '#test/support/run-here.ts';

let dir = '';
const stop = new AbortController();
let served: Promise<RanHere>;
let shown = '';
const at = (name: string) => join(dir, name);
const KEYS = () => ['--keys', at('keys')];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-vendor-'));
  await writeFile(at('passphrase'), 'correct horse battery\n', { mode: 0o600 });
  await run('feed', 'keys', 'make', 'licenses', '--passphrase-file', at('passphrase'), ...KEYS());
  expect((await runHere(['fleet', 'list', at('served')])).code).toBe(64);
  await run('feed', 'build', dir);
  const signs = ['--license-key', 'licenses', '--passphrase-file', at('passphrase'), ...KEYS()];
  served = runHere(['serve', dir, '--port', '0', ...signs], {
    signal: stop.signal,
    atTerminal: {
      enter: new Promise(() => undefined),
      shown: (text) => {
        shown = text;
      },
    },
  });
  await vi.waitFor(() => expect(shown).toContain('Ctrl-C'), { timeout: 10_000 });
});

afterAll(async () => {
  stop.abort();
  await served;
  await rm(dir, { recursive: true, force: true });
});

async function run(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runHere(args);
  expect({ args, code, err }).toEqual({ args, code: 0, err: expect.not.stringContaining('[') });
  return out;
}

const urlOf = (key: string) => new RegExp(`${key.replaceAll('.', '\\.')}: (\\S+)`).exec(shown)?.[1] ?? '';
const jsonOf = async <Value>(...args: readonly string[]) => JSON.parse(await run(...args, '--json')) as Value;

it('vendor commands: a push and its result are visible, and unknown agents are refused', async () => {
  const url = urlOf('platform.url');
  expect(await run('fleet', 'list', dir)).toBe('No agent has connected yet.\n');
  expect((await runHere(['fleet', 'push', dir, 'all', 'update-available'])).code).toBe(64);
  await poll(url, 'v1', [hello('v1')]);
  expect(await runHere(['fleet', 'push', dir, 'v2', 'update-available'])).toMatchObject({
    code: 64,
    err: 'No agent v2 has connected; see sallyport fleet list.\n',
  });
  expect(await run('fleet', 'push', dir, 'all', 'send-logs', '--case', 'C-9')).toMatch(
    /^Requested send-logs for 1 agent: \S+\.\n$/,
  );
  const { messages } = await poll(url, 'v1', [], 10);
  expect(messages).toMatchObject([{ command: 'send-logs', case: 'C-9' }]);
  await poll(url, 'v1', [result(messages[0]?.id ?? '', 'refused')]);
  expect(await run('fleet', 'show', dir, 'v1')).toMatch(/send-logs +\S+ +\S+ +refused/);
  expect(await run('fleet', 'list', dir)).toMatch(/v1 +1\.0\.0 +unactivated +over polling since \S+ +0\n/);
  expect(await jsonOf<AgentRecord[]>('fleet', 'list', dir)).toMatchObject([{ id: 'v1', seq: 1 }]);
});

it('vendor commands: advice needs a sender and a text, and commands need a known name', async () => {
  expect((await runHere(['fleet', 'push', dir, 'all', 'advice', '--text', 'x'])).err).toContain('--from');
  expect((await runHere(['fleet', 'push', dir, 'all', 'reboot'])).err).toContain('update-available, send-logs');
});

it('vendor commands: a new key activates a host, is listed, extended and revoked', async () => {
  const url = urlOf('activation.url');
  const key = (await run('license', 'add', dir, '--expires', '2099-01-01')).trim();
  const list = () => jsonOf<{ id: string; expires: string; isRevoked: boolean }[]>('license', 'list', dir);
  await expect.poll(async () => (await list()).length, { timeout: 3_000 }).toBe(1);
  expect(await run('license', 'list', dir)).toMatch(/L-\S+ +2099-01-01T00:00:00Z +free\n/);
  const host = new ActivatingHost();
  const { body } = await host.request(url, 'activate', { key });
  const publicKey = (await run('license', 'key', 'licenses', ...KEYS())).trim();
  expect(shown).toContain(`activation.license_keys: [${publicKey}]`);
  const { id } = openLicense(body.license, publicKey);
  expect(await run('license', 'list', dir)).toContain(`in use  ${host.agent} since`);
  await run('license', 'extend', dir, id, '--expires', '2098-01-01');
  await expect.poll(async () => (await list())[0]?.expires, { timeout: 3_000 }).toBe('2098-01-01T00:00:00Z');
  await run('license', 'revoke', dir, id);
  await expect.poll(async () => (await list())[0]?.isRevoked, { timeout: 3_000 }).toBe(true);
  expect((await host.request(url, 'renew')).body.code).toBe('revoked');
  expect((await runHere(['license', 'revoke', dir, 'L-none'])).code).toBe(64);
});

it('vendor commands: a request file becomes a license file, and a forged one is refused', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const agent = { id: '0b3f1d4e-0000-4000-8000-000000000001', version: '1.0.0' };
  const { x: key = '' } = publicKey.export({ format: 'jwk' });
  const created = '2026-11-30T00:00:00.000Z';
  const lines = ['sallyport offline-request 1', agent.id, agent.version, key, created].join('\n');
  const signature = sign(
    null,
    Buffer.from(lines),
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  );
  const request = {
    v: 1,
    type: 'offline-request',
    agent,
    public_key: key,
    created,
    signature: signature.toString('base64'),
  };
  await writeFile(at('request.json'), JSON.stringify(request));
  const signs = ['--key', 'licenses', '--expires', '2099-01-01', '--passphrase-file', at('passphrase'), ...KEYS()];
  await run('license', 'sign', at('request.json'), ...signs, '--output', at('license.json'));
  const licenseKey = (await run('license', 'key', 'licenses', ...KEYS())).trim();
  const license = openLicense(JSON.parse(await readFile(at('license.json'), 'utf8')), licenseKey);
  expect(license).toMatchObject({ agent: agent.id, expires: '2099-01-01T00:00:00Z', features: [] });

  const site = JSON.parse(await run('license', 'sign', '--site', 'berlin-1', ...signs));
  expect(openLicense(site, licenseKey)).toMatchObject({ site: 'berlin-1' });
  expect(openLicense(site, licenseKey)).not.toHaveProperty('agent');

  await writeFile(at('forged.json'), JSON.stringify({ ...request, agent: { ...agent, id: 'another' } }));
  const forged = await runHere(['license', 'sign', at('forged.json'), ...signs]);
  expect(forged).toMatchObject({
    code: 64,
    err: expect.stringMatching(/its\s+signature\s+is\s+not\s+that\s+of\s+the\s+key\s+in\s+it/),
  });
});
