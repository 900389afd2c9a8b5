// Telemetry in the daemon: sends metrics and log events to the collector while the settings allow it.
//
// Guarantees: until telemetry is enabled, none of its modules is loaded and no event is kept. A change of the settings
// takes effect without a restart, even during a request. Nothing here delays or ends other work.

import type { Parts } from '#daemon/parts.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { Turns } from '#system/turns.ts';
import { uploadsRefused } from '#uploads/upload-gate.ts';
import type { RunningTelemetry, TelemetryMetrics } from './telemetry-running.ts';

export class Telemetry {
  readonly #parts: Parts;
  readonly #metrics: TelemetryMetrics;
  readonly #turns = new Turns();
  #running: RunningTelemetry | null = null;
  #isStopped = false;
  /** What the log said last, so that a reload of other settings adds no line. */
  #said = '';

  constructor(parts: Parts, metrics: TelemetryMetrics) {
    this.#parts = parts;
    this.#metrics = metrics;
  }

  /** Sends from now on, as the settings say, and follows their changes. Never rejects. */
  async start(): Promise<void> {
    this.#parts.config.watch({ ended: (outcome) => outcome === 'applied' && void this.#follow() });
    await this.#follow();
  }

  /** Ends the running request. What waits is lost. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#turns.run(() => this.#end());
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    await this.#turns.run(async () => {
      try {
        await this.#apply();
      } catch (thrown) {
        this.#parts.report({ name: 'fault', error: asCoded(thrown) });
      }
    });
  }

  async #apply(): Promise<void> {
    if (this.#isStopped) return;
    const refused = uploadsRefused('telemetry', this.#parts.ports.settings());
    if (refused !== null) return await this.#refuse(refused);
    if (this.#running === null) {
      const { runTelemetry } = await import('./telemetry-running.ts');
      this.#running = await runTelemetry(this.#parts, this.#metrics);
    } else this.#running.settingsChanged();
    const { url = '', logs } = this.#parts.ports.settings().telemetry;
    const what = logs ? 'metrics and log events' : 'metrics';
    this.#say(`${what} ${url}`, { name: 'telemetry-on', what, url: shownUrl(new URL(url)) });
  }

  async #refuse(error: CodedError): Promise<void> {
    if (this.#running === null) return;
    await this.#end();
    this.#say('', { name: 'telemetry-off', error });
  }

  #say(key: string, event: Parameters<ReturnType<typeof reportOf>>[0]): void {
    if (key === this.#said) return;
    this.#said = key;
    reportOf('telemetry', this.#parts.report)(event);
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.stop();
  }
}
