// Stores the date of each proxy profile that is new in settings that become active.

import { type ActiveProfile, noteActiveProfiles } from '#config/editing/profile-dates.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Settings } from '#config/settings.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';

export interface ProfileDatesOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** Whether no settings were active on this host before this start. */
  readonly isFirstStart: boolean;
}

/** Stores the dates for `proxy list`. A date that cannot be stored stays unknown, and the settings become active. */
export class ProfileDatesReloader implements Reloadable {
  readonly name = 'profile-dates';
  readonly #options: ProfileDatesOptions;

  constructor(options: ProfileDatesOptions) {
    this.#options = options;
  }

  verify(): void {
    // Any settings that passed the schema are accepted.
  }

  async commit(_from: Settings | null, to: Settings): Promise<CommitReport> {
    const { files, clock, isFirstStart } = this.#options;
    const profiles = to.proxies.map(activeProfileOf);
    await noteActiveProfiles(files, to.daemon.state_dir, { profiles, now: clock.now(), isFirstStart });
    return { changes: [] };
  }
}

function activeProfileOf({ name, scheme, address, port }: Settings['proxies'][number]): ActiveProfile {
  return { name, server: `${scheme} ${address ?? '-'} ${address === undefined ? '-' : port}` };
}
