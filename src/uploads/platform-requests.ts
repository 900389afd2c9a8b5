// Requests from the platform for support logs. The configuration decides whether they are denied, kept until a person
// decides, or allowed.
//
// Guarantees: a request has only an id and a case number, and each id is handled once, even after a restart. Nothing is
// collected for a denied request. The record names the user who decided. A request without a decision is denied after
// 72 hours, but not because of a wrong clock that is corrected within an hour. The caller authenticates the platform.
// Relies on the lock of the state folder.

import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';
import { Zone } from '#system/time/zone.ts';
import { Turns } from '#system/turns.ts';

const FILE = 'platform-requests.json';
const FORMAT = 1;
const WAITS_MS = 72 * 3_600_000;
/** How long the clock must show that a request is too old, in monotonic time. NTP corrects a wrong clock sooner. */
const OVERDUE_MS = 3_600_000;
/** Requests that are remembered, so that each is handled once. */
const MAX_KEPT = 1_000;
const MAX_WAITING = 50;
/** Who decided, if no person did. */
const BY_CONFIGURATION = 'the configuration';
const BY_TIME = 'the time limit of 72 hours';

/** What the platform sends. */
export const logsRequestSchema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/),
  case: z
    .string()
    .min(1)
    .max(64)
    .regex(/^\P{Cc}+$/u)
    .nullable(),
});
export type LogsRequest = z.infer<typeof logsRequestSchema>;

const storedSchema = z.strictObject({
  id: z.string(),
  case: z.string().nullable(),
  at: momentSchema,
  state: z.enum(['waiting', 'approved', 'denied']),
  decided_at: momentSchema.nullable(),
  decided_by: z.string().nullable(),
  job: z.string().nullable(),
});
export type StoredRequest = Readonly<z.infer<typeof storedSchema>>;
const fileSchema = z.strictObject({ requests: z.array(storedSchema) });

export interface PlatformRequestsPorts {
  readonly files: Files;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly report: ScopedReport;
  settings(): Pick<Settings, 'support_logs' | 'time_zone'>;
  /** Starts the job of a request, or returns the one that it has. @throws CodedError POLICY-UPLOADS, UPLOADS-OFF, JOB-TOO-SOON, JOBS-FULL */
  start(request: LogsRequest): Promise<string>;
}

/** The requests of one state folder. */
export class PlatformRequests {
  readonly #ports: PlatformRequestsPorts;
  readonly #state: SavedState<z.infer<typeof fileSchema>>;
  readonly #turns = new Turns();
  #requests: readonly StoredRequest[] = [];
  /** When each overdue request was first found overdue, in monotonic ms. A restart starts this hour again. */
  #overdueSince: ReadonlyMap<string, number> = new Map();

  private constructor(ports: PlatformRequestsPorts) {
    this.#ports = ports;
    const reader = { format: FORMAT, parse: (raw: unknown) => fileSchema.parse(raw) };
    this.#state = new SavedState(ports.files, join(ports.stateDir, FILE), reader);
  }

  /** @throws CodedError STATE-UNREADABLE */
  static async open(ports: PlatformRequestsPorts): Promise<PlatformRequests> {
    const made = new PlatformRequests(ports);
    const loaded = await made.#state.load();
    if (loaded.kind === 'set-aside') ports.report({ name: 'state-set-aside', error: loaded.error });
    if (loaded.kind === 'loaded') made.#requests = loaded.value.requests;
    return made;
  }

  /** Every request that is remembered, newest first. */
  async list(): Promise<readonly StoredRequest[]> {
    await this.#turns.run(() => this.#denyOld());
    return this.#requests.toReversed();
  }

  /** Requests that wait for a person. */
  get waiting(): number {
    return this.#requests.filter(({ state }) => state === 'waiting').length;
  }

  /** Handles a request of the platform; a repeated one has the same answer. @throws what `start` throws; DISK-FULL, FILE-* */
  receive(request: LogsRequest): Promise<StoredRequest> {
    return this.#turns.run(async () => {
      await this.#denyOld();
      const known = this.#requests.find(({ id }) => id === request.id);
      if (known !== undefined) return known;
      const mode = this.#mode();
      const { report } = this.#ports;
      if (mode === 'allow') return await this.#approve(this.#newRequest(request), BY_CONFIGURATION);
      if (mode === 'ask' && this.waiting < MAX_WAITING) {
        report({ name: 'logs-request-waits', request: request.id, case: request.case ?? '-' });
        return await this.#put(this.#newRequest(request));
      }
      return await this.#deny(this.#newRequest(request), BY_CONFIGURATION);
    });
  }

  /** A person decides. @throws CodedError REQUEST-UNKNOWN; what `start` throws; DISK-FULL, FILE-* */
  decide(id: string, { approve, by }: { readonly approve: boolean; readonly by: string }): Promise<StoredRequest> {
    return this.#turns.run(async () => {
      await this.#denyOld();
      const request = this.#requests.find((one) => one.id === id);
      if (request?.state !== 'waiting') throw coded('REQUEST-UNKNOWN', { request: id.slice(0, 128) });
      return approve ? await this.#approve(request, by) : await this.#deny(request, by);
    });
  }

  /** The job first: after a crash, the same request leads to the same job. */
  async #approve(request: StoredRequest, by: string): Promise<StoredRequest> {
    const job = await this.#ports.start({ id: request.id, case: request.case });
    this.#ports.report({ name: 'logs-request-approved', request: request.id, by, job });
    return await this.#put({ ...request, state: 'approved', ...this.#decidedBy(by), job });
  }

  async #deny(request: StoredRequest, by: string): Promise<StoredRequest> {
    this.#ports.report({ name: 'logs-request-denied', request: request.id, by });
    return await this.#put({ ...request, state: 'denied', ...this.#decidedBy(by) });
  }

  async #denyOld(): Promise<void> {
    const { clock } = this.#ports;
    const [wall, monotonic] = [clock.now(), clock.monotonic()];
    const old = this.#requests.filter((request) => request.state === 'waiting' && isOld(request, wall));
    // A request that is no longer overdue, because the clock was corrected, is left out.
    const since = new Map(old.map(({ id }) => [id, this.#overdueSince.get(id) ?? monotonic]));
    this.#overdueSince = since;
    for (const request of old) {
      if (monotonic - (since.get(request.id) ?? monotonic) >= OVERDUE_MS) await this.#deny(request, BY_TIME);
    }
  }

  #decidedBy(by: string): Pick<StoredRequest, 'decided_at' | 'decided_by'> {
    return { decided_at: this.#ports.clock.now(), decided_by: by };
  }

  #newRequest({ id, case: number }: LogsRequest): StoredRequest {
    const at = this.#ports.clock.now();
    return { id, case: number, at, state: 'waiting', decided_at: null, decided_by: null, job: null };
  }

  /** What the configuration says today. */
  #mode(): 'deny' | 'ask' | 'allow' {
    const { support_logs: section, time_zone: zone } = this.#ports.settings();
    const { on_platform_request: mode, allow_until: until } = section;
    if (mode !== 'allow' || until === undefined) return mode;
    const today = utcTime(new Zone(zone).local(this.#ports.clock.now())).slice(0, 10);
    return today <= until ? 'allow' : 'ask';
  }

  async #put(request: StoredRequest): Promise<StoredRequest> {
    const isKnown = this.#requests.some(({ id }) => id === request.id);
    const all = isKnown
      ? this.#requests.map((one) => (one.id === request.id ? request : one))
      : [...this.#requests, request];
    const kept = all.slice(-MAX_KEPT);
    await this.#state.save(() => ({ requests: kept }));
    this.#requests = kept;
    return request;
  }
}

/** When a waiting request becomes overdue, in ms since the epoch. */
export function decidableUntil({ at }: StoredRequest): number {
  return at + WAITS_MS;
}

function isOld(request: StoredRequest, nowMs: number): boolean {
  return nowMs >= decidableUntil(request);
}
