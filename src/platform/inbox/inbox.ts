// The durable inbox. A command of the platform is on disk before it is acknowledged, and is carried out once.
//
// Guarantees: an acknowledged command is carried out or refused, even after a crash. Its result is sent until the
// platform has confirmed it. A command with a result is never carried out again. After a crash, a handler may be called
// again for the same command, so a second call must have no further effect. If a command cannot be stored, no later
// command is received on this connection. Relies on the lock of the state folder.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import {
  type AgentContent,
  type AgentMessage,
  agentMessage,
  type CommandResult,
  type PlatformCommand,
  type PlatformMessage,
} from '#platform/messages.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import { openSpool } from '#spool/open.ts';
import type { Spool, SpoolEntry, SpoolPorts } from '#spool/spool.ts';
import type { Clock, Random } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { COMMANDS, type StoredCommand } from './command-kind.ts';
import { HOURLY_LIMITS, isOverLimit } from './limits.ts';
import { CommandResults, type DoneCommand } from './results.ts';

/** A command that could not be carried out for this long is answered with its last failure. */
const GIVE_UP_MS = 24 * 3_600_000;

/** What became of a command. */
export type Handled =
  | { readonly kind: 'done'; readonly job: string | null }
  | { readonly kind: 'refused' | 'failed'; readonly error: CodedError }
  /** A person has to decide; `finish` brings the result. It is durable elsewhere. */
  | { readonly kind: 'waiting' }
  /** Not now: the handler is called again after this time, or after `again`. */
  | { readonly kind: 'later'; readonly waitMs: number; readonly failure: CodedError; readonly isFailure: boolean };

export interface InboxPorts extends Pick<SpoolPorts, 'files' | 'outbox' | 'ballast'> {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: ScopedReport;
  /** Carries out a command. It throws only for faults of this host. */
  handle(id: string, command: PlatformCommand, handling: Handling): Promise<Handled>;
  /** Sends a message now, if there is a connection. Returns false if it cannot be sent. */
  send(message: AgentMessage): boolean;
}

/** The circumstances in which a command is carried out. */
export interface Handling {
  readonly signal: AbortSignal;
  /** When the command was received, in ms since the epoch. */
  readonly receivedAtMs: number;
}

/** What the inbox has to do with a message. */
type InboxMessage = Extract<PlatformMessage, { type: 'command' | 'welcome' | 'result-ack' }>;

export class CommandInbox {
  readonly #ports: InboxPorts;
  readonly #spool: Spool<StoredCommand>;
  readonly #results: CommandResults;
  readonly #turns = new Turns();
  readonly #timer: DeliveryTimer;
  readonly #ending = new AbortController();
  /** What a handler returned and the disk had no space for. */
  readonly #unsaved = new Map<string, CommandResult>();
  /** Results sent on this connection, and not confirmed yet, by command. */
  readonly #unconfirmed = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();
  #isStarted = false;
  /** Whether this connection has had its greeting: another one is ignored. */
  #isWelcomed = false;
  /** Why a command of this connection could not be stored. */
  #broken: CodedError | null = null;
  #messages = 0;

  private constructor(ports: InboxPorts, spool: Spool<StoredCommand>, results: CommandResults) {
    this.#ports = ports;
    this.#spool = spool;
    this.#results = results;
    this.#timer = new DeliveryTimer({ spool, clock: ports.clock, run: () => this.#run() });
  }

  /** @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
  static async open(ports: InboxPorts): Promise<CommandInbox> {
    const { files, stateDir, report } = ports;
    const { results, error } = await CommandResults.open(files, stateDir);
    if (error !== null) report({ name: 'state-set-aside', error });
    const spool = await openSpool({ ...ports, report: (event) => report(event) }, COMMANDS);
    for (const { head } of spool.list()) {
      const entry = await spool.read(head);
      if (entry !== null && entry.body.series === results.series) results.received(entry.body.seq, entry.key);
    }
    return new CommandInbox(ports, spool, results);
  }

  /** Commands that wait to be carried out. */
  get waiting(): number {
    return this.#spool.size;
  }

  /** The commands that have a result, oldest first. */
  get done(): readonly DoneCommand[] {
    return this.#results.done;
  }

  /** Every command up to this number is stored here. */
  get after(): number {
    return this.#results.after;
  }

  /** The id of the command with that number; null if there is none. */
  get last(): string | null {
    return this.#results.last;
  }

  /** Carries out what waits, from now on. */
  start(): void {
    this.#isStarted = true;
    this.#timer.plan();
    this.#pump();
  }

  /** Ends the running handler; its command is kept. */
  async stop(reason: CodedError): Promise<void> {
    this.#isStarted = false;
    this.#timer.stop();
    this.#ending.abort(reason);
    await this.#running;
    await this.#turns.idle();
  }

  /** A new connection begins: what the previous one did not confirm is sent again. */
  connected(): void {
    this.#broken = null;
    this.#isWelcomed = false;
    this.#unconfirmed.clear();
  }

  /** Handles a message; the answers are true once it returns. @throws CodedError if a command cannot be stored */
  receive(message: InboxMessage): Promise<readonly AgentMessage[]> {
    return this.#turns.run(async () => {
      switch (message.type) {
        case 'command':
          return await this.#receiveCommand(message);
        case 'welcome':
          return await this.#welcome(message.seq);
        case 'result-ack':
          await this.#confirm(message.command);
          return [];
      }
    });
  }

  /** The result of a command that waited for a person. Harmless if repeated. @throws CodedError DISK-FULL, FILE-* */
  async finish(id: string, handled: Extract<Handled, { kind: 'done' | 'refused' | 'failed' }>): Promise<void> {
    const known = this.#results.find(id);
    if (known?.outcome !== 'waiting') return;
    const result = resultOf(id, handled);
    await this.#results.put(result, { name: known.name, at: this.#ports.clock.now() });
    this.#say(id, handled);
    this.#send(result);
  }

  /** Calls the handler of this command again now, if it has no result. */
  async again(id: string): Promise<void> {
    const head = this.#spool.find(id);
    if (head === null) return;
    await this.#spool.retry(head).catch(asCoded);
    this.#pump();
  }

  async #receiveCommand({ id, seq, command }: InboxMessage & { type: 'command' }): Promise<readonly AgentMessage[]> {
    if (this.#broken !== null) throw this.#broken;
    const known = this.#results.find(id);
    const body: StoredCommand = { command, seq, series: this.#results.series };
    const accepted = known === null ? await this.#accept(id, body) : 'already';
    this.#results.received(seq, id);
    const answers = [this.#message({ type: 'ack', after: this.#results.after })];
    if (known !== null) return [...answers, this.#answer({ command: id, ...known })];
    if (accepted === 'accepted') {
      this.#ports.report({ name: 'platform-command', id, command: nameOf(body) });
      this.#pump();
      return answers;
    }
    if (this.#spool.find(id) !== null) return answers;
    // Its result was kept for 30 days; the id is remembered for longer.
    return [...answers, this.#answer({ command: id, outcome: 'done', code: null, job: null })];
  }

  async #accept(id: string, body: StoredCommand): Promise<'accepted' | 'already'> {
    try {
      return await this.#spool.accept({ key: id, body });
    } catch (thrown) {
      this.#broken = asCoded(thrown);
      throw this.#broken;
    }
  }

  /** The platform has never numbered up to what it had: it has lost that, and everything it has is received again. */
  async #welcome(seq: number): Promise<readonly AgentMessage[]> {
    // Each one leads to up to 2,000 results and perhaps a write.
    if (this.#isWelcomed) return [];
    const { after } = this.#results;
    const answers: AgentMessage[] = [];
    if (seq < after) {
      await this.#results.startSeries();
      this.#ports.report({ name: 'platform-sequence-back', seq, after });
      answers.push(this.#message({ type: 'ack', after: 0 }));
    }
    this.#isWelcomed = true;
    const unconfirmed = this.#results.done.filter(({ confirmed }) => !confirmed);
    return [...answers, ...unconfirmed.map((one) => this.#answer({ command: one.id, ...one }))];
  }

  /** A confirmation may be for an earlier result than the last one, so each one that was sent needs its own. */
  async #confirm(id: string): Promise<void> {
    const left = (this.#unconfirmed.get(id) ?? 1) - 1;
    this.#unconfirmed.set(id, left);
    if (left > 0) return;
    this.#unconfirmed.delete(id);
    // If it cannot be written, the result is sent once more.
    await this.#results.confirm(id).catch(asCoded);
  }

  /** Carries out what is due, after what is running. */
  #pump(): void {
    if (!this.#isStarted) return;
    void this.#run();
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
    this.#send(result);
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

  /** Sends a result without a request for it. Without a connection, it is sent after the next greeting. */
  #send(result: CommandResult): void {
    if (this.#ports.send(this.#resultMessage(result))) this.#expect(result.command);
  }

  /** A result in the answer to a message, which is always sent. */
  #answer(result: CommandResult): AgentMessage {
    this.#expect(result.command);
    return this.#resultMessage(result);
  }

  /** One more confirmation of this result is expected. */
  #expect(command: string): void {
    this.#unconfirmed.set(command, (this.#unconfirmed.get(command) ?? 0) + 1);
  }

  #resultMessage({ command, outcome, code, job }: CommandResult): AgentMessage {
    return this.#message({ type: 'result', command, outcome, code, job });
  }

  #message(content: AgentContent): AgentMessage {
    this.#messages += 1;
    return agentMessage(content, `${content.type}-${this.#messages}`);
  }
}

function nameOf({ command }: StoredCommand): string {
  return command.command === 'unusable' ? command.name : command.command;
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
