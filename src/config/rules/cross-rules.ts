// Checks the rules between keys: purposes and the proxies that they use, the policy, credentials, URLs. Pure.
//
// The rules get only the valid part of the settings, so all errors of a file are reported together. If a key is
// invalid, it is absent here, and the rules that need it report nothing. Secrets have no value yet, so the rules check
// only whether a secret is set.

import { DIRECT_REMEDIES } from '#config/direct-remedy.ts';
import type { Finding, KeyPath } from '#config/problem.ts';
import { urlOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose, urlKeyOf } from '#config/purposes.ts';
import { suggestRoute } from '#config/values/hints.ts';
import { coded } from '#errors/coded-error.ts';
import { checkFeeds } from './feed-rules.ts';
import { checkInterception } from './interception-rules.ts';
import { checkLimits } from './limit-rules.ts';
import { checkPlatform } from './platform-rules.ts';
import { checkProfiles } from './profile-rules.ts';
import { error, type Salvaged, warning } from './salvaged.ts';
import { checkUploads } from './upload-rules.ts';

/** Every rule between keys, in the order of the file. */
export function crossCheck(settings: Salvaged): Finding[] {
  return [
    ...checkFeeds(settings),
    ...checkLimits(settings),
    ...PURPOSES.flatMap((purpose) => checkPins(purpose, settings)),
    ...PURPOSES.flatMap((purpose) => checkCredentials(purpose, settings)),
    ...PURPOSES.flatMap((purpose) => checkEnabled(purpose, settings)),
    ...checkInterception(settings),
    ...checkUploads(settings),
    ...checkPlatform(settings),
    ...checkProfiles(settings),
    ...checkUses(settings),
    ...checkPolicy(settings),
  ];
}

/** RFC 7469, 4.3 requires a backup pin: with a single pin, a change of that key ends every connection. */
function checkPins(purpose: Purpose, settings: Salvaged): Finding[] {
  if (settings[purpose]?.pins?.length !== 1) return [];
  const message =
    'With only one pin, every connection fails once the server changes its key. Add the pin of a spare key.';
  return [{ ...warning([purpose, 'pins'], message), at: 'key' }];
}

/** An admin who enables a purpose expects that something is sent. */
function checkEnabled(purpose: Purpose, settings: Salvaged): Finding[] {
  const section = settings[purpose];
  if (section === undefined || !('enabled' in section) || section.enabled !== true) return [];
  if (urlOf(settings, purpose) !== undefined) return [];
  const message = `Nothing is sent without ${urlKeyOf(purpose)}. Set it, or remove this key.`;
  const at: KeyPath = [purpose, 'enabled'];
  return [{ ...warning(at, message), at: 'key' }];
}

function checkCredentials(purpose: Purpose, settings: Salvaged): Finding[] {
  const { headers = {}, bearer_token: token } = settings[purpose] ?? {};
  const names = Object.keys(headers);
  const findings = names.flatMap((name, index) => {
    const first = names.findIndex((other) => other.toLowerCase() === name.toLowerCase());
    return first === index
      ? []
      : [
          error(
            [purpose, 'headers', name],
            `This is the same header as ${names[first]}: header names are not case-sensitive.`,
          ),
        ];
  });
  const authorization = names.find((name) => name.toLowerCase() === 'authorization');
  if (token === undefined || authorization === undefined) return findings;
  const message = 'The bearer token is also sent as an Authorization header. Remove one of the two.';
  return [...findings, error([purpose, 'headers', authorization], message)];
}

function checkUses(settings: Salvaged): Finding[] {
  const { proxies = [], use_proxy_for: uses = {} } = settings;
  const names = proxies.map((profile) => profile?.name);
  const known = names.filter((name) => name !== undefined);
  const findings = Object.entries(uses).flatMap(([purpose, use]) => {
    if (use === undefined || use === 'none' || use === 'default' || known.includes(use)) return [];
    // A profile with an invalid name may be the one that is meant.
    return known.length < names.length ? [] : [unknownProfile(['use_proxy_for', purpose], use, known)];
  });
  // A profile with an invalid `default` may be the intended default.
  const mayHaveDefault = proxies.length === 0 || proxies.some((profile) => profile?.default !== false);
  const wanting = Object.keys(uses).filter(
    (purpose) => uses[purpose as keyof typeof uses] === 'default' && !isLaterAndUnused(purpose, settings),
  );
  if (mayHaveDefault || wanting.length === 0) return findings;
  const message =
    `No profile is the default, but use_proxy_for is set to default for ${wanting.join(', ')}. ` +
    'Set default: true in one profile, or name a profile in use_proxy_for.';
  return [...findings, { ...error(['proxies'], message), at: 'key' }];
}

/** Files from before this purpose existed cannot name a profile for it. It needs none until it has a URL. */
function isLaterAndUnused(purpose: string, { telemetry }: Salvaged): boolean {
  return purpose === 'telemetry' && telemetry?.url === undefined;
}

function unknownProfile(path: KeyPath, use: string, known: readonly string[]): Finding {
  const choices = ['none', 'default', ...known];
  const meant = suggestRoute(use, choices);
  return {
    ...error(path, 'There is no proxy profile with this name.', use),
    allowed: choices.join(', '),
    ...(meant === undefined ? {} : { didYouMean: meant }),
  };
}

/** With `proxy_required`, every setting that means a direct connection is an error. Each is reported with its rule. */
function checkPolicy(settings: Salvaged): Finding[] {
  const { proxies, proxy_enabled: enabled, proxy_required: required, use_proxy_for: uses = {} } = settings;
  if (required !== true) return [];
  const { disabled, noProxies, use: useOf } = DIRECT_REMEDIES;
  const all = { purpose: 'every purpose' };
  if (enabled === false) {
    return [direct(['proxy_enabled'], { ...all, rule: 'proxy_enabled is false', remedy: disabled })];
  }
  if (proxies?.length === 0) {
    return [direct(['proxies'], { ...all, rule: 'no proxies are configured', remedy: noProxies })];
  }
  return Object.entries(uses)
    .filter(([, use]) => use === 'none')
    .map(([purpose]) =>
      direct(['use_proxy_for', purpose], {
        purpose,
        rule: `use_proxy_for.${purpose} is none`,
        remedy: useOf(purpose),
      }),
    );
}

function direct(path: KeyPath, by: Readonly<Record<'rule' | 'purpose' | 'remedy', string>>): Finding {
  const facts = { ...by, why: 'proxy_required is true', otherwise: 'ask root to change proxy_required' };
  const { safeText } = coded('POLICY-DIRECT', { target: by.purpose, ...facts });
  return { ...error(path, safeText), direct: facts };
}
