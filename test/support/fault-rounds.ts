/**
 * Concurrent rounds of requests against a proxy that fails as the test says. The program's own retries and delays
 * (`withRetries`) run on a clock that the test advances. Deadlines are real and short, and matter only if the fault is
 * a silence, so no result depends on the speed of the machine.
 */
import { SOONEST_MS } from '#daemon/schedule/decide-round.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { withRetries } from '#http/retry.ts';
import { requestDocument } from '#http/session/document.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { ProxyCooldown } from '#proxy/choosing/failover.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { Router } from '#proxy/route.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { CountingClock } from './counting-clock.ts';
import { FakeClock } from './fake-clock.ts';
import { FAULTS, type FaultProxy, honest, startFaultProxy } from './fault-proxy.ts';
import { testRouter } from './test-router.ts';

export type Fault = keyof typeof FAULTS | 'none';

/** Faults that end by a deadline and by nothing else, and whose it is in a tunnel. */
const SILENCES: ReadonlyMap<Fault, 'tunnel_timeout_ms' | 'tls_timeout_ms'> = new Map([
  ['silent', 'tunnel_timeout_ms'],
  ['slowHeaders', 'tunnel_timeout_ms'],
  ['grantsThenSilence', 'tls_timeout_ms'],
]);
/** That deadline, in milliseconds; and all others, which must not be needed. */
const SHORT_MS = 40;
const AMPLE_MS = 15_000;
const MINUTE_MS = 60_000;

export interface FaultRoundsOptions {
  /** Where an honest answer leads to. */
  readonly originPort: number;
  readonly trust: TlsTrust;
  readonly target: URL;
  readonly profile: (port: number) => ProxyProfile;
}

/** What came of a round: the code of each try, the last one `passed` where it went well. */
export type Tries = readonly string[];

export class FaultRounds {
  /** All deadlines of all rounds; none may be left. */
  readonly deadlines = new CountingClock();
  readonly #options: FaultRoundsOptions;
  readonly #proxy: FaultProxy;
  readonly #script: Map<string, Fault>;
  #hosts = 0;

  private constructor(options: FaultRoundsOptions, proxy: FaultProxy, script: Map<string, Fault>) {
    this.#options = options;
    this.#proxy = proxy;
    this.#script = script;
  }

  static async start(options: FaultRoundsOptions): Promise<FaultRounds> {
    const script = new Map<string, Fault>();
    const well = honest(options.originPort);
    const proxy = await startFaultProxy((client, head, earlier) => {
      const fault = script.get(/^user-agent: (.*)\r$/im.exec(head)?.[1] ?? '') ?? 'none';
      (fault === 'none' ? well : FAULTS[fault])(client, head, earlier);
    });
    return new FaultRounds(options, proxy, script);
  }

  /** One host lives through these rounds, each with the faults that its tries meet. */
  async host(rounds: readonly (readonly Fault[])[], random: () => number = () => 0): Promise<Host> {
    this.#hosts += 1;
    const host = new Host(`host-${this.#hosts}`, random);
    const tries: Tries[] = [];
    for (const faults of rounds) {
      tries.push(await this.#round(host, faults));
      host.clock.advance(SOONEST_MS);
    }
    host.tries = tries;
    return host;
  }

  async #round(host: Host, faults: readonly Fault[]): Promise<Tries> {
    const { signal } = new AbortController();
    const codes: string[] = [];
    const options = {
      attempts: faults.length,
      maxDelaySeconds: 21_600,
      clock: host.clock,
      random: host.random,
      signal,
      onRetry: ({ code }: CodedError, _attempt: number, delayMs: number) => {
        codes.push(code);
        // Its wait begins behind this call.
        setImmediate(() => host.clock.advance(delayMs));
      },
    };
    const attempt = (number: number) => this.#try(host, faults[number - 1] ?? 'none');
    await withRetries(options, attempt).then(
      () => codes.push('passed'),
      (thrown: unknown) => codes.push(asCoded(thrown).code),
    );
    return codes;
  }

  async #try(host: Host, fault: Fault): Promise<void> {
    this.#script.set(host.name, fault);
    const limitMs = SILENCES.has(fault) ? SHORT_MS : AMPLE_MS;
    const router = this.#routerOf(host, SILENCES.get(fault));
    const { target: url } = this.#options;
    const { signal } = new AbortController();
    const watch = ({ phase }: { phase: string }) => {
      if (phase === 'dial') host.dialled.push(host.clock.monotonic());
    };
    const connection = await router.route('updates', url).open({ bulk: false, signal, watch });
    await requestDocument({
      connection,
      // In absolute form the request itself carries the name to the proxy.
      request: { method: 'GET', url, headers: { 'user-agent': host.name } },
      deadlines: { firstByteMs: limitMs, silenceMs: limitMs, totalMs: AMPLE_MS, key: 'response_timeout.base_ms' },
      limitBytes: 10_000,
      clock: this.deadlines,
      signal,
    });
  }

  #routerOf(
    { name, credentialGuard, coolDown }: Host,
    short: 'tunnel_timeout_ms' | 'tls_timeout_ms' | undefined,
  ): Router {
    const { profile, trust } = this.#options;
    return testRouter({
      proxies: [profile(this.#proxy.port)],
      clock: this.deadlines,
      timeouts: short === undefined ? {} : { [short]: SHORT_MS },
      userAgent: name,
      trust,
      credentialGuard,
      coolDown,
    });
  }

  /** Resolves when the proxy has no connection any more. */
  allClosed(): Promise<void> {
    return this.#proxy.allClosed();
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }
}

/** One installation: what it knows outlives its rounds. */
export class Host {
  readonly name: string;
  readonly random: () => number;
  readonly clock = new FakeClock();
  readonly credentialGuard = new CredentialGuard({ clock: this.clock });
  readonly coolDown = new ProxyCooldown(this.clock);
  /** When it connected. */
  readonly dialled: number[] = [];
  tries: readonly Tries[] = [];

  constructor(name: string, random: () => number) {
    this.name = name;
    this.random = random;
  }

  /** The most connections that it made in a minute. */
  get busiestMinute(): number {
    const within = (from: number) => this.dialled.filter((at) => at >= from && at - from < MINUTE_MS).length;
    return Math.max(0, ...this.dialled.map(within));
  }
}

/** Sockets of this process, both ends. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
}
