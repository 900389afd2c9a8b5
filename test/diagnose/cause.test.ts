import { describe, expect, it } from 'vitest';
import { causeOf, type FailureContext } from '#diagnose/cause.ts';
import { coded } from '#errors/coded-error.ts';
import { proxyAt } from '#errors/hop.ts';

const KNOWN: FailureContext = {
  purpose: 'updates',
  proxyAddresses: ['10.1.1.1'],
  gateways: [],
  hasNoProxy: false,
  service: {},
  shell: {},
};
const hop = proxyAt('corp', '10.1.1.1:443');
const trace = { phase: 'dial', elapsedMs: 3, proven: ['choice'] } as const;
const refused = () => coded('TCP-REFUSED', { host: '10.1.1.1', port: 443, elapsed: 3, hop }).during(trace);

describe('the cause of a failure', () => {
  it('is the failure itself if nothing else is known', () => {
    const error = refused();
    expect(causeOf(error, KNOWN)).toBe(error);
  });

  it('is the gateway if it is used as the proxy; the route is named', () => {
    const cause = causeOf(refused(), { ...KNOWN, gateways: ['10.1.1.1'] });
    expect(cause).toMatchObject({
      code: 'HOST-IS-GATEWAY',
      place: hop,
      trace,
      facts: { proxy: 'corp', found: 'TCP-REFUSED' },
    });
  });

  it('is not the gateway if it answers as a proxy', () => {
    const error = coded('POLICY-DENIED', { proxy: 'corp', target: 'a:443', status: 403, said: 'no', hop });
    expect(causeOf(error, { ...KNOWN, gateways: ['10.1.1.1'] })).toBe(error);
  });

  it('is the shell if only its variables have the missing proxy', () => {
    const shell = { HTTPS_PROXY: 'http://proxy.example.com:3128' };
    expect(causeOf(refused(), { ...KNOWN, hasNoProxy: true, shell })).toMatchObject({
      code: 'SHELL-DIFFERS',
      facts: { missing: ['HTTPS_PROXY'], found: 'TCP-REFUSED' },
    });
    expect(causeOf(refused(), { ...KNOWN, hasNoProxy: true, shell, service: shell }).code).toBe('TCP-REFUSED');
    expect(causeOf(refused(), { ...KNOWN, shell }).code).toBe('TCP-REFUSED');
  });
});
