// Opens and closes the link to the platform as the settings require. The link is the connection over which the platform
// sends commands.
//
// Guarantees: while `platform.enabled` is false, no connection is opened, no file is written, and no module of the link
// is loaded. If a store cannot be opened, or the identity of a copied host cannot be stored, this is reported and tried
// again every minute, and other parts continue.
// Commands that run without a daemon never open the link.

import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '#config/settings.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { routeIdentity } from '#proxy/choosing/changed-routes.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { onAbort } from '#system/abort.ts';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import type { PlatformService, PlatformSlot } from './platform-slot.ts';
import type { PlatformWork, RunningPlatform } from './running-platform.ts';

const PURPOSE = 'platform';
const AGAIN_MS = 60_000;

/** The link of one composition. */
export class HostPlatform implements PlatformService {
  readonly #slot: PlatformSlot;
  readonly #turns = new Turns();
  #work: PlatformWork | null = null;
  #running: RunningPlatform | null = null;
  /** The settings that the link was started with. */
  #started: unknown = null;
  #failure: CodedError | null = null;
  #again: Timer | null = null;
  #startedAtMs: number | null = null;

  private constructor(slot: PlatformSlot) {
    this.#slot = slot;
  }

  /** Keeps the link as the settings say, from now on. Never throws coded errors. */
  static async start(parts: Parts, given: Pick<PlatformWork, 'check' | 'activation'>): Promise<HostPlatform> {
    const platform = new HostPlatform(parts.platform);
    parts.platform.service = platform;
    await platform.#start({ parts, ...given, connectionClock: parts.platform.parts.connectionClock });
    return platform;
  }

  get running(): RunningPlatform | null {
    return this.#running;
  }

  get failure(): CodedError | null {
    return this.#failure;
  }

  get startedAtMs(): number | null {
    return this.#startedAtMs;
  }

  async #start(work: PlatformWork): Promise<void> {
    this.#work = work;
    const apply = () => this.#turns.run(() => this.#apply());
    work.parts.config.watch({ ended: (outcome) => outcome === 'applied' && void apply() });
    this.#followRoute();
    await apply();
  }

  requestDecided(): void {
    void this.#running?.reconcile();
  }

  identityChanged(): void {
    void this.#turns.run(() => this.#apply());
  }

  async stop(): Promise<void> {
    await this.#turns.run(async () => {
      this.#work = null;
      this.#again?.cancel();
      await this.#end(coded('INTERRUPTED', { reason: 'Sallyport is stopping' }));
    });
  }

  /** Starts, ends or restarts the link, so that it is as the settings say. */
  async #apply(): Promise<void> {
    const work = this.#work;
    if (work === null) return;
    const settings = work.parts.ports.settings();
    const { enabled, url } = settings.platform;
    const report = reportOf(PURPOSE, work.parts.report);
    if (!enabled || url === undefined) {
      this.#failure = null;
      if (this.#running === null) return;
      await this.#end(coded('INTERRUPTED', { reason: 'platform.enabled is false' }));
      report({ name: 'platform-off' });
      return;
    }
    const wanted = linkedTo(settings, work.parts.ports.agent.id);
    if (this.#running !== null) {
      if (!isDeepStrictEqual(wanted, this.#started)) this.#running.link.settingsChanged();
      this.#started = wanted;
      return;
    }
    await this.#open(work);
    if (this.#running === null) return;
    this.#started = wanted;
    const { mode, report: reports } = settings.platform;
    report({ name: 'platform-on', url: shownUrl(new URL(url)), mode, reports });
  }

  async #open(work: PlatformWork): Promise<void> {
    const { clock, report } = work.parts;
    try {
      // A copied host must not take the session of the original.
      await work.parts.activation.requireStored();
      const { RunningPlatform: Running } = await import('./running-platform.ts');
      this.#running = await Running.open(work);
      this.#failure = null;
      this.#startedAtMs = clock.now();
      this.#running.start();
    } catch (thrown) {
      this.#failure = asCoded(thrown);
      reportOf(PURPOSE, report)({ name: 'platform-unusable', error: this.#failure });
      this.#again?.cancel();
      this.#again = clock.after(AGAIN_MS, () => void this.#turns.run(() => this.#apply()));
    }
  }

  async #end(reason: CodedError): Promise<void> {
    const running = this.#running;
    this.#running = null;
    this.#startedAtMs = null;
    await running?.stop(reason);
  }

  /** A proxy or its password has changed: the link is opened again, over the new route. */
  #followRoute(): void {
    onAbort(this.#slot.parts.rerouted(), () => {
      this.#running?.link.settingsChanged();
      // The next change of the route has another signal.
      queueMicrotask(() => {
        if (this.#work !== null) this.#followRoute();
      });
    });
  }
}

/** What the link depends on. Secrets are compared, never shown. */
export function linkedTo(settings: Settings, agent: string): unknown {
  const { url, mode, ping_seconds: ping, headers, bearer_token: token } = settings.platform;
  const { ca_file: ca, pins, client_certificate: certificate } = settings.platform;
  const secrets = [
    ...Object.entries(headers).map(([name, value]) => [name, value.reveal()]),
    token?.reveal(),
    certificate?.passphrase?.reveal(),
  ];
  return { agent, url, mode, ping, ca, pins, certificate, secrets, route: routeIdentity(PURPOSE, settings) };
}
