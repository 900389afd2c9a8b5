import { describe, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';

const OWN = 'http://own.example.com:3128';
const OTHER = 'http://other.example.com:3128';
const SECRET = 'a-secret-of-the-service';

const at = (proxyUrl: string, revision = '1') => [{ secret: SECRET, revision, proxyUrl }];

describe('a secret that would move to another proxy', () => {
  it('may move once an admin allowed it, also if the same settings were read again before', () => {
    const guard = new CredentialGuard();
    guard.bindSecrets(at(OWN));
    guard.bindSecrets(at(OTHER), true);
    guard.bindSecrets(at(OWN));
    expect(guard.boundElsewhere(SECRET, OTHER)).toEqual([OWN]);
    guard.retryCredentials();
    expect(guard.boundElsewhere(SECRET, OTHER)).toBeNull();
  });

  it('may not move to an address that is no longer configured', () => {
    const guard = new CredentialGuard();
    guard.bindSecrets(at(OWN));
    guard.bindSecrets(at(OTHER));
    guard.bindSecrets(at(OWN));
    guard.retryCredentials();
    expect(guard.boundElsewhere(SECRET, OTHER)).toEqual([OWN]);
  });
});
