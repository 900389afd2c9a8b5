import { describe, expect, it } from 'vitest';
import { activation } from '#config/schema/activation.ts';

const KEY = 'MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=';
const issueOf = (value: object) => activation.safeParse(value).error?.issues[0]?.message ?? null;

describe('activation settings', () => {
  it('accept an https URL, an http URL of this host, keys and a site', () => {
    expect(issueOf({ url: 'https://a.example/activation', license_keys: [KEY], site: 'berlin-1' })).toBeNull();
    expect(issueOf({ url: 'http://127.0.0.1:8080/activation' })).toBeNull();
    expect(activation.parse({})).toEqual({ license_keys: [] });
  });

  it.each([
    ['an http URL of another host', { url: 'http://a.example/' }, /Use https/],
    ['an RSA key or a text that is no key', { license_keys: ['AAAA'] }, /60 characters/],
    ['the same key in another spelling', { license_keys: [KEY.replace('=', '')] }, /60 characters/],
    ['a private key', { license_keys: ['MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF'] }, /60/],
    ['a target outside the repository', { license_keys_target: '../keys.json' }, /relative path/],
    ['a site with a line break', { site: 'a\nb' }, /control character/],
    ['an empty site', { site: ' ' }, /not empty/],
  ])('refuse %s', (_what, value, message) => {
    expect(issueOf(value)).toMatch(message);
  });
});
