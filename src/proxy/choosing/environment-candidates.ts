// Finds the proxy that the environment of the service names, for profiles with the scheme `environment`. It is a
// `CandidateSource`.
//
// Guarantees: the user and password in a variable are sent only to the proxy that this variable names. The user and
// password of the profile are sent to no proxy, because anyone who can set a variable could redirect them.

import type { ProxyUrl } from '#config/values/proxy-url.ts';
import { coded } from '#errors/coded-error.ts';
import { endpointOf } from '#proxy/endpoint.ts';
import { type Candidate, type CandidateSource, makeHop, withoutAccount } from '#proxy/hop.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';
import { chooseFromEnvironment, type EnvironmentChoice, type Variables } from './environment-proxies.ts';

/** Reads the variables at the start; those of a running process do not change. */
export function environmentCandidates(variables: Variables): CandidateSource {
  const choose = (target: URL) => {
    const { host, port, tls } = endpointOf(target);
    return chooseFromEnvironment(variables, { host, port, encrypted: tls });
  };
  return {
    candidatesFor(profile, target) {
      const choice = choose(target);
      if (choice.kind !== 'wrong') return Promise.resolve([candidateOf(choice, profile)]);
      const { variable, reason } = choice;
      return Promise.reject(coded('CONFIG-PROXY-URL', { variable, reason, proxy: profile.name }));
    },
    knownCandidates(profile, target) {
      const choice = choose(target);
      return choice.kind === 'wrong' ? null : [candidateOf(choice, profile)];
    },
  };
}

function candidateOf(choice: Exclude<EnvironmentChoice, { kind: 'wrong' }>, profile: ProxyProfile): Candidate {
  if (choice.kind === 'direct') return { kind: 'direct', reasons: [choice.reason] };
  const { scheme, host: address, port } = choice.proxy;
  const hop = makeHop(withAccountOf(choice.proxy, profile), {
    scheme,
    address,
    port,
    variable: choice.variable,
  });
  return { kind: 'proxy', hop, reasons: [{ kind: 'variable', variable: choice.variable, url: hop.url }] };
}

/** The profile's authentication applies if it is set; otherwise Basic is used first, as in curl. */
function withAccountOf({ user, password }: ProxyUrl, profile: ProxyProfile): ProxyProfile {
  if (user === null) return withoutAccount(profile);
  const authentication = profile.authentication === 'transparent' ? 'basic' : profile.authentication;
  return { ...withoutAccount(profile), authentication, user, password: new Secret(password ?? '') };
}
