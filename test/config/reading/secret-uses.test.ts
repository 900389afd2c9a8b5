// A configuration from the group may use a stored secret only as before, so that it cannot send the secret elsewhere.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedSettings } from '#config/reading/load.ts';
import { movedUses } from '#config/reading/secret-uses.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

const CORP = {
  name: 'corp',
  address: 'proxy.example.com',
  port: 3128,
  authentication: 'basic',
  user: 'svc',
  password: { file: 'password' },
  default: true,
};
const UPDATES = {
  feed_url: 'https://updates.example.com/feed.json',
  bearer_token: { env: 'TOKEN' },
  headers: { 'X-Api-Key': { file: 'key' } },
};
const environment = { TOKEN: 'token-of-the-service', OTHER: 'other-of-the-service' };

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
  for (const name of ['password', 'key', 'other']) await folder.write(name, `secret-${name}\n`);
});
afterEach(() => folder.remove());

type Sections = Readonly<Record<string, unknown>>;

const textOf = (sections: Sections) => JSON.stringify({ version: 2, ...sections });
const IN_FORCE: Sections = { proxies: [CORP], updates: UPDATES };

/** `taken`, or the failure code and the key. */
async function tried(sections: Sections, inForce: Sections = IN_FORCE): Promise<string> {
  const { secretUses } = await folder.accept(textOf(inForce), { environment });
  const result = await folder.load(textOf(sections), { environment, usesAllowed: secretUses });
  return result.ok ? 'taken' : `${result.error.code} ${String(result.error.facts['key'] ?? '')}`.trim();
}

const corp = (over: object) => ({ ...IN_FORCE, proxies: [{ ...CORP, ...over }] });
const updates = (over: object) => ({ ...IN_FORCE, updates: { ...UPDATES, ...over } });
const PASSWORD = 'SECRET-NOT-IN-FORCE proxies.corp.password';
const TOKEN = 'SECRET-NOT-IN-FORCE updates.bearer_token';

const SUPPORT: Sections = {
  ...IN_FORCE,
  support_logs: { url: 'https://support.example.com/', bearer_token: { env: 'OTHER' } },
};
const support = (over: object) => ({ ...SUPPORT, support_logs: { ...(SUPPORT['support_logs'] as object), ...over } });

describe('a change by the group', () => {
  it.each([
    ['the same settings', SUPPORT, 'taken'],
    ['other settings for updates', { ...SUPPORT, updates: { channel: 'beta' } }, 'taken'],
    ['another origin', support({ url: 'https://x.example.com/' }), 'support_logs.bearer_token'],
    ['another CA', support({ ca_file: 'other' }), 'support_logs.bearer_token'],
    ['the token of another purpose', support({ bearer_token: { env: 'TOKEN' } }), 'support_logs.bearer_token'],
    ['a token in the text', support({ url: 'https://x.example.com/', bearer_token: 'in-the-text' }), 'taken'],
  ])('keeps the token of each purpose at its origin: %s', async (_what, sections, verdict) => {
    expect(await tried(sections, SUPPORT)).toBe(verdict === 'taken' ? verdict : `SECRET-NOT-IN-FORCE ${verdict}`);
  });

  it.each([
    ['the same settings', IN_FORCE],
    ['a change that no secret depends on', { ...IN_FORCE, retry: { attempts: 3 } }],
    ['another path of the same origin', updates({ feed_url: 'https://updates.example.com/beta.json' })],
    ['another proxy with a password in the text', corp({ address: 'other.example.com', password: 'typed one' })],
    [
      'another origin with secrets in the text',
      updates({ feed_url: 'https://x.example.com/', bearer_token: 'abcd', headers: {} }),
    ],
    ['no proxy', { updates: UPDATES }],
    [
      'another proxy first, which needs no secret',
      { ...IN_FORCE, proxies: [{ name: 'new', address: 'b.example.com' }, CORP] },
    ],
  ])('may use active secrets: %s', async (_what, sections) => {
    expect(await tried(sections)).toBe('taken');
  });

  it.each([
    ['the address', { address: 'evil.example.com' }],
    ['the port', { port: 9 }],
    ['the scheme', { scheme: 'https' }],
    ['the authentication method', { authentication: 'digest' }],
    ['the name', { name: 'other' }],
    ['the file of the password', { password: { file: 'other' } }],
    ['the kind of the source', { password: { env: 'OTHER' } }],
    ['the CA of its TLS', { ca_file: 'other' }],
  ])('cannot send a stored password after changing %s of a proxy', async (_what, over) => {
    expect(await tried(corp(over))).toBe(PASSWORD.replace('corp', 'name' in over ? 'other' : 'corp'));
  });

  it.each([
    ['the origin', { feed_url: 'https://evil.example.com/feed.json' }, TOKEN],
    ['the scheme', { feed_url: 'http://updates.example.com/feed.json' }, TOKEN],
    ['the CA of the origin', { ca_file: 'other' }, TOKEN],
    ['the source of a token', { bearer_token: { file: 'other' } }, TOKEN],
    ['a header', { headers: { 'X-Other': { file: 'key' } } }, 'SECRET-NOT-IN-FORCE updates.headers.X-Other'],
    ['the feed, which is removed', { feed_url: undefined }, TOKEN],
  ])('cannot send stored tokens after changing %s', async (_what, over, refused) => {
    const without = 'headers' in over ? {} : { headers: {} };
    expect(await tried(updates({ ...without, ...over }))).toBe(refused);
  });

  it('cannot send a stored token in plain text through another proxy', async () => {
    const plain = { ...UPDATES, feed_url: 'http://updates.example.com/feed.json', headers: {} };
    const inForce = { updates: plain };
    expect(await tried({ updates: plain }, inForce)).toBe('taken');
    const evil = { name: 'evil', address: 'evil.example.com', default: true };
    expect(await tried({ updates: plain, proxies: [evil] }, inForce)).toBe(TOKEN);
  });

  it('cannot name a private key or a PAC file that is not active', async () => {
    const client_certificate = { certificate_file: 'other', key_file: 'key' };
    expect(await tried(updates({ client_certificate, bearer_token: undefined, headers: {} }))).toBe(
      'SECRET-NOT-IN-FORCE updates.client_certificate.key_file',
    );
    const pac = { name: 'pac', scheme: 'pac', pac: { file: 'other' } };
    expect(await tried({ proxies: [pac] })).toBe('SECRET-NOT-IN-FORCE proxies.pac.pac.file');
  });

  it("cannot send the service's ticket to another proxy, even with auto", async () => {
    const negotiate = { authentication: 'negotiate', user: undefined, password: undefined };
    const ticket = 'SECRET-NOT-IN-FORCE proxies.corp.authentication';
    expect(await tried(corp(negotiate))).toBe(ticket);
    expect(await tried(corp(negotiate), corp(negotiate))).toBe('taken');
    expect(await tried(corp({ authentication: 'auto', password: 'typed one' }))).toBe('taken');
  });

  it('cannot make auto send a ticket: a typed password allows auto only without Kerberos', async () => {
    const before = await folder.accept(textOf(IN_FORCE), { environment });
    const after = await folder.accept(textOf(corp({ authentication: 'auto', address: 'other.example.com' })), {
      environment,
    });
    const given = new Set(['proxies[0].password']);
    const moved = (hasKerberos: boolean) =>
      movedUses(before.secretUses, after.secretUses, { given, hasKerberos }).map(({ key }) => key);

    expect(moved(false)).toEqual([]);
    expect(moved(true)).toEqual(['proxies.corp.authentication']);
  });

  it('cannot reveal files: not their content, type or existence', async () => {
    for (const file of ['other', '/etc/shadow', '/nowhere', '.']) {
      expect(await tried(corp({ password: { file } })), file).toBe(PASSWORD);
    }
  });

  it('is refused for the secret before other mistakes', async () => {
    expect(await tried({ ...corp({ port: 9 }), shedule: 1 })).toBe(PASSWORD);
  });

  it('over 1 MiB is refused for its size', async () => {
    const text = `version: 2\n#${'x'.repeat(1_048_576)}\n`;
    const refused = await folder.load('version: 2\n', { text });
    expect(refused).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('larger than the limit of 1 MiB') as string }],
    });
  });
});

it('secret uses: the list for a configuration contains no secret value', async () => {
  const loaded: LoadedSettings = await folder.accept(textOf(IN_FORCE), { environment });
  expect(loaded.secretUses.map(({ key }) => key).sort()).toEqual([
    'proxies.corp.password',
    'updates.bearer_token',
    'updates.headers.X-Api-Key',
  ]);
  expect(JSON.stringify(loaded.secretUses)).not.toMatch(/secret-|of-the-service/);
});
