import { afterAll, beforeAll, expect, it } from 'vitest';
import { ActivationRig, activatingHost, VENDOR } from '#test/support/activation-rig.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SquidOptions, startSquid } from '#test/support/squid.ts';

let rig: ActivationRig;
beforeAll(async () => {
  rig = await ActivationRig.start();
});
afterAll(async () => {
  await rig.close();
});

/** Activates a new host with this key through a Squid. */
async function activate(key: string, options: SquidOptions, profile: object = {}) {
  const squid = await startSquid({ hosts: [VENDOR], ...options });
  const one = await activatingHost(rig.through({ port: squid.port, ...profile }));
  try {
    return await one.verbs.activate(key);
  } finally {
    await one.remove();
    await squid.stop();
  }
}

const alice = (password: string) => ({ authentication: 'basic', user: 'alice', password, allow_cleartext: true });
const AUTH = { auth: { user: 'alice', password: 'right' } };

describeWith(['squid'], 'activation through Squid', () => {
  it('squid: a key activates a host through Basic, and its second use is LICENSE', { timeout: 120_000 }, async () => {
    const key = await rig.key();
    expect(await activate(key, AUTH, alice('right'))).toMatchObject({
      failure: null,
      outcome: { kind: 'connected', address: '127.0.0.1' },
    });
    const { failure, outcome } = await activate(key, AUTH, alice('right'));
    expect(failure?.message).toBe(
      'Activation reached the server through proxy corp. The server answered: key already used. The proxy is not the problem.',
    );
    expect(outcome).toEqual({ kind: 'user-login' });
  });

  it.each([
    ['a wrong password', AUTH, alice('wrong'), 'AUTH-REJECTED'],
    ['no password', AUTH, {}, 'AUTH-REQUIRED'],
    ['a host that is not allowed', { denyHosts: [VENDOR] }, {}, 'POLICY-DENIED'],
    ['interception of TLS', { bump: { ca: createCa('Corp TLS Inspection CA') } }, {}, 'TLS-INTERCEPTED'],
  ])('squid: %s is LICENSE-PROXY', { timeout: 60_000 }, async (_what, options, profile, code) => {
    const { failure, cause, outcome } = await activate(await rig.key(), options, profile);
    expect([failure?.code, cause?.code]).toEqual(['LICENSE-PROXY', code]);
    expect(outcome).toMatchObject({ kind: 'configuration-error', code });
  });
});
