import { describe, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';

const OWN = 'http://own.example.com:3128';
const OTHER = 'http://other.example.com:3128';
const SECRET = 'a-secret-of-the-service';

const at = (proxyUrl: string, revision = '1') => [{ secret: SECRET, revision, proxyUrl }];

describe('a moved secret', () => {
  it('may be sent once allowed, even after a re-read', () => {
    const guard = new CredentialGuard();
    guard.bindSecrets(at(OWN));
    guard.bindSecrets(at(OTHER), true);
    guard.bindSecrets(at(OWN));
    expect(guard.boundElsewhere(SECRET, OTHER)).toEqual([OWN]);
    guard.retryCredentials();
    expect(guard.boundElsewhere(SECRET, OTHER)).toBeNull();
  });

  it('is not sent to an address that is no longer configured', () => {
    const guard = new CredentialGuard();
    guard.bindSecrets(at(OWN));
    guard.bindSecrets(at(OTHER));
    guard.bindSecrets(at(OWN));
    guard.retryCredentials();
    expect(guard.boundElsewhere(SECRET, OTHER)).toEqual([OWN]);
  });
});
