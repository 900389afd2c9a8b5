import { expect, it } from 'vitest';
import { TrustStore } from '#proxy/tls/trust-store.ts';
import { forAll } from '#test/support/test-router.ts';

const pem = (key: string) => ({ ca: { key, path: '/ca.pem', pem: '' } });

it('trust store: each purpose and each proxy has its own trust, created once', async () => {
  const updates = pem('updates.ca_file');
  const store = new TrustStore({ ...forAll({}), updates }, new Map([['corp', pem('proxies[0].ca_file')]]));
  expect((await store.ofPurpose('updates')).expected).toBe('a CA in updates.ca_file');
  expect((await store.ofPurpose('platform')).expected).toBe('a public CA built into the program');
  expect((await store.ofProxy('corp')).expected).toBe('a CA in proxies[0].ca_file');
  expect(await store.ofProxy('corp')).toBe(await store.ofProxy('corp'));
});

it('trust store: a proxy without settings trusts the built-in authorities', async () => {
  const store = new TrustStore(forAll(pem('updates.ca_file')), new Map());
  expect((await store.ofProxy('corp')).expected).toBe('a public CA built into the program');
});
