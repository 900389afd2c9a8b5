// Holds the active settings. They are replaced as a whole, after every part of the program has verified the new ones.

import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import { effectsOfPurposes } from '#config/purpose-settings.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';

/** Keys that `settings()` reads at each use. Every other key has a module that applies it, or needs a restart. */
const TAKEN: Readonly<Record<string, Effect>> = {
  'updates.feed_url': 'next_transfer',
  'updates.trust': 'next_transfer',
  'updates.tuf': 'next_transfer',
  'updates.trust_downgrade': 'next_transfer',
  'updates.acknowledge_url': 'next_transfer',
  'updates.bandwidth': 'now',
  'updates.window': 'now',
  'updates.parallel': 'next_transfer',
  'updates.keep_versions': 'next_transfer',
  'updates.max_package_bytes': 'next_transfer',
  'updates.packages_max_bytes': 'next_transfer',
  'updates.reserve_bytes': 'next_transfer',
  'updates.allowed_origins': 'next_transfer',
  'updates.channel': 'next_transfer',
  'updates.product_updates': 'next_transfer',
  'updates.on_published': 'next_transfer',
  'updates.hook_trust': 'next_transfer',
  'updates.report_findings': 'next_transfer',
  proxy_change: 'next_transfer',
  retry: 'next_transfer',
  uploads_allowed: 'now',
  // The change service reads it for each request of the menu.
  'menu.pin': 'now',
  'activation.url': 'next_transfer',
  'activation.license_keys': 'now',
  'activation.license_keys_target': 'now',
  'activation.site': 'now',
  'support_logs.protocol': 'next_transfer',
  'support_logs.schedule': 'now',
  'support_logs.jitter_seconds': 'now',
  'support_logs.max_bytes': 'next_transfer',
  'support_logs.keep_sent_days': 'next_transfer',
  'support_logs.sources': 'next_transfer',
  'support_logs.redaction': 'next_transfer',
  'support_logs.pseudonyms': 'next_transfer',
  'support_logs.archive': 'next_transfer',
  'support_logs.encrypt_to': 'next_transfer',
  'support_logs.on_platform_request': 'next_transfer',
  'support_logs.allow_until': 'next_transfer',
  'platform.mode': 'next_transfer',
  'platform.report': 'next_transfer',
  'platform.ping_seconds': 'next_transfer',
  'exposure_analytics.batch_max_documents': 'next_transfer',
  'exposure_analytics.batch_max_bytes': 'next_transfer',
  'exposure_analytics.batch_max_age_seconds': 'next_transfer',
  'exposure_analytics.spool_max_bytes': 'now',
  'exposure_analytics.spool_max_documents': 'now',
  'exposure_analytics.fields': 'now',
  'telemetry.logs': 'next_transfer',
  ...effectsOfPurposes(['url', 'enabled', 'headers', 'bearer_token']),
};

/** Holds the settings that `settings()` returns. */
export class SettingsReloader implements Reloadable {
  readonly name = 'settings';
  #current: Settings;
  readonly #onTaken: (settings: Settings) => void;

  /** `onTaken` is called with settings once they are active, including the first ones. */
  constructor(first: Settings, onTaken: (settings: Settings) => void = () => undefined) {
    this.#current = first;
    this.#onTaken = onTaken;
  }

  get current(): Settings {
    return this.#current;
  }

  verify(): void {
    // Any settings that passed the schema are accepted.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    this.#current = to;
    this.#onTaken(to);
    return Promise.resolve({ changes: changesOf(from, to, TAKEN) });
  }
}
