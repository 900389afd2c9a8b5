// Gauges made from the status: health, times of success, queues, expiry, learned timeouts and held passwords.
//
// Guarantees: all values of one reading come from the same status. A value that is not known has no series. A reading
// replaces the previous one, so a proxy or a queue that was removed leaves no series.

import type { OpenMetricsContentType, Registry } from 'prom-client';
import type { Status } from '#control/control.ts';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import type { CertificateEnd } from './certificates.ts';
import { makeGauges, setTime } from './gauges.ts';
import { DIRECT, OTHER, type ProxyLabel } from './labels.ts';

/** The size for which learned timeouts are shown. */
const SIZE = 10_000_000;
const TOP_ROLES: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/** Everything that one reading shows. */
export interface StateFacts {
  readonly status: Status;
  readonly explanation: TimeoutExplanation;
  readonly certificates: readonly CertificateEnd[];
  /** Names of proxy profiles by the URL of their proxy. */
  readonly proxyNames: ReadonlyMap<string, string>;
}

export class StateMetrics {
  readonly #proxies: ProxyLabel;
  readonly #made: ReturnType<typeof makeGauges>;

  constructor(registry: Registry<OpenMetricsContentType>, proxies: ProxyLabel) {
    this.#proxies = proxies;
    this.#made = makeGauges(registry);
  }

  set(facts: StateFacts): void {
    for (const gauge of Object.values(this.#made)) gauge.reset();
    const { status } = facts;
    this.#setProcess(status);
    this.#setHealth(status);
    this.#setUpdates(status);
    this.#setQueues(status);
    this.#setExpiry(facts);
    this.#setTimeouts(facts);
    for (const { proxy, why } of status.credentials)
      this.#made.credentials.inc({ proxy: this.#proxies.of(proxy), why });
  }

  #setProcess({ main, config }: Status): void {
    const { info, running, start, memory, cpu, rejected, restart } = this.#made;
    const isRunning = main.state === 'running';
    info.set({ version: main.version }, 1);
    running.set(isRunning ? 1 : 0);
    rejected.set(config.refused === null ? 0 : 1);
    restart.set(config.waiting.length);
    if (!isRunning) return;
    setTime(start, {}, main.since);
    memory.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    cpu.inc((user + system) / 1_000_000);
  }

  #setHealth({ health, routes, platform }: Status): void {
    const { level, age, stale, enabled, success, failure, link } = this.#made;
    for (const one of ['ok', 'warning', 'critical']) level.set({ level: one }, health.level === one ? 1 : 0);
    if (health.age_seconds !== null) age.set(health.age_seconds);
    stale.set(health.stale_after_seconds);
    for (const route of routes) {
      const { purpose } = route;
      enabled.set({ purpose }, route.enabled ? 1 : 0);
      setTime(success, { purpose }, route.last_success);
      setTime(failure, { purpose }, route.last_failure?.at ?? null);
    }
    if (platform.enabled) link.set(platform.state === 'connected' ? 1 : 0);
  }

  #setUpdates({ updates, paused }: Status): void {
    const { next, published, publishedBytes, failing, ready, hold, disk, transfers } = this.#made;
    setTime(next, {}, updates.next_check);
    published.set(updates.published);
    publishedBytes.set(updates.published_bytes);
    failing.set(updates.failing.length);
    ready.set(updates.ready.length);
    hold.set(updates.hold === null ? 0 : 1);
    disk.set(paused === null ? 0 : 1);
    transfers.set(updates.transfers.length);
  }

  #setQueues({ receipts, uploads }: Status): void {
    const { entries, bytes, maxEntries, maxBytes, oldest, held, rejectedEntries, quarantined } = this.#made;
    entries.set({ kind: 'receipt' }, receipts.waiting);
    for (const { queue } of uploads) {
      if (queue === null) continue;
      const { kind } = queue;
      entries.set({ kind }, queue.waiting.items);
      bytes.set({ kind }, queue.waiting.bytes);
      maxEntries.set({ kind }, queue.quota.items);
      maxBytes.set({ kind }, queue.quota.bytes);
      setTime(oldest, { kind }, queue.oldest);
      held.set({ kind }, queue.held);
      rejectedEntries.set({ kind }, queue.rejected);
      quarantined.set({ kind }, queue.quarantined);
    }
  }

  #setExpiry({ status, certificates }: StateFacts): void {
    const { metadata, certificate } = this.#made;
    const ends = new Map<string, number>();
    for (const { role, expires } of status.trust.roles) {
      // The vendor chooses the names of delegated roles.
      const label = TOP_ROLES.has(role) ? role : 'delegated';
      const endsMs = Date.parse(expires);
      if (!Number.isNaN(endsMs)) ends.set(label, Math.min(ends.get(label) ?? endsMs, endsMs));
    }
    for (const [role, endsMs] of ends) metadata.set({ role }, endsMs / 1_000);
    for (const { of, use, endsMs } of certificates) {
      const name = of.kind === 'purpose' ? of.name : this.#proxies.of(of.name);
      if (name !== OTHER) certificate.set({ owner: of.kind, name, use }, endsMs / 1_000);
    }
  }

  #setTimeouts({ explanation, proxyNames }: StateFacts): void {
    const longest = new Map<string, readonly number[]>();
    for (const { proxy: url, plans } of explanation.routes) {
      const name = url === DIRECT ? null : proxyNames.get(url);
      const plan = plans.find(({ size }) => size === SIZE);
      if (name === undefined || plan === undefined) continue;
      const proxy = this.#proxies.of(name);
      const before = longest.get(proxy) ?? [0, 0, 0];
      const now = [plan.first_byte_ms, plan.silence_ms, plan.total_ms];
      longest.set(
        proxy,
        now.map((ms, index) => Math.max(ms, before[index] ?? 0)),
      );
    }
    for (const [proxy, [first = 0, silence = 0, total = 0]] of longest) {
      this.#made.learned.set({ proxy, phase: 'first_byte' }, first / 1_000);
      this.#made.learned.set({ proxy, phase: 'silence' }, silence / 1_000);
      this.#made.learned.set({ proxy, phase: 'total' }, total / 1_000);
    }
  }
}
