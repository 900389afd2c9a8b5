// Counts what the events report: transfers, bytes, failures, connections, and how long Sallyport waited.
//
// Guarantees: every label has a limited number of values (`labels.ts`), and so the number of series is limited. Events
// are only read, as by the log. An event that is not known never causes an error. The counters start at zero with the
// process.

import { Counter, Histogram, type OpenMetricsContentType, type Registry } from 'prom-client';
import { isPurpose } from '#config/purposes.ts';
import { CATALOGUE } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import { type Hop, readHop } from '#errors/hop.ts';
import { EVENTS, type EventName, type SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { BoundedLabel, OTHER, type ProxyLabel } from './labels.ts';

/** In seconds: from a fast local server to a proxy that scans a large package. */
const BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800];
/** Maximum number of pairs of a code and a hop that have a series of their own. */
const MAX_FAILURES = 400;
/** Downloads whose progress is followed; more never run at a time. */
const MAX_RUNNING = 64;

const HOP_LABEL: Readonly<Record<Hop['kind'], string>> = { 'this host': 'host', proxy: 'proxy', origin: 'origin' };

interface EventMetricsParts {
  readonly registry: Registry<OpenMetricsContentType>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly proxies: ProxyLabel;
}

const KINDS = ['package', 'bundle', 'batch', 'receipt', 'link'] as const;
const RESULTS = ['success', 'failure'] as const;

type Counts = Readonly<Partial<Record<EventName, (event: SallyportEvent) => unknown>>>;

/** The events that end an attempt to transfer something. */
const TRANSFERS: Readonly<
  Partial<Record<EventName, readonly [kind: (typeof KINDS)[number], result: (typeof RESULTS)[number]]>>
> = {
  downloaded: ['package', 'success'],
  'download-failed': ['package', 'failure'],
  uploaded: ['bundle', 'success'],
  'upload-failed': ['bundle', 'failure'],
  'upload-failed-again': ['bundle', 'failure'],
  'upload-held': ['bundle', 'failure'],
  'upload-refused': ['bundle', 'failure'],
  'batch-sent': ['batch', 'success'],
  'batch-failed': ['batch', 'failure'],
  'batch-failed-again': ['batch', 'failure'],
  'batch-held': ['batch', 'failure'],
  'receipt-delivered': ['receipt', 'success'],
  'receipt-failed': ['receipt', 'failure'],
  'platform-connected': ['link', 'success'],
  'platform-failed': ['link', 'failure'],
};

export class EventMetrics {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #proxies: ProxyLabel;
  readonly #failureLabels = new BoundedLabel(MAX_FAILURES);
  /** Bytes of a package that are counted already, by its ID. */
  readonly #positions = new NewestMap<string, number>(MAX_RUNNING);
  /** Packages whose first byte is awaited, by ID. */
  readonly #awaited = new NewestMap<string, { readonly atMs: number; readonly proxy: string }>(MAX_RUNNING);
  readonly #made: ReturnType<typeof makeMetrics>;
  readonly #work: Counts = {
    'round-ended': () => this.#made.checks.inc({ result: 'success' }),
    'round-failed': () => this.#made.checks.inc({ result: 'failure' }),
    connected: (event) => this.#connected(event),
    'connected-direct': (event) => this.#connected(event),
    'failed-over': ({ proxy }) => this.#made.failovers.inc({ proxy: this.#proxies.of(proxy) }),
    published: () => this.#made.packages.inc({ result: 'published' }),
    withdrawn: () => this.#made.packages.inc({ result: 'withdrawn' }),
    'item-refused': () => this.#made.packages.inc({ result: 'refused' }),
    uploaded: ({ length, elapsed }) => {
      this.#made.sent.inc({ kind: 'bundle' }, amount(length));
      this.#made.uploads.observe(amount(elapsed) / 1_000);
    },
    'batch-sent': ({ wireBytes }) => this.#made.sent.inc({ kind: 'batch' }, amount(wireBytes)),
  };
  readonly #downloads: Counts = {
    waiting: ({ id, proxy, limit }) => {
      const label = this.#proxies.of(proxy ?? null);
      this.#made.deadlines.observe({ proxy: label }, amount(limit) / 1_000);
      this.#awaited.set(String(id), { atMs: this.#clock.monotonic(), proxy: label });
    },
    downloading: ({ id }) => this.#positions.set(String(id), 0),
    resuming: ({ id, offset }) => this.#positions.set(String(id), amount(offset)),
    progress: ({ id, received }) => this.#arrived(String(id), amount(received)),
    downloaded: ({ id, length, silence, elapsed }) => {
      this.#arrived(String(id), amount(length));
      this.#made.silences.observe(amount(silence) / 1_000);
      this.#made.downloads.observe(amount(elapsed) / 1_000);
      this.#forget(String(id));
    },
    'download-failed': ({ id }) => this.#forget(String(id)),
    'download-parked': ({ id }) => this.#forget(String(id)),
    rerouted: ({ id }) => this.#forget(String(id)),
  };

  constructor({ registry, clock, proxies }: EventMetricsParts) {
    this.#clock = clock;
    this.#proxies = proxies;
    this.#made = makeMetrics(registry);
    this.#beginAtZero();
  }

  /** A rate needs a series before the first event. */
  #beginAtZero(): void {
    const { checks, packages, transfers } = this.#made;
    for (const result of RESULTS) {
      checks.inc({ result }, 0);
      for (const kind of KINDS) transfers.inc({ kind, result }, 0);
    }
    for (const result of ['published', 'withdrawn', 'refused']) packages.inc({ result }, 0);
  }

  update(event: SallyportEvent): void {
    const { lines } = this.#made;
    lines.inc({ level: EVENTS[event.name].level });
    this.#countFailure(event);
    const [kind, result] = TRANSFERS[event.name] ?? [];
    if (kind !== undefined && result !== undefined) this.#made.transfers.inc({ kind, result });
    this.#work[event.name]?.(event);
    this.#downloads[event.name]?.(event);
  }

  #countFailure(event: SallyportEvent): void {
    const { error, code } = event;
    if (error instanceof CodedError) this.#fail(error.code, error.place);
    // A repeated failure of the same entry is reported by its code only.
    else if (typeof code === 'string' && Object.hasOwn(CATALOGUE, code)) this.#fail(code, readHop(event['hop']));
  }

  #fail(code: string, place: Hop | null): void {
    const hop = place === null ? 'unknown' : HOP_LABEL[place.kind];
    const isKept = this.#failureLabels.of(`${code} ${hop}`) !== OTHER;
    this.#made.failures.inc(isKept ? { code, hop } : { code: OTHER, hop: OTHER });
  }

  #connected({ purpose, proxy }: SallyportEvent): void {
    const labels = { purpose: isPurpose(purpose) ? purpose : OTHER, proxy: this.#proxies.of(proxy ?? null) };
    this.#made.connections.inc(labels);
  }

  /** Counts the bytes that are new since the last report. If its start is not known, this position is the start. */
  #arrived(id: string, position: number): void {
    const awaited = this.#awaited.get(id);
    if (awaited !== undefined) {
      this.#made.waits.observe({ proxy: awaited.proxy }, (this.#clock.monotonic() - awaited.atMs) / 1_000);
      this.#awaited.delete(id);
    }
    const before = this.#positions.get(id) ?? position;
    this.#positions.set(id, position);
    if (position > before) this.#made.received.inc(position - before);
  }

  #forget(id: string): void {
    this.#positions.delete(id);
    this.#awaited.delete(id);
  }
}

function makeMetrics(registry: Registry<OpenMetricsContentType>) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `sallyport_${name}_total`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name: `sallyport_${name}_seconds`, help, labelNames, buckets: BUCKETS, registers });
  return {
    lines: counter(
      'log_events',
      'Events that were reported, by level. Repeated lines and levels below logging.level are counted.',
      ['level'],
    ),
    failures: counter('failures', 'Reported failures by code and by the hop where each happened.', ['code', 'hop']),
    checks: counter('checks', 'Checks for updates by result.', ['result']),
    packages: counter('packages', 'Packages that were published, withdrawn by the vendor, or refused.', ['result']),
    transfers: counter('transfers', 'Finished attempts to transfer something, by kind and result.', ['kind', 'result']),
    received: counter('received_bytes', 'Bytes of packages that arrived.'),
    sent: counter('sent_bytes', 'Bytes of bundles and batches that the server has accepted.', ['kind']),
    connections: counter('connections', 'Opened connections by purpose and proxy.', ['purpose', 'proxy']),
    failovers: counter('failovers', 'How often a proxy failed and the next candidate was tried.', ['proxy']),
    waits: histogram('first_byte_wait', 'Time from a request for a package to its first bytes.', ['proxy']),
    deadlines: histogram('first_byte_deadline', 'Limit of that time, as planned for each request.', ['proxy']),
    silences: histogram('longest_silence', 'Longest silence of each completed download.'),
    downloads: histogram('download_duration', 'Duration of each completed download.'),
    uploads: histogram('upload_duration', 'Duration of each completed upload of a bundle.'),
  };
}

/** A number of an event. An event of another version may have anything else, which counts as nothing. */
function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0;
}
