import { describe, expect, it } from 'vitest';
import { placedKey, placedReason } from '#diagnose/places.ts';
import type { Reason } from '#proxy/reason.ts';

const places: Readonly<Record<string, string>> = { 'use_proxy_for.updates': 'a.yaml:9', 'proxies[0].name': 'a.yaml:3' };
const placeOf = (key: string) => places[key] ?? null;

describe('placedReason', () => {
  it.each<[Reason, string]>([
    [{ kind: 'use', purpose: 'updates', use: 'default' }, 'use_proxy_for.updates is default (a.yaml:9)'],
    [{ kind: 'default', index: 0, name: 'corp' }, 'the default proxy is proxies[0] corp (a.yaml:3)'],
    [{ kind: 'disabled' }, 'proxy_enabled is false (not set in the file)'],
  ])('placedReason: %j has the place of its key, or is a default', (reason, text) => {
    expect(placedReason(reason, placeOf)).toBe(text);
  });

  it.each<[Reason, string]>([
    [{ kind: 'no proxies' }, 'no proxies are configured'],
    [{ kind: 'pac direct' }, 'the PAC answered DIRECT'],
    [
      { kind: 'variable', variable: 'https_proxy', url: 'http://p:1' },
      'environment variable https_proxy names http://p:1',
    ],
    [{ kind: 'tested' }, 'chosen for this test'],
  ])('placedReason: %j has no place, because no key decided', (reason, text) => {
    expect(placedReason(reason, placeOf)).toBe(text);
  });
});

it('placedKey: a key has its place, or is a default', () => {
  expect(placedKey('use_proxy_for.updates', placeOf)).toBe('use_proxy_for.updates (a.yaml:9)');
  expect(placedKey('updates.feed_url', placeOf)).toBe('updates.feed_url (not set in the file)');
});
