// Whether the work would go well with settings that are not in force: the first step of each purpose's work over a router
// for these settings. Updates read their feed with the code of a round; the others, which nothing is sent to so far, open
// a lane to their endpoint.
//
// Guarantees: nothing of it comes into force; a secret that a proxy refused counts in the same ledger as the work's own.

import type { LoadedSettings } from '#config/load.ts';
import type { Settings } from '#config/settings.ts';
import type { Found } from '#control/change.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Purpose, Router } from '#proxy/route.ts';
import { Secret } from '#redaction/secret.ts';
import { HttpFeed } from '#updates/http-feed.ts';
import type { Parts } from './compose.ts';
import { toFailure } from './failure.ts';

/** What is tried. */
export interface WaysAsked {
  readonly text: string;
  /** Keys of secrets that were typed for it: they count as entered now. */
  readonly typed: readonly string[];
  readonly purposes: readonly Purpose[];
}

/** The first failure of these purposes, in their order; null when there is none. Rejects with the reason of `signal`. */
export async function tryWays(parts: Parts, asked: WaysAsked, signal: AbortSignal): Promise<Found | null> {
  try {
    const loaded = await parts.judge(asked.text);
    if (!loaded.ok) throw loaded.error;
    const settings = withTyped(loaded, asked.typed, parts.clock.now());
    const router = await parts.routerFor(settings, () => undefined);
    for (const purpose of asked.purposes) await tryPurpose(parts, { purpose, settings, router }, signal);
    return null;
  } catch (thrown) {
    signal.throwIfAborted();
    return toFailure(asCoded(thrown), parts.redactor);
  }
}

async function tryPurpose(
  { ports }: Parts,
  { purpose, settings, router }: { purpose: Purpose; settings: Settings; router: Router },
  signal: AbortSignal,
): Promise<void> {
  if (purpose === 'updates') {
    if (settings.updates.feed_url === undefined) return;
    const { clock, habits, agent } = ports;
    const feed = new HttpFeed({ clock, habits, agent, router, report: () => undefined, settings: () => settings });
    await feed.read({ revalidate: false, signal });
    return;
  }
  const endpoint = settings.endpoints[purpose];
  if (endpoint === undefined) return;
  const target = new URL(endpoint.replace(/^wss:/, 'https:'));
  (await router.route(purpose, target).open({ bulk: false, signal })).release();
}

function withTyped({ settings }: LoadedSettings, typed: readonly string[], now: number): Settings {
  const proxies = settings.proxies.map((profile, index) => {
    const { password } = profile;
    if (password === undefined || !typed.includes(`proxies[${index}].password`)) return profile;
    return { ...profile, password: new Secret(password.reveal(), `typed at ${now}`) };
  });
  return { ...settings, proxies };
}
