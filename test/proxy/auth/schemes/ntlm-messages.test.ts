import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  authenticateMessage,
  domainOf,
  lmv2Response,
  type NtlmChallenge,
  negotiateMessage,
  ntlmv2Response,
  ntowfv2,
  readChallenge,
} from '#proxy/auth/schemes/ntlm-messages.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';
import { challengeMessage, pairsOf, SERVER_CHALLENGE, verifyAuthenticate } from '#test/support/ntlm-verifier.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const TIMESTAMP: readonly [number, Buffer] = [7, hex('0102030405060708')];
const DOMAIN: readonly [number, Buffer] = [2, utf16('CORP')];

describe('NTLMv2 as MS-NLMP 4.2.4 computes it', () => {
  const identity = { user: 'User', domain: 'Domain', password: 'Password' };
  const clientChallenge = hex('aaaaaaaaaaaaaaaa');
  const targetInfo = hex('02000c0044006f006d00610069006e0001000c005300650072007600650072000000 0000');
  const key = ntowfv2(identity);

  it('NTLMv2: the key and the LMv2 response match MS-NLMP 4.2.4.1.1 and 4.2.4.2.1', () => {
    expect(key.toString('hex')).toBe('0c868a403bfd7a93a3001ef22ef02e3f');
    const lm = lmv2Response(key, SERVER_CHALLENGE, clientChallenge);
    expect(lm.toString('hex')).toBe('86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa');
  });

  it('NTLMv2: the response and the session base key match MS-NLMP 4.2.4.2.2 and 4.2.4.1.2', () => {
    const made = ntlmv2Response({
      key,
      serverChallenge: SERVER_CHALLENGE,
      clientChallenge,
      time: Buffer.alloc(8),
      targetInfo,
    });
    expect(made.response.subarray(0, 16).toString('hex')).toBe('68cd0ab851e51c96aabc927bebef6a1c');
    expect(made.sessionKey.toString('hex')).toBe('8de40ccadbc14a82f15cb0ad0de95ca3');
  });

  it('reads the challenge of 4.2.4.3', () => {
    const challenge = readChallenge(
      hex(
        '4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024002400440000000600701700' +
          '00000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
      ),
    ) as NtlmChallenge;
    expect(challenge.serverChallenge).toEqual(SERVER_CHALLENGE);
    expect(domainOf(challenge)).toBe('Domain');
  });
});

describe('the third message', () => {
  const negotiate = negotiateMessage();
  const KNOWN = { user: 'jürgen', domain: 'Corp', password: 'pä$$ 🔑' };

  function answer(challengeBytes: Buffer, identity = KNOWN): Buffer {
    return authenticateMessage({
      identity: { ...identity, workstation: '' },
      challenge: readChallenge(challengeBytes) as NtlmChallenge,
      negotiate,
      targetName: 'HTTP/proxy.example.com',
      clientChallenge: hex('0011223344556677'),
      nowMs: Date.UTC(2026, 10, 21),
    });
  }

  it.each([
    ['nothing but the end', challengeMessage()],
    ['no target information', challengeMessage({ pairs: null })],
    ['a domain', challengeMessage({ pairs: [DOMAIN] })],
    ['a timestamp', challengeMessage({ pairs: [DOMAIN, TIMESTAMP] })],
    ['flags that ask for a MIC', challengeMessage({ pairs: [[6, hex('02000000')]] })],
    ['flags that do not', challengeMessage({ pairs: [[6, hex('01000000')]] })],
  ])('matches the calculation of a server, after %s', (_name, challenge) => {
    expect(verifyAuthenticate(answer(challenge), KNOWN, { negotiate, challenge })).toBeNull();
  });

  it('the third NTLM message: with a timestamp it has MIC, time and target, and zeros for LM', () => {
    const challenge = challengeMessage({ pairs: [DOMAIN, TIMESTAMP] });
    const message = answer(challenge);
    expect(message.subarray(72, 88).equals(Buffer.alloc(16))).toBe(false);
    expect(message.subarray(88, 112)).toEqual(Buffer.alloc(24));
    const pairs = pairsOf(message);
    expect([pairs.get(6), pairs.get(9)?.toString('utf16le'), pairs.get(2)?.toString('utf16le')]).toEqual([
      hex('02000000'),
      'HTTP/proxy.example.com',
      'CORP',
    ]);
    const flipped = Buffer.from(message);
    flipped.writeUInt8(flipped.readUInt8(80) ^ 1, 80);
    expect(verifyAuthenticate(flipped, KNOWN, { negotiate, challenge })).toBe('wrong MIC');
  });

  it.each([
    ['password', { password: 'other' }, 'wrong proof'],
    ['domain', { domain: 'OTHER' }, 'domain OTHER'],
    ['no domain', { domain: '' }, 'domain '],
  ])('fails a server’s check with another %s', (_what, change, verdict) => {
    const challenge = challengeMessage({ pairs: [DOMAIN] });
    expect(verifyAuthenticate(answer(challenge, { ...KNOWN, ...change }), KNOWN, { negotiate, challenge })).toBe(
      verdict,
    );
  });

  it('negotiates no key exchange, no sealing and no session signing', () => {
    const message = answer(challengeMessage({ flags: 0xffff_ffff, pairs: [DOMAIN] }));
    expect(message.readUInt32LE(60)).toBe(0x0088_8205);
  });

  it('passes for any user, domain and password', () => {
    const text = fc.string({ unit: ANY_CHARACTER, maxLength: 20 });
    fc.assert(
      fc.property(text, text, fc.constantFrom('svc', 'Å_user', '用户'), (password, domain, user) => {
        const challenge = challengeMessage({ pairs: [DOMAIN, TIMESTAMP] });
        const message = answer(challenge, { user, domain, password });
        expect(verifyAuthenticate(message, { user, domain, password }, { negotiate, challenge })).toBeNull();
      }),
      { numRuns: 50 },
    );
  });
});

describe('NTLM: the second message', () => {
  it.each([
    ['', 'its message is too short'],
    ['x'.repeat(40), 'its message does not begin with NTLMSSP'],
  ])('%j is invalid', (bytes, reason) => {
    expect(readChallenge(Buffer.from(bytes))).toBe(reason);
  });

  it('the second NTLM message: a wrong type, no Unicode, or fields out of bounds are refused', () => {
    expect(readChallenge(negotiateMessage())).toBe('it sent message 1 instead of 2');
    expect(readChallenge(challengeMessage({ flags: 0x8204 }))).toBe('it does not support Unicode');
    const outside = challengeMessage({ pairs: [DOMAIN] });
    outside.writeUInt32LE(4_000_000_000, 44);
    expect(readChallenge(outside)).toBe('its target information is truncated');
  });

  it('is refused with a description if it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_096 }), fc.boolean(), (noise, signed) => {
        const head = signed ? hex('4e544c4d53535000 02000000') : Buffer.alloc(0);
        const challenge = readChallenge(Buffer.concat([head, noise]));
        if (!signed) expect(challenge).toMatch(/^its message (?:is too short|does not begin with NTLMSSP)$/);
        if (typeof challenge !== 'string') expect(challenge.serverChallenge).toHaveLength(8);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws and never leads to a throw, whatever its bytes', () => {
    const base = challengeMessage({ pairs: [DOMAIN, TIMESTAMP, [6, hex('0200')]] });
    const damage = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(damage, fc.nat(base.length), (changes, length) => {
        const bytes = Buffer.from(base);
        for (const [at, value] of changes) bytes[at] = value;
        const challenge = readChallenge(bytes.subarray(0, length === 0 ? base.length : length));
        if (typeof challenge === 'string') return;
        const identity = { user: 'u', domain: 'd', password: 'p', workstation: '' };
        const negotiate = negotiateMessage();
        const clientChallenge = Buffer.alloc(8);
        authenticateMessage({ identity, challenge, negotiate, targetName: 'HTTP/p', clientChallenge, nowMs: 0 });
      }),
      { numRuns: 500 },
    );
  });
});
