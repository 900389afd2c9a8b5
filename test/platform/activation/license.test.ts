import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLicense, signedBytes } from '#platform/activation/license.ts';

const TYPE = 'application/vnd.sallyport.license+json';
const AGENT = '4d3c1a0e-7c51-4b7e-9c0c-0a1b2c3d4e5f';
const NOW = Date.parse('2026-11-30T12:00:00Z');
const [vendor, stranger] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const textOf = (key: KeyObject) => key.export({ format: 'der', type: 'spki' }).toString('base64');
const QUESTION = { keys: [textOf(vendor.publicKey)], agent: AGENT, site: null, nowMs: NOW };

const PAYLOAD = {
  format: 1,
  id: 'L-1',
  agent: AGENT as string | undefined,
  not_before: '2026-11-01T00:00:00Z',
  expires: '2027-11-01T00:00:00Z',
  features: ['updates'],
};

function envelope(payload: unknown, key = vendor.privateKey, type = TYPE) {
  const bytes = Buffer.from(JSON.stringify(payload));
  const sig = sign(null, signedBytes(type, bytes), key).toString('base64');
  return { payloadType: type, payload: bytes.toString('base64'), signatures: [{ keyid: 'any', sig }] };
}

describe('license', () => {
  it('is valid with a signature of a known key, whatever its key id says', () => {
    expect(checkLicense(envelope(PAYLOAD), QUESTION)).toEqual({
      kind: 'valid',
      license: {
        id: 'L-1',
        agent: AGENT,
        site: null,
        notBeforeMs: Date.parse(PAYLOAD.not_before),
        expiresMs: Date.parse(PAYLOAD.expires),
        features: ['updates'],
      },
    });
  });

  it('signs the bytes that DSSE defines', () => {
    // The example of the DSSE protocol: DSSEv1 29 http://example.com/HelloWorld 11 hello world.
    expect(signedBytes('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it.each([
    [
      'signed by a key that is not known',
      envelope(PAYLOAD, stranger.privateKey),
      /no license key of this host has signed it/,
    ],
    ['signed as another type', envelope(PAYLOAD, vendor.privateKey, 'text/plain'), /other than a license/],
    ['for another host', envelope({ ...PAYLOAD, agent: '00000000-0000-4000-8000-000000000000' }), /it is for agent/],
    [
      'for a site that is not configured',
      envelope({ ...PAYLOAD, agent: undefined, site: 'berlin' }),
      /activation.site/,
    ],
    ['for a host and a site', envelope({ ...PAYLOAD, site: 'berlin' }), /format 1/],
    ['of a later format', envelope({ ...PAYLOAD, format: 2 }), /format 1/],
    ['not an envelope', { license: 1 }, /DSSE/],
  ])('is invalid if it is %s', (_what, raw, reason) => {
    const verdict = checkLicense(raw, QUESTION);
    expect(verdict.kind).toBe('invalid');
    expect(verdict).toHaveProperty('reason', expect.stringMatching(reason));
  });

  it('for a site is valid on every host of that site', () => {
    const raw = envelope({ ...PAYLOAD, agent: undefined, site: 'berlin-1' });
    expect(checkLicense(raw, { ...QUESTION, site: 'berlin-1' }).kind).toBe('valid');
    expect(checkLicense(raw, { ...QUESTION, site: 'berlin-2' }).kind).toBe('invalid');
  });

  it('is valid from not_before until just before it expires', () => {
    const at = (text: string, offsetMs: number) =>
      checkLicense(envelope(PAYLOAD), { ...QUESTION, nowMs: Date.parse(text) + offsetMs }).kind;
    expect(at(PAYLOAD.not_before, -1)).toBe('not yet valid');
    expect(at(PAYLOAD.not_before, 0)).toBe('valid');
    expect(at(PAYLOAD.expires, -1)).toBe('valid');
    expect(at(PAYLOAD.expires, 0)).toBe('expired');
  });

  it('is never valid after a change of a byte', () => {
    const raw = envelope(PAYLOAD);
    const bytes = Buffer.from(raw.payload, 'base64');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(checkLicense({ ...raw, payload: changed.toString('base64') }, QUESTION).kind).toBe('invalid');
      }),
      { numRuns: 40 },
    );
  });
});
