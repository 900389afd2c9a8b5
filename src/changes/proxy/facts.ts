// The facts about the proxy settings that a menu shows and changes. They contain no secret, so the change service may
// send them to callers that cannot read the configuration.

import { z } from 'zod';
import { PURPOSES } from '#config/purposes.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';

const profileFactsSchema = z.object({
  name: z.string(),
  scheme: z.string(),
  /** Null for a profile whose proxies come from a PAC file or from the environment. */
  address: z.string().nullable(),
  port: z.number(),
  authentication: z.string(),
  user: z.string().nullable(),
  domain: z.string().nullable(),
  has_password: z.boolean(),
  default: z.boolean(),
});
export type ProfileFacts = z.infer<typeof profileFactsSchema>;

export const proxyFactsSchema = z.object({
  /** The configuration file, and its sha256 in hex. A change is made only to this content. */
  file: z.string(),
  digest: z.string(),
  proxy_enabled: z.boolean(),
  proxy_required: z.boolean(),
  use_proxy_for: z.record(z.enum(PURPOSES), z.string()),
  proxies: z.array(profileFactsSchema),
});
export type ProxyFacts = z.infer<typeof proxyFactsSchema>;

/** The facts of loaded settings. Pure. */
export function proxyFacts({
  settings,
  file,
  digest,
}: Pick<LoadedSettings, 'settings' | 'file' | 'digest'>): ProxyFacts {
  return {
    file,
    digest,
    proxy_enabled: settings.proxy_enabled,
    proxy_required: settings.proxy_required,
    use_proxy_for: settings.use_proxy_for,
    proxies: settings.proxies.map(profileFacts),
  };
}

function profileFacts(profile: Settings['proxies'][number]): ProfileFacts {
  const { name, scheme, address, port, authentication, user, domain, password } = profile;
  return {
    name,
    scheme,
    address: address ?? null,
    port,
    authentication,
    user: user ?? null,
    domain: domain ?? null,
    has_password: password !== undefined,
    default: profile.default,
  };
}
