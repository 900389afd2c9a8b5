import { createHash } from 'node:crypto';
import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import type { Account } from '#proxy/account.ts';
import { type Challenge, readChallenges } from '#proxy/auth/schemes/challenge.ts';
import { type DigestParts, digestAuthenticator, digestValue, strongestDigest } from '#proxy/auth/schemes/digest.ts';
import { Secret } from '#redaction/secret.ts';

const LINE = { method: 'CONNECT', target: 'updates.example.com:443' };

function challenge(field: string): Challenge {
  return readChallenges(['Proxy-Authenticate', `Digest ${field}`])[0] as Challenge;
}

function authenticator(parts: Partial<DigestParts> = {}) {
  const account: Account = { user: 'svc', domain: '', shown: 'svc', key: 'svc', password: new Secret('open sesame') };
  const known: string[] = [];
  const registry = { add: (secret: Secret) => known.push(secret.reveal()) };
  const made = digestAuthenticator({
    account,
    known: registry,
    proxy: 'corp',
    hop: proxyAt('corp', 'proxy.example.com:3128'),
    weakHashes: true,
    ...parts,
  });
  return { made, known };
}

function param(header: string, name: string): string | undefined {
  return challenge(header.replace('Digest ', '')).params.get(name);
}

describe('the Digest response', () => {
  // RFC 7616, 3.9.1, the first example.
  const circle =
    'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"';
  const api = 'realm="api@example.org", qop="auth", nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"';
  const mufasa = {
    user: 'Mufasa',
    password: new Secret('Circle of Life'),
    nc: 1,
    line: { method: 'GET', target: '/dir/index.html' },
  };
  const jason = {
    user: 'J\u00e4s\u00f8n Doe',
    password: new Secret('Secret, or not?'),
    nc: 1,
    line: { method: 'GET', target: '/doe.json' },
  };
  const cnonces = ['f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ', 'NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm'] as const;

  it.each([
    ['MD5', circle, { ...mufasa, cnonce: cnonces[0] }, '8ca523f5e9506fed4657c9700eebdbec'],
    [
      'SHA-256',
      circle,
      { ...mufasa, cnonce: cnonces[0] },
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    ],
  ])('Digest response: that of RFC 7616 with %s', (algorithm, field, proof, response) => {
    expect(digestValue(challenge(`${field}, algorithm=${algorithm}`).params, proof).response).toBe(response);
  });

  // The example of 3.9.2 cannot be had with FIPS 180-4's SHA-512/256, so the formula is written out here.
  it('Digest response: that of RFC 7616, 3.4.1, with SHA-512-256 and a non-ASCII name', () => {
    const hash = (text: string) => createHash('sha512-256').update(text, 'utf8').digest('hex');
    const secret = hash('J\u00e4s\u00f8n Doe:api@example.org:Secret, or not?');
    const nonce = '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK';
    const expected = hash(`${secret}:${nonce}:00000001:${cnonces[1]}:auth:${hash('GET:/doe.json')}`);
    const made = digestValue(challenge(`${api}, algorithm=SHA-512-256`).params, { ...jason, cnonce: cnonces[1] });
    expect(made.response).toBe(expected);
  });

  it('Digest response: that of RFC 2617 without algorithm, of RFC 2069 without qop', () => {
    const field =
      'realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const proof = { ...mufasa, password: new Secret('Circle Of Life'), cnonce: '0a4f113b' };
    const modern = digestValue(challenge(`${field}, qop="auth,auth-int"`).params, proof);
    expect(modern.response).toBe('6629fae49393a05397450978507c4ef1');
    expect(modern.header).toBe(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ' +
        'uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", qop=auth, nc=00000001, cnonce="0a4f113b", ' +
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    );
    expect(digestValue(challenge(field).params, proof).response).toBe('670fd8c2df070c60b045671b8b24ff02');
  });

  it('Digest response: with -sess it depends on the nonces of both sides', () => {
    const session = challenge(`${circle}, algorithm=SHA-256-sess`).params;
    const responses = ['a', 'b'].map((cnonce) => digestValue(session, { ...mufasa, cnonce }).response);
    expect(responses[0]).not.toBe(responses[1]);
    expect(digestValue(session, { ...mufasa, cnonce: 'a' }).header).toContain('algorithm=SHA-256-sess');
  });

  it('Digest response: keeps quotes and commas in user, realm and nonce', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme-ascii' }), (user, realm) => {
        const params = new Map([
          ['realm', realm],
          ['nonce', 'a, b="c'],
          ['qop', 'auth'],
        ]);
        const { header } = digestValue(params, { ...mufasa, user, cnonce: 'x' });
        expect(header).not.toMatch(/[\r\n\0](?<!["\\].*)/);
        expect(param(header, 'nonce')).toBe('a, b="c');
        expect(param(header, 'cnonce')).toBe('x');
      }),
      { numRuns: 100 },
    );
  });
});

describe('whatever a proxy challenges with,', () => {
  const names = [
    'realm',
    'nonce',
    'opaque',
    'qop',
    'algorithm',
    'stale',
    'domain',
    'userhash',
    'charset',
    'username',
    'nc',
  ];
  const words = [
    'MD5',
    'SHA-256-sess',
    'SHA-512-256',
    'auth',
    'auth-int',
    'auth,auth-int',
    'true',
    'a, b="c',
    '\\',
    '"',
  ];
  // The characters that a header field may contain: Node's parser accepts no others.
  const text = fc.string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 40,
  });
  const value = fc.oneof(
    fc.constantFrom(...words),
    text.map((all) => all.replaceAll('\u007f', ' ')),
  );
  const escaped = (raw: string) => raw.replaceAll(/["\\]/g, '\\$&');
  const param = fc.tuple(fc.constantFrom(...names), value, fc.boolean());
  const field = fc
    .array(param, { maxLength: 12 })
    .map((all) =>
      all.map(([name, raw, quotes]) => (quotes ? `${name}="${escaped(raw)}"` : `${name}=${raw}`)).join(', '),
    );

  it('Digest: any challenge gets a valid header without repeated names, or a reason', async () => {
    await fc.assert(
      fc.asyncProperty(field, fc.boolean(), async (challenged, weakHashes) => {
        const [offered] = readChallenges(['Proxy-Authenticate', `Digest ${challenged}`]);
        if (offered === undefined) return;
        const reply = await authenticator({ weakHashes }).made.next(offered, LINE);
        if (reply.kind !== 'send') {
          expect(reply).toMatchObject({
            kind: 'failed',
            error: { code: expect.stringMatching(/^AUTH-(?:ALGORITHM|FIPS)$/) },
          });
          return;
        }
        const header = reply.authorization.reveal();
        validateHeaderValue('Proxy-Authorization', header);
        const [answered] = readChallenges(['Proxy-Authenticate', header]);
        const allowed = ['username', 'realm', 'nonce', 'uri', 'response', 'algorithm', 'qop', 'nc', 'cnonce', 'opaque'];
        expect(allowed).toEqual(expect.arrayContaining([...(answered?.params.keys() ?? [])]));
        expect(answered?.params.get('uri')).toBe(LINE.target);
        expect(answered?.params.get('response')).toMatch(/^[0-9a-f]{32}(?:[0-9a-f]{32})?$/);
        expect(answered?.params.get('nonce')).toBe(offered.params.get('nonce'));
      }),
      { numRuns: 500 },
    );
  });
});

describe('the Digest conversation', () => {
  const CHALLENGE = challenge('realm="r", nonce="one", qop="auth"');

  it('Digest: sends nothing first, one proof with nc 1; a second challenge is a refusal', async () => {
    const { made, known } = authenticator();
    expect(await made.begin(LINE)).toBeNull();
    const reply = await made.next(CHALLENGE, LINE);
    const header = reply.kind === 'send' ? reply.authorization.reveal() : '';
    expect(reply).toMatchObject({ kind: 'send', proves: true, sameConnection: false });
    expect([param(header, 'nc'), param(header, 'uri')]).toEqual(['00000001', LINE.target]);
    expect(known).toEqual([param(header, 'response')]);
    expect(await made.next(challenge('realm="r", nonce="two", qop="auth", stale=false'), LINE)).toEqual({
      kind: 'refused',
    });
  });

  it('Digest: counts the uses of a nonce', () => {
    const { made } = authenticator();
    expect(made.headerFor(LINE)).toBeNull();
    expect(made.prepare(CHALLENGE)).toBeNull();
    const counts = [1, 2, 17].map(() => param(made.headerFor(LINE)?.reveal() ?? '', 'nc'));
    expect(counts).toEqual(['00000001', '00000002', '00000003']);
  });

  it('Digest: answers a stale nonce once with the new one; two in a row are AUTH-STALE', async () => {
    const { made } = authenticator();
    const stale = (nonce: string) => challenge(`realm="r", nonce="${nonce}", qop="auth", stale=true`);
    await made.next(CHALLENGE, LINE);
    const again = await made.next(stale('two'), LINE);
    const header = again.kind === 'send' ? again.authorization.reveal() : '';
    expect([param(header, 'nonce'), param(header, 'nc')]).toEqual(['two', '00000001']);
    expect(await made.next(stale('three'), LINE)).toMatchObject({
      kind: 'failed',
      error: { code: 'AUTH-STALE', facts: { nonce: 'a nonce that it had just issued' } },
    });
  });

  it.each([
    ['algorithm=SHA-1, nonce="x"', 'its algorithm is SHA-1'],
    ['qop="auth-int", nonce="x"', 'its qop is auth-int'],
    ['realm="no nonce"', 'it has no nonce'],
  ])('Digest: says what it cannot answer: %s', async (field, missing) => {
    const reply = await authenticator().made.next(challenge(field), LINE);
    expect(reply).toMatchObject({ kind: 'failed', error: { code: 'AUTH-ALGORITHM', facts: { missing } } });
  });

  it.each(['qop="", nonce="x"', 'qop=" , ", nonce="x"', 'nonce=x'])(
    'Digest: answers %s as without qop (RFC 2069)',
    async (field) => {
      const reply = await authenticator().made.next(challenge(field), LINE);
      const header = reply.kind === 'send' ? reply.authorization.reveal() : expect.fail('it was not answered');
      expect(header).not.toMatch(/qop|nc=|cnonce/);
    },
  );

  it('Digest: answers qop="auth-int, auth" and qop="auth auth-int" with auth', async () => {
    for (const qop of ['auth-int, auth', 'auth auth-int', 'AUTH']) {
      const reply = await authenticator().made.next(challenge(`qop="${qop}", nonce="x"`), LINE);
      expect(reply.kind === 'send' && reply.authorization.reveal()).toContain('qop=auth, nc=00000001');
    }
  });

  it('Digest: in FIPS mode it accepts SHA-256 and refuses MD5 with a reason', async () => {
    const { made } = authenticator({ weakHashes: false });
    expect(await made.next(CHALLENGE, LINE)).toMatchObject({ kind: 'failed', error: { code: 'AUTH-FIPS' } });
    expect(await made.next(challenge('nonce="x", algorithm=SHA-256'), LINE)).toMatchObject({ kind: 'send' });
  });

  it('Digest: chooses the strongest algorithm that is offered', () => {
    const offers = ['MD5', 'SHA-256', 'SHA-512', 'SHA-512-256', 'SHA-256-sess'].map((name) =>
      challenge(`nonce="x", algorithm=${name}`),
    );
    expect(strongestDigest(offers, true)?.params.get('algorithm')).toBe('SHA-512-256');
    expect(strongestDigest(offers.slice(0, 1), false)).toBe(offers[0]);
    expect(strongestDigest([], true)).toBeNull();
  });
});
