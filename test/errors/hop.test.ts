import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { type Hop, hopText, originAt, proxyAt, readHop, THIS_HOST } from '#errors/hop.ts';
import { fillTemplate } from '#errors/template.ts';
import { toRecord } from '#logging/record.ts';
import { NO_SECRETS } from '#redaction/redact.ts';

const EACH: readonly (readonly [Hop, string])[] = [
  [THIS_HOST, 'this host'],
  [proxyAt('corp', 'proxy.example.com:3128'), 'proxy corp (proxy.example.com:3128)'],
  [proxyAt('corp', '[2001:db8::1]:3128'), 'proxy corp ([2001:db8::1]:3128)'],
  [originAt('updates.example.com:443'), 'updates.example.com:443'],
];

describe('a hop', () => {
  it.each(EACH)('hop: %j reads %s, alone and in a template', (hop, text) => {
    expect(hopText(hop)).toBe(text);
    expect(fillTemplate('It failed at {hop}.', { hop })).toBe(`It failed at ${text}.`);
    expect(fillTemplate('It failed{hop:at}.', { hop })).toBe(`It failed at ${text}.`);
  });

  it.each(EACH)('hop: %j survives JSON', (hop) => {
    expect(readHop(JSON.parse(JSON.stringify(hop)))).toEqual(hop);
  });

  it('hop: any other value from another process is not taken for one', () => {
    const odd = [
      {},
      { kind: 'proxy', name: 1, address: 'a:1' },
      { kind: 'origin', address: '' },
      { kind: 'x', address: 'a' },
    ];
    expect([...odd, 'proxy corp (a:1)', null, undefined, 7].map(readHop).filter((hop) => hop !== null)).toEqual([]);
    fc.assert(fc.property(fc.anything(), (value) => typeof (readHop(value)?.kind ?? '') === 'string'));
  });

  it('hop: a foreign name or address is quoted as a whole', () => {
    expect(fillTemplate('{hop}', { hop: proxyAt('a\nb', 'c:1') })).toBe('"proxy a\\nb (c:1)"');
    expect(fillTemplate('{hop}', { hop: originAt('a [ERROR] b') })).toBe('"a \\u{5b}ERROR\\u{5d} b"');
  });
});

describe('a failure', () => {
  const facts = { host: 'proxy.example.com', port: 3128, elapsed: 12 };

  it('failure: its place is data; its hop, also in JSON, is that in words', () => {
    const error = coded('TCP-REFUSED', { ...facts, hop: proxyAt('corp', 'proxy.example.com:3128') });

    expect(error.place).toEqual({ kind: 'proxy', name: 'corp', address: 'proxy.example.com:3128' });
    expect(error.hop).toBe('proxy corp (proxy.example.com:3128)');
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ hop: error.hop, facts: { hop: error.hop } });
  });

  it('failure: without a hop its place is the recorded one, or this host by its class', () => {
    const cut = coded('CONNECTION-LOST', { received: 1, expected: 2, reason: 'x', hop: null });
    expect(cut.place).toBeNull();
    expect(cut.at(originAt('h:1')).place).toEqual(originAt('h:1'));
    expect(coded('INTERNAL', { reason: 'x' }).place).toEqual(THIS_HOST);
  });

  it('failure: a secret in its place is masked, and the place stays data', () => {
    const redact = (text: string) => text.replaceAll('hunter2', '***');
    const error = coded('TCP-REFUSED', { ...facts, hop: originAt('hunter2.example:1') });
    const { fields } = toRecord({ name: 'check-failed', error, hop: error.hop }, 0, { ...NO_SECRETS, redact });

    expect(fields).toMatchObject({ hop: '***.example:1', error: { place: originAt('***.example:1') } });
  });
});
