// Describes what purposes and other proxies use after the proxy that they use now is deleted, in sentences for the
// command and the page. Pure.

import { type RoutesWithout, usersOf } from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';

/** One sentence for each user of the deleted profile, and one for the next default. */
export function deletionSentences(
  settings: Pick<Settings, 'proxies' | 'use_proxy_for' | 'proxy_enabled'>,
  name: string,
  { newDefault, purposes }: RoutesWithout,
): string[] {
  const fallen = Object.entries(purposes).map(([purpose, use]) =>
    use === 'none' ? `${purpose} now connects directly (none).` : `${purpose} now uses the default.`,
  );
  const followers = usersOf(settings, name).filter(({ user, by }) => by === 'default' && !(user in purposes));
  const next =
    newDefault === null ? [] : [`${newDefault} is now the default${followersOf(followers.map(({ user }) => user))}.`];
  const fallbacks = usersOf(settings, name).filter(({ path }) => path.includes('fallback'));
  return [...next, ...fallen, ...fallbacks.map(({ user }) => `It was removed from ${user}.`)];
}

function followersOf(names: readonly string[]): string {
  return names.length === 0 ? '' : `, and used for ${names.join(', ')}`;
}
