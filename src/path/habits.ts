// Remembers facts about each route: whether range requests work, whether responses have Via, what the path does to
// large transfers (`limits.ts`), and when the route was last used. It also keeps the hosts that redirects and feeds led
// to.
//
// There is one small state file with at most 256 routes; the least recently used is dropped first. Without the file,
// downloads are only slower, so losing it is harmless. A crash leaves the old file or the new one.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import { NO_SECRETS, type Redactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { NewestMap } from '#system/newest.ts';
import { loadState, peekState, saveState } from '#system/state-file.ts';
import { adviceFor, NO_ADVICE, type PathAdvice, type ShownLimit, shownLimits } from './advice.ts';
import {
  KIND_WORDS,
  KINDS_KEPT,
  kindOfRoute,
  kindOfTransfer,
  PATH_KINDS,
  type PathKind,
  type TransferShape,
} from './kind.ts';
import { type LimitObservation, limitsSchema, NO_LIMITS, withLimit } from './limits.ts';
import {
  type HostObservation,
  MAX_HOSTS,
  type ObservedHost,
  observedHostSchema,
  withObservation,
} from './observed-hosts.ts';

/** File name in the state folder. */
export const PATHS_FILE = 'paths.json';

const FORMAT = 2;
const MAX_ROUTES = 256;

const habitsSchema = z.strictObject({
  proxy: z.string(),
  origin: z.string(),
  /** Wall time of the last response over this route, ms since the epoch. */
  seen_at: momentSchema,
  /** The last Via value, or null when responses come without one. */
  via: z.string().nullable(),
  /** Whether a Range request was answered with the range, or null when none was made. */
  ranges_work: z.boolean().nullable(),
  /** Wall time of the last Range request, or null. */
  ranges_at: momentSchema.nullable().default(null),
  /** ETag of the last package: `strong` allows a resume; null before the first package. */
  etag: z.enum(['strong', 'weak', 'none']).nullable().default(null),
  /** Kinds of the last transfers, the newest last. */
  kinds: z.array(z.enum(PATH_KINDS)).max(KINDS_KEPT).default([]),
  /** What it does to large transfers. */
  limits: limitsSchema.default(NO_LIMITS),
});
const fileSchema = z.strictObject({
  routes: z.array(habitsSchema).max(MAX_ROUTES),
  hosts: z.array(observedHostSchema).max(MAX_HOSTS).default([]),
});
const READER = { format: FORMAT, parse: (raw: unknown) => fileSchema.parse(raw) };

/** What one route has shown. */
export type Habits = z.infer<typeof habitsSchema>;

/** What identifies a route. */
interface RouteName {
  readonly proxy: string;
  readonly origin: string;
}

/** What one response showed. */
export interface RouteObservation extends RouteName {
  readonly via: string | null;
  /** Null when the request had no range. */
  readonly rangeWorked: boolean | null;
  /** The ETag of a package; null if it had none. Absent for other responses. */
  readonly etag?: string | null;
}

/** The hosts in such a file, for read-only callers; null when it cannot be read. Changes nothing. */
export async function peekHosts(files: Files, path: string): Promise<readonly ObservedHost[] | null> {
  const peeked = await peekState(files, path, READER);
  if (peeked.kind === 'unreadable') return null;
  return peeked.kind === 'absent' ? [] : peeked.value.hosts;
}

/** The only store of route habits. */
export class PathHabits {
  readonly #files: Files;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #redactor: Redactor;
  readonly #routes = new NewestMap<string, Habits>(MAX_ROUTES);
  #hosts: readonly ObservedHost[] = [];
  /** Limits were observed that are not on disk yet. */
  #hasNewLimits = false;

  constructor(files: Files, path: string, parts: { readonly clock: Clock; readonly redactor?: Redactor }) {
    this.#files = files;
    this.#path = path;
    this.#clock = parts.clock;
    this.#redactor = parts.redactor ?? NO_SECRETS;
  }

  /** Loads the saved state. A file that cannot be read is set aside and named in the returned failure. */
  async load(): Promise<CodedError | null> {
    const loaded = await loadState(this.#files, this.#path, READER);
    if (loaded.kind === 'loaded') {
      for (const habits of loaded.value.routes) this.#routes.set(keyOf(habits), habits);
      this.#hosts = loaded.value.hosts;
    }
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** Records one response; in memory only until `save`. */
  observe(observation: RouteObservation): void {
    const key = keyOf(observation);
    const before = this.#routes.get(key);
    this.#routes.set(key, {
      proxy: observation.proxy,
      origin: observation.origin,
      seen_at: this.#clock.now(),
      // A proxy that echoes our own credentials must not bring them into a file.
      via: observation.via === null ? null : this.#redactor.redact(observation.via),
      ranges_work: observation.rangeWorked ?? before?.ranges_work ?? null,
      ranges_at: observation.rangeWorked === null ? (before?.ranges_at ?? null) : this.#clock.now(),
      etag: observation.etag === undefined ? (before?.etag ?? null) : strengthOf(observation.etag),
      kinds: before?.kinds ?? [],
      limits: before?.limits ?? NO_LIMITS,
    });
  }

  /** Records what one response showed of the limits of this route. */
  observeLimit(route: RouteName, observed: LimitObservation): void {
    const known = this.#known(route);
    const limits = withLimit(known.limits, observed, this.#clock.now());
    this.#hasNewLimits ||= JSON.stringify(limits) !== JSON.stringify(known.limits);
    known.limits = limits;
  }

  /** How to request a file over this route. */
  adviceFor(route: RouteName): PathAdvice {
    const known = this.#routes.get(keyOf(route));
    return known === undefined ? NO_ADVICE : adviceFor(known.limits, known.ranges_work === false, this.#clock.now());
  }

  /** The limits of this route that are in use. */
  limitsOf(route: RouteName): ShownLimit[] {
    return shownLimits(this.#routes.get(keyOf(route))?.limits ?? NO_LIMITS, this.#clock.now());
  }

  /** Records the kind of path that one transfer showed. */
  observeKind(route: RouteName, kind: PathKind): void {
    const known = this.#known(route);
    known.kinds = [...known.kinds, kind].slice(-KINDS_KEPT);
  }

  /**
   * Records one transfer and returns its kind, if it shows one. Bytes that fail verification never count as the whole
   * package.
   */
  observeTransfer(route: RouteName, shape: TransferShape, verified: boolean): PathKind | null {
    const kind = kindOfTransfer({ ...shape, whole: shape.whole && verified });
    if (kind !== null) this.observeKind(route, kind);
    return kind;
  }

  /** The kind of this route in words; null when no transfer has shown it. */
  wordsOf(route: RouteName): string | null {
    const kind = this.kindOf(route);
    return kind === null ? null : KIND_WORDS[kind];
  }

  /** What kind of path this route is; null when no transfer has shown it. */
  kindOf(route: RouteName): PathKind | null {
    return kindOfRoute(this.#routes.get(keyOf(route))?.kinds ?? []);
  }

  /** Records a host that something led to, whatever it is; in memory only until `save`. */
  ledTo(observation: HostObservation): void {
    // A server that knows one of our secrets must not bring it into a file inside a host name.
    const urls = observation.urls.filter(({ origin }) => this.#redactor.redact(origin) === origin);
    this.#hosts = withObservation(this.#hosts, { ...observation, urls }, this.#clock.now());
  }

  /** Every recorded host, the most recent first. */
  hosts(): readonly ObservedHost[] {
    return this.#hosts.toReversed();
  }

  /** Every route, the most recently used first. */
  list(): Habits[] {
    return [...this.#routes.values()].reverse();
  }

  /** Writes newly observed limits, which a process that is killed must not lose. */
  async saveLimits(): Promise<void> {
    if (this.#hasNewLimits) await this.save();
  }

  async save(): Promise<void> {
    this.#hasNewLimits = false;
    const value = { routes: [...this.#routes.values()], hosts: this.#hosts };
    await saveState(this.#files, this.#path, { format: FORMAT, value });
  }

  #known(route: RouteName): Habits {
    const { proxy, origin } = route;
    const found = this.#routes.get(keyOf(route));
    if (found !== undefined) return found;
    this.observe({ proxy, origin, via: null, rangeWorked: null });
    return this.#routes.get(keyOf(route)) as Habits;
  }
}

/** RFC 9110, 8.8.3: a weak ETag is marked `W/` and guarantees nothing about single bytes. */
function strengthOf(etag: string | null): Habits['etag'] {
  if (etag === null) return 'none';
  return etag.startsWith('W/') ? 'weak' : 'strong';
}

function keyOf(route: RouteName): string {
  return `${route.proxy} ${route.origin}`;
}
