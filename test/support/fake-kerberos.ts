/** A fake of the optional package `kerberos`: records its calls, and returns a token for each step or throws. */
import type { KerberosLibrary } from '#proxy/auth/schemes/negotiate.ts';

export function fakeKerberos(step: (challenge: string) => string) {
  const asked: unknown[] = [];
  const made: KerberosLibrary = {
    GSS_MECH_OID_SPNEGO: 6,
    GSS_C_MUTUAL_FLAG: 2,
    GSS_C_REPLAY_FLAG: 4,
    initializeClient(service, options) {
      asked.push([service, options]);
      return Promise.resolve({
        step: (challenge) => new Promise((resolve) => resolve(step(challenge))),
      });
    },
  };
  return { asked, load: () => Promise.resolve(made) };
}
