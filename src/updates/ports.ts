// What the steps of a check for updates need from the rest of the program, in one object. `daemon/compose.ts` or a test
// makes it, so no step depends on anything global.

import type { Settings } from '#config/settings.ts';
import type { Throttle } from '#http/exchange.ts';
import type { TokenGuard } from '#http/purpose-headers.ts';
import type { Session } from '#http/session/session.ts';
import type { Report } from '#logging/events.ts';
import type { PathHabits } from '#path/habits.ts';
import type { KeptConnections } from '#proxy/kept-connections.ts';
import type { Router } from '#proxy/route.ts';
import type { Spool } from '#spool/spool.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { TimeoutMemory } from '#timeout/memory.ts';
import type { ResponseTimeoutModel } from '#timeout/model.ts';
import type { TimeoutStore } from '#timeout/spaced-saves.ts';
import type { ProxyWitnesses } from '#transfer/hold-watch.ts';
import type { RunningTransfers } from '#transfer/running-transfers.ts';
import type { AgentIdentity } from './agent-id.ts';
import type { DiskPause } from './disk-pause.ts';
import type { Feed } from './feed/feed.ts';
import type { UpdatesHold } from './hold/hold.ts';
import type { UpdateHours } from './hold/windows.ts';
import type { HookJournal } from './hook/hook-journal.ts';
import type { UpdatesMemory } from './memory.ts';
import type { PackageRetries } from './package/package-retries.ts';
import type { PackageStore } from './package/package-store.ts';
import type { Receipt } from './receipts/receipt.ts';
import type { TrustMemory } from './signed/trust-memory.ts';

/** Everything that the steps of a round use. */
export interface UpdatesPorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** For packages. */
  readonly router: Router;
  /** For the feed and the receipts. */
  readonly session: Session;
  readonly feed: Feed;
  readonly memory: UpdatesMemory;
  /** What is remembered about signed feeds. */
  readonly trust: TrustMemory;
  readonly store: PackageStore;
  readonly spool: Spool<Receipt>;
  readonly habits: PathHabits;
  readonly model: ResponseTimeoutModel;
  /** The stored samples and plans of the timeout model. */
  readonly timeouts: TimeoutMemory;
  /** Set in a round: saves what several packages teach together. */
  readonly spacedTimeouts?: TimeoutStore;
  /** Set in a round with many small packages: connections that are used again. */
  readonly connections?: KeptConnections;
  /** Find out that a proxy is dead while it holds a package back. */
  readonly witnesses: ProxyWitnesses;
  readonly disk: DiskPause;
  readonly retries: PackageRetries;
  readonly hooks: HookJournal;
  readonly hold: UpdatesHold;
  /** The hours of downloads and of publications. */
  readonly windows: UpdateHours;
  /** The bandwidth limit of all packages together. */
  readonly throttle: Throttle;
  /** The downloads that run at the same time. */
  readonly running: RunningTransfers;
  readonly report: Report;
  readonly agent: AgentIdentity;
  readonly tokens: TokenGuard;
  /** Called with the address of this host in each connection that answered; null if it is not known. */
  reachedFrom?(address: string | null): void;
  /** Aborted with ROUTE-CHANGED when updates get another route. */
  rerouted(): AbortSignal;
  /** The active settings; read at each use, never kept. */
  settings(): Settings;
}
