// Watches proxies that hold a download back: sends probes, applies the rule of `timeout/witness.ts`, and ends the
// downloads through a dead proxy with PROXY-GONE.
//
// Guarantees: nothing is probed on a direct connection, or if `response_timeout.probe` is false. All transfers through
// a proxy share one timer and one state of the rule, so a byte of any of them shows that the proxy is alive. Before a
// verdict, the sockets are read once more. After a suspend or a late timer, earlier probes do not count. When the last
// transfer ends, no probe and no timer is left. A crash loses at most what was found out since the last transfer.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { showDuration } from '#errors/template.ts';
import type { Connection, ProbeRequest, ProxyProbes, RunningProbe } from '#proxy/route.ts';
import type { Clock, Random, Timer } from '#system/clock.ts';
import { ClockSteps } from '#system/time/clock-steps.ts';
import { afterEvent, atLimit, newWitness, nextStep, phaseOf, serverMs } from '#timeout/witness.ts';
import type { WitnessMemory } from '#timeout/witness-memory.ts';
import type { AtLimit, ExpiredLimit, Witness, WitnessEvent } from '#timeout/witness-types.ts';

/** What the watch of all proxies uses. */
export interface WitnessPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: Pick<WitnessMemory, 'record' | 'keep'>;
  /** `response_timeout.probe`; read at each transfer. */
  isEnabled(): boolean;
  /** What was learned could not be saved. */
  failed(thrown: unknown): void;
}

/** Learns what the probes of a proxy showed while one download was held. */
export interface ProbeObserver {
  /** The first answer, or the first one after failed probes. */
  answered(tookMs: number): void;
  /** Probes fail: the number of unanswered ones, and how long the first of them has waited. */
  silent(unanswered: number, forMs: number): void;
}

/** The watch of one transfer. */
export interface HoldWatch {
  /** Aborted with PROXY-GONE when the proxy is dead. */
  readonly signal: AbortSignal;
  /** Bytes of the body arrived. */
  bytes(): void;
  /** The reading of the body was paused or continued by us. Such time does not count as silence of the proxy. */
  reading(isPaused: boolean): void;
  /** Another connection to the proxy was opened for the same transfer. */
  connected(): void;
  /** One of the connections of the transfer broke, and another one continues. */
  broke(): void;
  /**
   * Decides what happens to the transfer, of which a limit of `limitMs` has just expired. It waits for an open probe
   * (`graceMs` of the rule), and settles with `end` when the transfer ends before.
   */
  atLimit(limit: Omit<ExpiredLimit, 'atMs'>): Promise<LimitDecision> | LimitDecision;
  /** How long the server may take for an answer through this proxy, in milliseconds. */
  readonly serverMs: number;
  /** The transfer has ended; `cut` if its connection broke. */
  ended(how: 'cut' | 'other'): void;
}

/** What happens to a transfer whose limit has expired; see `AtLimit`. */
export type LimitDecision = Exclude<AtLimit['do'], 'wait'>;

/** A transfer whose limit has expired, and that waits for an answer to a probe. */
interface Waiting {
  readonly hold: Hold;
  readonly limit: ExpiredLimit;
  readonly decide: (decision: LimitDecision) => void;
}

/** A timer that fires this much late means that the event loop was busy: answers may be unread, in milliseconds. */
const LATE_MS = 2_000;

/** The witnesses of all proxies; one for the process. */
export class ProxyWitnesses {
  readonly #ports: WitnessPorts;
  readonly #witnesses = new Map<string, ProxyWitness>();

  constructor(ports: WitnessPorts) {
    this.#ports = ports;
  }

  /** Watches a transfer over this connection. Null if there is no proxy, or none that may be probed. */
  watch(connection: Connection, silenceMs: number, observer: ProbeObserver): HoldWatch | null {
    const { probes } = connection;
    if (probes === undefined || !this.#ports.isEnabled()) return null;
    const { proxyUrl } = connection.facts;
    const witness = this.#witnesses.get(proxyUrl) ?? new ProxyWitness(this.#ports, proxyUrl);
    this.#witnesses.set(proxyUrl, witness);
    const hold: Hold = { connection, probes, silenceMs, observer, ending: new AbortController(), isPaused: false };
    witness.open(hold);
    return {
      signal: hold.ending.signal,
      bytes: () => witness.bytes(),
      reading: (isPaused) => witness.reading(hold, isPaused),
      connected: () => witness.happened('connected'),
      broke: () => witness.happened('cut'),
      atLimit: (limit) => witness.atLimit(hold, limit),
      get serverMs() {
        return witness.serverMs;
      },
      ended: (how) => {
        witness.close(hold, how);
        if (witness.isIdle) this.#witnesses.delete(proxyUrl);
      },
    };
  }
}

interface Hold {
  readonly connection: Connection;
  readonly probes: ProxyProbes;
  readonly silenceMs: number;
  readonly observer: ProbeObserver;
  readonly ending: AbortController;
  isPaused: boolean;
}

class ProxyWitness {
  readonly #ports: WitnessPorts;
  readonly #proxyUrl: string;
  readonly #holds = new Set<Hold>();
  readonly #running = new Map<number, RunningProbe>();
  readonly #steps: ClockSteps;
  #witness: Witness;
  #probes = 0;
  #lastByteMs: number | null = null;
  /** The rule does not know the last byte yet. */
  #isByteNew = false;
  #timer: Timer | null = null;
  #dueMs = 0;
  #lookAgain: NodeJS.Immediate | null = null;
  #waiting: readonly Waiting[] = [];
  /** Something was answered since the last save, which renews what is known of the proxy. */
  #wasAnswered = false;
  /** What the observers were last notified of. */
  #shown: 'nothing' | 'answered' | 'silent' = 'nothing';

  constructor(ports: WitnessPorts, proxyUrl: string) {
    this.#ports = ports;
    this.#proxyUrl = proxyUrl;
    this.#witness = newWitness(ports.memory.record(proxyUrl, ports.clock.now()));
    this.#steps = new ClockSteps(ports.clock);
  }

  get isIdle(): boolean {
    return this.#holds.size === 0;
  }

  get serverMs(): number {
    return serverMs(this.#witness);
  }

  atLimit(hold: Hold, { limitMs, isTotal }: Omit<ExpiredLimit, 'atMs'>): Promise<LimitDecision> | LimitDecision {
    const limit = { atMs: this.#now, limitMs, isTotal };
    this.#flushBytes();
    if (!isTotal) this.#apply({ kind: 'expired', atMs: limit.atMs });
    const now = this.#holds.has(hold) ? atLimit(this.#witness, limit.atMs, limit) : ({ do: 'end' } as const);
    if (now.do !== 'wait') return now.do;
    const { promise, resolve: decide } = Promise.withResolvers<LimitDecision>();
    this.#waiting = [...this.#waiting, { hold, limit, decide }];
    this.#act();
    return promise;
  }

  open(hold: Hold): void {
    if (this.isIdle) this.#steps.look();
    this.#holds.add(hold);
    this.#shown = 'nothing';
    this.#waitsChanged();
    this.#act();
  }

  bytes(): void {
    const first = this.#lastByteMs === null;
    this.#lastByteMs = this.#ports.clock.monotonic();
    this.#isByteNew = true;
    // The first byte may make a probe due, which shows whether the proxy accepts a second connection.
    if (first && this.#witness.record.proven === null) this.#act();
  }

  /**
   * While the reading is paused, nothing that is open counts: bytes may wait in the kernel. The silence begins when the
   * reading continues.
   */
  reading(hold: Hold, isPaused: boolean): void {
    if (hold.isPaused === isPaused || !this.#holds.has(hold)) return;
    hold.isPaused = isPaused;
    if (isPaused) return;
    this.#flushBytes();
    this.#apply({ kind: 'disturbed', atMs: this.#now });
  }

  /** Of two connections of one transfer. */
  happened(kind: 'connected' | 'cut'): void {
    this.#flushBytes();
    this.#apply({ kind, atMs: this.#now });
    this.#act();
  }

  close(hold: Hold, how: 'cut' | 'other'): void {
    if (!this.#holds.delete(hold)) return;
    this.#flushBytes();
    if (how === 'cut') this.#apply({ kind: 'cut', atMs: this.#now });
    this.#decide();
    this.#waitsChanged();
    if (this.isIdle) this.#rest();
    else this.#act();
  }

  get #now(): number {
    return this.#ports.clock.monotonic();
  }

  #apply(event: WitnessEvent): void {
    this.#witness = afterEvent(this.#witness, event);
    const open = new Set(this.#witness.probes.map(({ id }) => id));
    for (const [id, probe] of this.#running) {
      if (open.has(id)) continue;
      this.#running.delete(id);
      probe.close();
    }
  }

  /** Decides for the transfers that need not wait any longer. Returns when the next one ends its wait. */
  #decide(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    const waiting: Waiting[] = [];
    for (const one of this.#waiting) {
      const decision = this.#holds.has(one.hold)
        ? atLimit(this.#witness, this.#now, one.limit)
        : { do: 'end' as const };
      if (decision.do === 'wait') {
        waiting.push(one);
        dueMs = Math.min(dueMs, decision.untilMs);
      } else one.decide(decision.do);
    }
    this.#waiting = waiting;
    return dueMs;
  }

  #waitsChanged(): void {
    const deadlineMs = this.isIdle ? null : Math.min(...[...this.#holds].map(({ silenceMs }) => silenceMs));
    this.#apply({ kind: 'waits', atMs: this.#now, deadlineMs });
  }

  #flushBytes(): void {
    if (this.#lastByteMs === null || !this.#isByteNew) return;
    this.#isByteNew = false;
    this.#apply({ kind: 'byte', atMs: this.#lastByteMs });
  }

  /** No transfer is open: nothing runs, and what was shown is kept. */
  #rest(): void {
    this.#stopTimers();
    this.#lastByteMs = null;
    this.#shown = 'nothing';
    const { memory, clock, failed } = this.#ports;
    const { record } = this.#witness;
    const known = memory.record(this.#proxyUrl, clock.now());
    const changed = (['proven', 'harmful', 'disproved', 'unanswered'] as const).some(
      (key) => known[key] !== record[key],
    );
    if (changed || this.#wasAnswered) memory.keep(this.#proxyUrl, record, clock.now()).catch(failed);
  }

  #stopTimers(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#lookAgain !== null) clearImmediate(this.#lookAgain);
    this.#lookAgain = null;
  }

  #onTimer(): void {
    const isLate = this.#now - this.#dueMs > LATE_MS;
    const isUnread = [...this.#holds].some(({ isPaused }) => isPaused);
    if (this.#steps.look().stepMs !== 0 || isLate || isUnread) this.#apply({ kind: 'disturbed', atMs: this.#now });
    this.#act();
  }

  /** Does what is due, and sets the timer for the next step. */
  #act(isReadAgain = false): void {
    this.#stopTimers();
    this.#flushBytes();
    for (;;) {
      const step = nextStep(this.#witness, this.#now);
      if (step.do === 'probe') this.#probe();
      else if (step.do === 'close') this.#apply({ kind: 'ended', atMs: this.#now, id: step.id });
      else if (step.do === 'gone') {
        if (isReadAgain) this.#gone(step.how);
        else this.#lookAgain = setImmediate(() => this.#act(true));
        return;
      } else {
        this.#notify();
        this.#arm(Math.min(step.untilMs, this.#decide()));
        return;
      }
    }
  }

  #arm(untilMs: number): void {
    if (untilMs === Number.POSITIVE_INFINITY) return;
    this.#dueMs = untilMs;
    this.#timer = this.#ports.clock.after(untilMs - this.#now, () => this.#onTimer());
  }

  #probe(): void {
    this.#probes += 1;
    const id = this.#probes;
    const hold = [...this.#holds].at(-1) as Hold;
    const { kinds } = hold.probes;
    const { proven } = this.#witness.record;
    // Until one is answered, each kind is tried in turn.
    const kind: ProbeRequest = kinds.find((one) => one === proven) ?? kinds[(id - 1) % kinds.length] ?? 'get';
    this.#apply({ kind: 'sent', atMs: this.#now, id, probe: kind, random: this.#ports.random() });
    const happened = (event: 'accepted' | 'answered' | 'ended') => () => {
      if (!this.#running.has(id)) return;
      if (event !== 'accepted') this.#running.delete(id);
      this.#apply({ kind: event, atMs: this.#now, id });
      if (event === 'answered') this.#onAnswer();
      this.#act();
    };
    const probe = hold.probes.open(kind, {
      accepted: happened('accepted'),
      answered: happened('answered'),
      ended: happened('ended'),
    });
    this.#running.set(id, probe);
  }

  #onAnswer(): void {
    this.#wasAnswered = true;
    const { answer } = this.#witness;
    if (this.#shown === 'answered' || answer === null || answer.tookMs === null) return;
    this.#shown = 'answered';
    for (const { observer } of this.#holds) observer.answered(answer.tookMs);
  }

  #notify(): void {
    if (this.#shown === 'silent' || phaseOf(this.#witness, this.#now) !== 'doubting') return;
    this.#shown = 'silent';
    const { count, forMs } = this.#unanswered;
    for (const { observer } of this.#holds) observer.silent(count, forMs);
  }

  get #unanswered(): { readonly count: number; readonly forMs: number } {
    const counting = this.#witness.probes.filter(({ counts }) => counts);
    return { count: counting.length, forMs: this.#now - (counting[0]?.sentMs ?? this.#now) };
  }

  #gone(how: 'silent' | 'unreachable'): void {
    const { count, forMs } = this.#unanswered;
    const { silence } = this.#witness;
    const silentMs = this.#now - (silence?.sinceMs ?? this.#now);
    const holds = [...this.#holds];
    this.#holds.clear();
    this.#decide();
    this.#waitsChanged();
    this.#rest();
    holds[0]?.probes.gone();
    const observed =
      how === 'silent'
        ? `${count} probes that it accepted got no answer within ${showDuration(forMs)}`
        : `it completed no connection within ${showDuration(forMs)}`;
    for (const { connection, ending } of holds) ending.abort(goneError(connection, observed, silentMs));
  }
}

function goneError({ facts }: Connection, observed: string, silentMs: number): CodedError {
  const error = coded('PROXY-GONE', { proxy: facts.proxy, observed, silence: silentMs, hop: facts.hop });
  return error.during({ phase: 'response', elapsedMs: silentMs, proven: facts.passed });
}
