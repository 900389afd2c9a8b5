// Sends support logs as `support_logs.schedule` says, after the fixed delay of this host.
//
// Guarantees: there is one job for each scheduled time. If several times were missed while the host was down, there is
// one job for all of them. Times before the daemon first used this schedule do not count as missed. The wall clock is
// read every two minutes, so a clock step or a suspend delays a job by at most that. A job is recorded before it
// starts; if a crash happens between the two, the job is not run.

import { join } from 'node:path';
import { z } from 'zod';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Timer } from '#system/clock.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';
import { Zone } from '#system/time/zone.ts';
import { doneUntil, fixedDelay } from './decide-round.ts';
import { Slots } from './slots.ts';

const FILE = 'logs-schedule.json';
const LOOK_EVERY_MS = 120_000;

const stateSchema = z.strictObject({
  /** The schedule and its time zone, for which every slot up to `done_at` is done. */
  timetable: z.string(),
  done_at: momentSchema,
});
type State = z.infer<typeof stateSchema>;

/** A schedule at work. */
export class LogsSchedule {
  readonly #parts: Parts;
  readonly #saved: SavedState<State>;
  #state: State | null = null;
  #slots: { readonly timetable: string; readonly slots: Slots } | null = null;
  #timer: Timer | null = null;
  #isStopped = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { files, ports } = parts;
    const reader = { format: 1, parse: (raw: unknown) => stateSchema.parse(raw) };
    this.#saved = new SavedState(files, join(ports.settings().daemon.state_dir, FILE), reader);
  }

  /** Starts it. @throws CodedError STATE-UNREADABLE */
  static async start(parts: Parts): Promise<LogsSchedule> {
    const schedule = new LogsSchedule(parts);
    const loaded = await schedule.#saved.load();
    if (loaded.kind === 'set-aside') parts.report({ name: 'state-set-aside', error: loaded.error });
    if (loaded.kind === 'loaded') schedule.#state = loaded.value;
    parts.config.watch({ ended: (outcome) => outcome === 'applied' && schedule.#look() });
    schedule.#look();
    return schedule;
  }

  /** Wall time of the next job; null without a schedule. */
  nextAt(): number | null {
    const { clock } = this.#parts;
    const slots = this.#current();
    if (slots === null) return null;
    const done = this.#state?.timetable === slots.timetable ? doneUntil(this.#state.done_at, clock.now()) : clock.now();
    const slot = slots.slots.next(done);
    return slot === null ? null : slot + this.#delayMs();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #look(): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    void this.#run().finally(() => {
      if (this.#isStopped) return;
      const { clock } = this.#parts;
      const at = this.nextAt();
      const waitMs = at === null ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, at - clock.now());
      this.#timer = clock.after(Math.max(1_000, waitMs), () => this.#look());
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, uploads, report } = this.#parts;
    const slots = this.#current();
    if (slots === null || uploads.bundles.refusal !== null) return;
    const scoped = reportOf('support_logs', report);
    try {
      if (this.#state?.timetable !== slots.timetable) return await this.#done(slots.timetable);
      const at = this.nextAt();
      if (at === null || at > clock.now()) return;
      await this.#done(slots.timetable);
      const { jobs } = await uploads.bundles.require();
      const requestedBy = { how: 'schedule', user: null, request: null } as const;
      await jobs.request({ requestedBy, case: null, note: null, sinceMs: null, prepare: false });
    } catch (thrown) {
      scoped({ name: 'scheduled-logs-skipped', error: asCoded(thrown) });
    }
  }

  /** Records that every slot up to now is done. */
  async #done(timetable: string): Promise<void> {
    this.#state = { timetable, done_at: this.#parts.clock.now() };
    await this.#saved.save(() => this.#state ?? { timetable, done_at: 0 });
  }

  #current(): { readonly timetable: string; readonly slots: Slots } | null {
    const { support_logs: section, time_zone: zone } = this.#parts.ports.settings();
    const { schedule } = section;
    if (schedule === undefined) return null;
    const timetable = `${schedule} ${zone ?? ''}`;
    if (this.#slots?.timetable !== timetable) this.#slots = { timetable, slots: new Slots(schedule, new Zone(zone)) };
    return this.#slots;
  }

  #delayMs(): number {
    const { ports } = this.#parts;
    return fixedDelay(`logs ${ports.agent.id}`, ports.settings().support_logs.jitter_seconds);
  }
}
