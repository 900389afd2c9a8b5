// The options of a platform, and what it has opened.

import type { EventLog } from '#origin/event-log.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { LicenseSigner } from './licenses/license.ts';
import type { LicenseBook, LicenseEvent } from './licenses/license-book.ts';
import type { Fleet, FleetEvent } from './link/fleet.ts';

export interface PlatformOptions {
  readonly files: Files;
  /** The folder; created if it is missing. */
  readonly dir: string;
  /** The served folder, whose releases are announced. */
  readonly root: string;
  readonly clock: Clock;
  /** Signs licenses; without it, there is no activation. */
  readonly licenseSigner?: LicenseSigner | undefined;
  /** The origin that agents use, such as `https://updates.example.com`. Default: that of each request. */
  readonly publicOrigin?: string | undefined;
}

export interface OpenedPlatform {
  readonly options: PlatformOptions;
  readonly fleet: Fleet;
  readonly fleetLog: EventLog<FleetEvent>;
  readonly book: LicenseBook;
  readonly licenseLog: EventLog<LicenseEvent>;
}
