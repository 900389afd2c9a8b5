// `proxy_change: confirm`: a file that was edited by hand comes into force only when the stages of each purpose pass that it
// sends another way, or when somebody confirms it. It is held or taken as a whole, and never written.
//
// Guarantees: a file that is held is told at once and once a day, with the reason, and tried again with that; what is in
// force meanwhile is the last confirmed file. A crash leaves that one (`confirmed-file.ts`).

import { readConfigText } from '#config/editing/edit-file.ts';
import type { Purpose } from '#config/purposes.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import type { TrialFailure, HeldFile } from '#control/change.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { keepConfirmed } from './confirmed-file.ts';

const REPORT_INTERVAL_MS = 86_400_000;
/** Stages that hang are no reason to hold the file for ever. */
const MAX_TRIAL_MS = 60_000;

export interface GateParts {
  readonly clock: Clock;
  readonly files: Files;
  readonly report: Report;
  /** The settings in force. */
  settings(): Settings;
  /** The first failure of these purposes with this text; null when there is none. */
  tryFile(text: string, purposes: Purpose[], signal: AbortSignal): Promise<TrialFailure | null>;
  readonly signal: AbortSignal;
}

/** Stands between a file that was read and the settings in force. */
export class FileGate {
  readonly #parts: GateParts;
  #held: (HeldFile & { readonly digest: string }) | null = null;
  #confirmed: string | null = null;
  #tried: Settings | null = null;
  #timer: Timer | null = null;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** The file as it is now, when it waits to be confirmed. */
  get held(): HeldFile | null {
    if (this.#held === null) return null;
    const { since, failure } = this.#held;
    return { since, failure };
  }

  /** A person confirms the file that is held; false where none is. Whoever follows the file has to read it again. */
  confirm(): boolean {
    if (this.#held === null) return false;
    this.#confirmed = this.#held.digest;
    return true;
  }

  /** These were tried and confirmed before they are written: the next file that sends each purpose their way is no news. */
  expect(settings: Settings): void {
    this.#tried = settings;
  }

  /** Whether what was read may come into force; `again` reads it once more, a day later. */
  async admits(read: LoadedSettings, again: () => void): Promise<boolean> {
    const from = this.#parts.settings();
    const purposes = changedRoutes(from, read.settings);
    const isTried = this.#tried !== null && changedRoutes(this.#tried, read.settings).length === 0;
    if (purposes.length > 0) this.#tried = null;
    const isConfirmed = isTried || this.#confirmed === read.digest;
    const isFree = from.proxy_change !== 'confirm' || purposes.length === 0 || isConfirmed;
    const failure = isFree ? null : await this.#try(read, purposes);
    this.#timer?.cancel();
    if (failure === null) {
      this.#held = null;
      this.#confirmed = null;
      return true;
    }
    const { clock, report } = this.#parts;
    const since = this.#held?.digest === read.digest ? this.#held.since : utcTime(clock.now());
    this.#held = { since, failure, digest: read.digest };
    report({ name: 'file-held', file: read.file, since, code: failure.code, message: failure.message });
    this.#timer = clock.after(REPORT_INTERVAL_MS, again);
    return false;
  }

  /** What came into force is confirmed. Kept only where it is asked for. */
  async keep({ file, digest, settings }: LoadedSettings): Promise<void> {
    if (settings.proxy_change !== 'confirm') return;
    const { files, report } = this.#parts;
    try {
      const now = await readConfigText(files, file);
      if (now.digest === digest) await keepConfirmed(files, settings.daemon.state_dir, now.text);
    } catch (thrown) {
      report({ name: 'fault', error: asCoded(thrown) });
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #try({ file, digest }: LoadedSettings, purposes: Purpose[]): Promise<TrialFailure | null> {
    const { clock, files, signal } = this.#parts;
    const { text, digest: now } = await readConfigText(files, file);
    if (now !== digest) return { ...LATE, message: 'The file changed while it was read.' };
    const ending = new AbortController();
    const timer = clock.after(MAX_TRIAL_MS, () => ending.abort(), 'a file that is tried');
    try {
      return await this.#parts.tryFile(text, purposes, AbortSignal.any([signal, ending.signal]));
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return ending.signal.aborted ? LATE : { ...LATE, code: asCoded(thrown).code, message: asCoded(thrown).message };
    } finally {
      timer.cancel();
    }
  }
}

const LATE: TrialFailure = {
  code: 'no answer in time',
  message: 'The stages did not end within a minute.',
  check: 'See the log and: sallyport check.',
  hop: 'this host',
  class: 'timeout',
};
