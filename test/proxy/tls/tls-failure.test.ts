import { describe, expect, it } from 'vitest';
import type { Code } from '#errors/catalogue.ts';
import { originAt } from '#errors/hop.ts';
import { type TlsPeer, tlsAborted, tlsFailure, tlsTimeout } from '#proxy/tls/tls-failure.ts';

const target: TlsPeer = { side: 'target', host: 'updates.example.com', port: 443, proxy: 'corp', hop: originAt('x') };
const about = { chain: [], expected: 'an authority', times: { nowMs: 0, monotonicMs: 0, observed: null } };
const failed = (code: string, more: object = {}) => Object.assign(new Error('it broke'), { code, ...more });

describe.each([
  ['target', 'TLS'],
  ['proxy', 'PROXY-TLS'],
] as const)('a failure of TLS to the %s', (side, prefix) => {
  const peer = { ...target, side };

  it.each([
    ['CERT_HAS_EXPIRED', 'CLOCK'],
    ['CERT_NOT_YET_VALID', 'CLOCK'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'NAME'],
    ['CERT_REVOKED', 'UNTRUSTED'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNTRUSTED'],
    ['ECONNRESET', 'FAILED'],
  ])('%s is %s, even if no certificate arrived', (code, kind) => {
    expect(tlsFailure(failed(code), peer, about)).toMatchObject({
      code: `${prefix}-${kind}`,
      hop: code === 'ECONNRESET' && side === 'target' ? null : 'x',
    });
  });

  it('without a verdict, or after its deadline, has its own code', () => {
    expect(tlsAborted(peer, 'why').code).toBe(`${prefix}-FAILED`);
    expect(tlsTimeout(peer, 5).code).toBe(`${prefix}-TIMEOUT`);
  });
});

it('a TLS failure: a complete chain with an unknown root is interception only behind a proxy', () => {
  const error = failed('SELF_SIGNED_CERT_IN_CHAIN');
  expect(tlsFailure(error, target, about).code).toBe('TLS-INTERCEPTED');
  expect(tlsFailure(error, { ...target, proxy: null }, about).code).toBe('TLS-UNTRUSTED');
  expect(tlsFailure(error, { ...target, side: 'proxy' }, about).code).toBe('PROXY-TLS-UNTRUSTED');
});

it.each(['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])(
  'a TLS failure: a chain with a certificate missing (%s) proves no interception',
  (code) => {
    expect(tlsFailure(failed(code), target, about).code).toBe('TLS-CHAIN');
    expect(tlsFailure(failed(code), { ...target, proxy: null }, about).code).toBe('TLS-CHAIN');
    expect(tlsFailure(failed(code), { ...target, side: 'proxy' }, about).code).toBe('PROXY-TLS-UNTRUSTED');
  },
);

it.each([
  ['updates', 'set updates.ca_file.'],
  ['platform', 'set platform.ca_file.'],
  ['support_logs', 'set support_logs.ca_file.'],
] as const)('an own authority of a server of %s: %s', (purpose, remedy) => {
  const error = tlsFailure(failed('SELF_SIGNED_CERT_IN_CHAIN'), { ...target, purpose }, about);
  expect(error.check).toMatch(new RegExp(`${remedy}$`));
});

it('a TLS failure: bytes that are not TLS blame the scheme of a proxy, or the port of a target', () => {
  const error = failed('ERR_SSL_WRONG_VERSION_NUMBER', { reason: 'wrong version number' });
  expect(tlsFailure(error, { ...target, side: 'proxy', port: 3128 }, about)).toMatchObject({
    code: 'PROXY-SCHEME',
    message:
      '[PROXY-SCHEME] Port 3128 of proxy corp speaks no TLS, but the scheme of the proxy is set to https (it answered "wrong version number").',
    check: 'Set scheme: http for proxy corp. TLS to the servers inside its tunnels is not affected.',
  });
  expect(tlsFailure(error, target, about)).toMatchObject({
    code: 'TLS-FAILED',
    facts: { reason: 'wrong version number' },
  });
});

/** X509_V_ERR_* names of Node, with the code of each behind a proxy and without one. */
const CHAIN_CODES: readonly (readonly [string, Code, Code])[] = [
  ['UNABLE_TO_GET_ISSUER_CERT', 'TLS-CHAIN', 'TLS-CHAIN'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'TLS-CHAIN', 'TLS-CHAIN'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS-CHAIN', 'TLS-CHAIN'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'TLS-INTERCEPTED', 'TLS-UNTRUSTED'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['CERT_SIGNATURE_FAILURE', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['CERT_CHAIN_TOO_LONG', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['CERT_REVOKED', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['INVALID_CA', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['PATH_LENGTH_EXCEEDED', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['INVALID_PURPOSE', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['CERT_UNTRUSTED', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  ['CERT_REJECTED', 'TLS-UNTRUSTED', 'TLS-UNTRUSTED'],
  // Names that every object has are not codes.
  ['constructor', 'TLS-FAILED', 'TLS-FAILED'],
  ['toString', 'TLS-FAILED', 'TLS-FAILED'],
];

it.each(CHAIN_CODES)('tlsFailure: %s is %s behind a proxy, %s without one', (chain, behind, without) => {
  expect(tlsFailure(failed(chain), target, about).code).toBe(behind);
  expect(tlsFailure(failed(chain), { ...target, proxy: null }, about).code).toBe(without);
});

it('a TLS failure: without an applicable ca_file, the advice is that of its caller', () => {
  const peer = { ...target, proxy: null, purpose: 'updates', remedy: 'set pac.file' } as const;
  const { check } = tlsFailure(failed('SELF_SIGNED_CERT_IN_CHAIN'), peer, about);

  expect(check).toMatch(/set pac\.file\.$/);
  expect(check).not.toContain('updates.ca_file');
});
