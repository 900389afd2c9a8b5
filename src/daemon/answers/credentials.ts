// Lists the passwords in the settings that are on hold: the credential guard would not send them now. Gives the reason
// for each. Also finds the password that belongs to a profile.

import { findProfile, noDefault } from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';
import type { Authority, Status } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { type Account, accountOf } from '#proxy/account.ts';
import type { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { bindingOf } from '#proxy/hop.ts';
import { utcTime } from '#system/moment.ts';

const HOUR_MS = 3_600_000;

/** One entry for each profile whose password would not be sent; `used` are the profiles that a purpose uses. */
export function waitingCredentials(
  credentialGuard: CredentialGuard,
  settings: Settings,
  used: ReadonlySet<string>,
): Status['credentials'] {
  const retryMs = settings.rejected_credential_retry_hours * HOUR_MS;
  return settings.proxies.flatMap((profile) => {
    const account = accountOf(profile);
    const boundTo = bindingOf(profile);
    if (account === null || boundTo === null) return [];
    const hold = credentialGuard.findHold(account, { boundTo, retryMs });
    if (hold === null) return [];
    const { why, bound, refusal } = hold;
    return [
      {
        proxy: profile.name,
        user: account.shown,
        used: used.has(profile.name),
        why,
        entered_for: [...bound],
        since: toTime(refusal?.sinceMs),
        worked_until: toTime(refusal?.workedUntilMs),
        next_try: toTime(refusal?.retryAtMs),
      },
    ];
  });
}

/**
 * Allows passwords that are held back to be sent once more: those of one profile, or all. Only an admin may have one
 * sent to a proxy that it was not entered for.
 * @throws CodedError CONTROL-ADMIN, PROFILE-UNKNOWN, PROFILE-NO-DEFAULT
 */
export function allowRetry(
  credentialGuard: CredentialGuard,
  settings: Settings,
  { profile, authority }: { readonly profile: string | null; readonly authority: Authority },
): void {
  const only = credentialOf(settings, profile);
  const mayMove = authority === 'admin';
  const at =
    only === null ? null : { boundTo: only.boundTo, retryMs: settings.rejected_credential_retry_hours * HOUR_MS };
  if (!mayMove && only !== null && at !== null && credentialGuard.findHold(only.account, at)?.why === 'bound') {
    throw coded('CONTROL-ADMIN', { what: 'send a password to a proxy that it was not entered for' });
  }
  credentialGuard.retryCredentials(only, { mayMove });
}

/**
 * The password of the profile with this name, and the proxy it is for. Null when no name is given, or when the
 * password is kept elsewhere.
 * @throws CodedError PROFILE-UNKNOWN, PROFILE-NO-DEFAULT
 */
function credentialOf(settings: Settings, name: string | null): { account: Account; boundTo: string } | null {
  if (name === null) return null;
  const profile =
    name === 'default' ? settings.proxies.find((one) => one.default) : findProfile(settings, name).profile;
  if (profile === undefined) throw noDefault(settings);
  const [account, boundTo] = [accountOf(profile), bindingOf(profile)];
  return account === null || boundTo === null ? null : { account, boundTo };
}

function toTime(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : utcTime(ms);
}
