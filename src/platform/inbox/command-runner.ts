// Carries out the commands of the inbox, one at a time.
//
// Guarantees: a command that has a result is never carried out again. After a crash, a handler may be called again for
// the same command, so a second call must have no further effect. A result is durable before it is sent and before its
// command leaves the spool.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { CommandResult } from '#platform/messages.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import type { Spool, SpoolEntry } from '#spool/spool.ts';
import { nameOf, type StoredCommand } from './command-kind.ts';
import type { Handled, InboxPorts } from './inbox-ports.ts';
import { HOURLY_LIMITS, isOverLimit } from './limits.ts';
import type { ResultSender } from './result-sender.ts';
import type { CommandResults } from './results.ts';

/** A command that could not be carried out for this long is answered with its last failure. */
const GIVE_UP_MS = 24 * 3_600_000;

/** The stores of an inbox. */
interface Stores {
  readonly spool: Spool<StoredCommand>;
  readonly results: CommandResults;
  readonly sender: ResultSender;
}

export class CommandRunner {
  readonly #ports: InboxPorts;
  readonly #spool: Spool<StoredCommand>;
  readonly #results: CommandResults;
  readonly #sender: ResultSender;
  readonly #timer: DeliveryTimer;
  readonly #ending = new AbortController();
  /** What a handler returned and the disk had no space for. */
  readonly #unsaved = new Map<string, CommandResult>();
  #running: Promise<void> = Promise.resolve();
  #isStarted = false;

  constructor(ports: InboxPorts, { spool, results, sender }: Stores) {
    this.#ports = ports;
    this.#spool = spool;
    this.#results = results;
    this.#sender = sender;
    this.#timer = new DeliveryTimer({ spool, clock: ports.clock, run: () => this.#run() });
  }

  /** Carries out what waits, from now on. */
  start(): void {
    this.#isStarted = true;
    this.#timer.plan();
    this.pump();
  }

  /** Ends the running handler; its command is kept. */
  async stop(reason: CodedError): Promise<void> {
    this.#isStarted = false;
    this.#timer.stop();
    this.#ending.abort(reason);
    await this.#running;
  }

  /** Carries out what is due, after what is running. */
  pump(): void {
    if (this.#isStarted) void this.#run();
  }

  /** Calls the handler of this command again now, if it has no result. */
  async again(id: string): Promise<void> {
    const head = this.#spool.find(id);
    if (head === null) return;
    await this.#spool.retry(head).catch(asCoded);
    this.pump();
  }

  /** The result of a command that waited for a person. Harmless if repeated. @throws CodedError DISK-FULL, FILE-* */
  async finish(id: string, handled: Extract<Handled, { kind: 'done' | 'refused' | 'failed' }>): Promise<void> {
    const known = this.#results.find(id);
    if (known?.outcome !== 'waiting') return;
    const result = resultOf(id, handled);
    await this.#results.put(result, { name: known.name, at: this.#ports.clock.now() });
    this.#say(id, handled);
    this.#sender.send(result);
  }

  #run(): Promise<void> {
    const { clock, random, report } = this.#ports;
    const { signal } = this.#ending;
    const delivery = {
      spool: this.#spool,
      clock,
      random,
      report: (event: Parameters<ScopedReport>[0]) => report(event),
      policy: (sending: Sending<StoredCommand>) => this.#carryOut(sending),
      retry: () => ({ maxDelaySeconds: 3_600 }),
    };
    const run = deliver(delivery, signal).catch((thrown: unknown) => {
      if (!signal.aborted) report({ name: 'fault', error: asCoded(thrown) });
    });
    this.#running = Promise.all([this.#running, run]).then(() => undefined);
    return run;
  }

  async #carryOut({ entry, signal }: Sending<StoredCommand>): Promise<Verdict<StoredCommand>> {
    const { key: id, body } = entry;
    const settled = { does: 'settle', says: [] } as const;
    if (this.#results.find(id) !== null) return settled;
    const kept = this.#unsaved.get(id);
    const handled = kept === undefined ? await this.#handle(entry, signal) : null;
    if (handled?.kind === 'later') return this.#later(entry, handled);
    const result = kept ?? resultOf(id, handled ?? { kind: 'waiting' });
    this.#unsaved.set(id, result);
    await this.#results.put(result, { name: nameOf(body), at: this.#ports.clock.now() });
    this.#unsaved.delete(id);
    if (handled !== null) this.#say(id, handled);
    this.#sender.send(result);
    return settled;
  }

  async #handle({ key: id, body, acceptedAtMs }: SpoolEntry<StoredCommand>, signal: AbortSignal): Promise<Handled> {
    const { command } = body;
    if (command.command === 'unusable') {
      return { kind: 'refused', error: coded('PLATFORM-COMMAND', { command: command.name }) };
    }
    const { command: name } = command;
    const now = this.#ports.clock.now();
    const { counted } = this.#results;
    if (!counted.some((one) => one.id === id)) {
      if (isOverLimit(name, counted, now)) {
        return { kind: 'refused', error: coded('PLATFORM-RATE', { command: name, limit: HOURLY_LIMITS[name] }) };
      }
      await this.#results.count({ id, name, at: now }, (other) => this.#spool.find(other) !== null);
    }
    const isLate = now - acceptedAtMs >= GIVE_UP_MS;
    try {
      const handled = await this.#ports.handle(id, command, { signal, receivedAtMs: acceptedAtMs });
      const isGivenUp = isLate && handled.kind === 'later' && handled.isFailure;
      return isGivenUp ? { kind: 'failed', error: handled.failure } : handled;
    } catch (thrown) {
      if (!isLate || signal.aborted) throw thrown;
      return { kind: 'failed', error: asCoded(thrown) };
    }
  }

  #later(
    { key: id }: SpoolEntry<StoredCommand>,
    { waitMs, failure, isFailure }: Handled & { kind: 'later' },
  ): Verdict<StoredCommand> {
    const { report } = this.#ports;
    const says = (at: number) => {
      if (isFailure) report({ name: 'platform-command-postponed', id, error: failure, at });
      return [];
    };
    return { does: 'postpone', failure, waitMs, holds: false, says };
  }

  #say(id: string, handled: Exclude<Handled, { kind: 'later' }>): void {
    const { report } = this.#ports;
    if (handled.kind === 'done') report({ name: 'platform-command-done', id });
    else if (handled.kind === 'refused') report({ name: 'platform-command-refused', id, error: handled.error });
    else if (handled.kind === 'failed') report({ name: 'platform-command-failed', id, error: handled.error });
  }
}

function resultOf(command: string, handled: Exclude<Handled, { kind: 'later' }>): CommandResult {
  switch (handled.kind) {
    case 'done':
      return { command, outcome: 'done', code: null, job: handled.job };
    case 'waiting':
      return { command, outcome: 'waiting', code: null, job: null };
    default:
      return { command, outcome: handled.kind, code: handled.error.code, job: null };
  }
}
