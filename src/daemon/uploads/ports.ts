// What the uploads need from the rest of the program. `compose.ts` passes it to each purpose.

import type { Settings } from '#config/settings.ts';
import type { Outcomes } from '#daemon/outcomes.ts';
import type { HostActivation } from '#daemon/platform/host-activation.ts';
import type { NetworkReloader } from '#daemon/reload/network-reloader.ts';
import type { ReloadCoordinator } from '#daemon/reload/reload.ts';
import type { TokenGuard } from '#http/purpose-headers.ts';
import type { Report } from '#logging/events.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import type { Ballast } from '#spool/ballast.ts';
import type { Spool } from '#spool/spool.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { Receipt } from '#updates/receipts/receipt.ts';
import type { SentRecord } from '#uploads/sent-record.ts';

/** What the composition root has. */
export interface UploadsPorts {
  readonly stateDir: string;
  readonly files: Files;
  readonly clock: Clock;
  /** Measures the opening and the reuse of connections. */
  readonly connectionClock: Clock;
  readonly random: Random;
  readonly report: Report;
  readonly redactor: SpanRedactor;
  readonly network: NetworkReloader;
  readonly config: ReloadCoordinator;
  readonly tokens: TokenGuard;
  readonly agent: { readonly id: string; readonly version: string };
  readonly outcomes: Outcomes;
  /** The spool of receipts, which the updates own. */
  readonly receipts: Spool<Receipt>;
  /** Signs the requests of an activated host. */
  readonly activation: Pick<HostActivation, 'signerFor'>;
  /** The active settings; read at each use. */
  settings(): Settings;
}

/** What a purpose gets. */
export interface PurposePorts extends UploadsPorts {
  /** The folder of all spools. */
  readonly outbox: string;
  /** The ballast of the outbox, made on first use. @throws CodedError FOLDER-UNSAFE, FILE-* */
  ballast(): Promise<Ballast>;
  /** The record of what left this host. */
  readonly sent: SentRecord;
}
