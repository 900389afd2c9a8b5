import { expect, it } from 'vitest';
import { placeReasons } from '#diagnose/places.ts';

const places: Readonly<Record<string, string>> = { 'use_proxy_for.updates': 'a.yaml:9', 'proxies[0].name': 'a.yaml:3' };
const placeOf = (key: string) => places[key] ?? null;

it('a reason has the place of its key, or says that the value is the default', () => {
  expect(
    placeReasons(
      ['use_proxy_for.updates is default', 'proxies[0] corp is the default', 'proxy_enabled is false'],
      placeOf,
    ),
  ).toEqual([
    'use_proxy_for.updates is default (a.yaml:9)',
    'proxies[0] corp is the default (a.yaml:3)',
    'proxy_enabled is false (by default)',
  ]);
});

it('words that begin with no key stay as they are', () => {
  expect(placeReasons(['no proxies are configured', 'the PAC file says DIRECT'], placeOf)).toEqual([
    'no proxies are configured',
    'the PAC file says DIRECT',
  ]);
});
