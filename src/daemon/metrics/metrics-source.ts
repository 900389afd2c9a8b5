// The metrics of a daemon or of a command. If they are enabled, events are counted from the start. The modules are
// loaded when they are needed.
//
// Guarantees: if neither metrics nor telemetry are enabled, nothing is loaded or counted. A change of `metrics.enabled`
// takes effect after a restart, because counters that begin later would mislead. Telemetry also sends when its
// counters began, so it may begin later.

import type { MetricsFormat } from '#control/control.ts';
import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { coded } from '#errors/coded-error.ts';
import { ownHop } from '#proxy/hop.ts';
import type { ReadFamilies } from '#uploads/telemetry/families.ts';
import type { Metrics } from './metrics.ts';

type MetricsAgent = Pick<Agent, 'status' | 'explainTimeout'>;

export class MetricsSource {
  readonly isEnabled: boolean;
  readonly #parts: Parts;
  readonly #agent: MetricsAgent;
  #opened: Promise<Metrics> | null = null;

  constructor(parts: Parts, agent: MetricsAgent) {
    this.#parts = parts;
    this.#agent = agent;
    this.isEnabled = parts.ports.settings().metrics.enabled;
  }

  /** Begins to count, if metrics are enabled. */
  async start(): Promise<void> {
    if (this.isEnabled) await this.#open();
  }

  /** @throws CodedError METRICS-OFF */
  async text(format: MetricsFormat): Promise<string> {
    if (!this.isEnabled) throw coded('METRICS-OFF', {});
    return await (await this.#open()).text(format);
  }

  /** The metrics for telemetry, also if they are not enabled for Prometheus. The counting begins with the first call. */
  async families(): Promise<ReadFamilies> {
    return await (await this.#open()).families();
  }

  async #open(): Promise<Metrics> {
    this.#opened ??= this.#load();
    return await this.#opened;
  }

  async #load(): Promise<Metrics> {
    const { Metrics: Loaded } = await import('./metrics.ts');
    const { CertificateEnds } = await import('./certificates.ts');
    const { readTrusts } = await import('#daemon/reload/read-trust.ts');
    const { clock, ports, events } = this.#parts;
    const certificates = new CertificateEnds(clock, readTrusts);
    const metrics = new Loaded({
      clock,
      profiles: () => ports.settings().proxies,
      facts: async () => {
        const settings = ports.settings();
        const hops = settings.proxies.flatMap((profile) => {
          const hop = ownHop(profile);
          return hop === null ? [] : [[hop.url, profile.name] as const];
        });
        return {
          status: await this.#agent.status(),
          explanation: await this.#agent.explainTimeout(null),
          certificates: await certificates.of(settings),
          proxyNames: new Map(hops),
        };
      },
    });
    events.add((event) => metrics.update(event));
    return metrics;
  }
}
