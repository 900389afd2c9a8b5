// The durable inbox. A command of the platform is on disk before it is acknowledged, and is carried out once.
//
// Guarantees: an acknowledged command is carried out or refused, even after a crash. Its result is sent until the
// platform has confirmed it. If a command cannot be stored, no later command is received on this connection. A platform
// that sends too many new commands within an hour loses its link and nothing else: the commands are received later.
// Relies on the lock of the state folder, and on `CommandRunner` and `ResultSender`.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { type AgentMessage, agentMessage, type PlatformMessage } from '#platform/messages.ts';
import { openSpool } from '#spool/open.ts';
import type { Spool } from '#spool/spool.ts';
import { Turns } from '#system/turns.ts';
import { COMMANDS, nameOf, type StoredCommand } from './command-kind.ts';
import { CommandRunner } from './command-runner.ts';
import type { Handled, InboxPorts } from './inbox-ports.ts';
import { MAX_RECEIVED_PER_HOUR, ofLastHour } from './limits.ts';
import { ResultSender } from './result-sender.ts';
import { CommandResults, type DoneCommand } from './results.ts';

/** What the inbox has to do with a message. */
type InboxMessage = Extract<PlatformMessage, { type: 'command' | 'welcome' | 'result-ack' }>;

export class CommandInbox {
  readonly #ports: InboxPorts;
  readonly #spool: Spool<StoredCommand>;
  readonly #results: CommandResults;
  readonly #sender: ResultSender;
  readonly #runner: CommandRunner;
  readonly #turns = new Turns();
  /** Whether this connection has had its greeting: another one is ignored. */
  #isWelcomed = false;
  /** Why a command of this connection could not be stored. */
  #broken: CodedError | null = null;
  #acknowledgments = 0;
  /** When the new commands of the last hour were received. A restart forgets it. */
  #receivedAtMs: readonly number[] = [];

  private constructor(ports: InboxPorts, spool: Spool<StoredCommand>, results: CommandResults) {
    this.#ports = ports;
    this.#spool = spool;
    this.#results = results;
    this.#sender = new ResultSender(ports, results);
    this.#runner = new CommandRunner(ports, { spool, results, sender: this.#sender });
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
    this.#runner.start();
  }

  /** Ends the running handler; its command is kept. */
  async stop(reason: CodedError): Promise<void> {
    await this.#runner.stop(reason);
    await this.#turns.idle();
  }

  /** A new connection begins: what the previous one did not confirm is sent again. */
  connected(): void {
    this.#broken = null;
    this.#isWelcomed = false;
    this.#sender.connected();
  }

  /** Sends results again that the platform has not confirmed on this connection since the last call. */
  repeatResults(): void {
    if (this.#isWelcomed) this.#sender.repeat();
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
          await this.#sender.confirm(message.command);
          return [];
      }
    });
  }

  /** The result of a command that waited for a person. Harmless if repeated. @throws CodedError DISK-FULL, FILE-* */
  async finish(id: string, handled: Extract<Handled, { kind: 'done' | 'refused' | 'failed' }>): Promise<void> {
    await this.#runner.finish(id, handled);
  }

  /** Calls the handler of this command again now, if it has no result. */
  async again(id: string): Promise<void> {
    await this.#runner.again(id);
  }

  async #receiveCommand({ id, seq, command }: InboxMessage & { type: 'command' }): Promise<readonly AgentMessage[]> {
    if (this.#broken !== null) throw this.#broken;
    const known = this.#results.find(id);
    const body: StoredCommand = { command, seq, series: this.#results.series };
    const accepted = known === null ? await this.#accept(id, body) : 'already';
    this.#results.received(seq, id);
    const answers = [this.#acknowledgment(this.#results.after)];
    if (known !== null) return [...answers, this.#sender.answer({ ...known, command: id })];
    if (accepted === 'accepted') {
      this.#ports.report({ name: 'platform-command', id, command: nameOf(body) });
      this.#runner.pump();
      return answers;
    }
    if (this.#spool.find(id) !== null) return answers;
    // Its result was kept for 30 days; the id is remembered for longer.
    return [...answers, this.#sender.answer({ command: id, outcome: 'done', code: null, job: null })];
  }

  async #accept(id: string, body: StoredCommand): Promise<'accepted' | 'already'> {
    try {
      const nowMs = this.#ports.clock.monotonic();
      this.#limit(nowMs);
      const accepted = await this.#spool.accept({ key: id, body });
      if (accepted === 'accepted') this.#receivedAtMs = [...this.#receivedAtMs, nowMs];
      return accepted;
    } catch (thrown) {
      this.#broken = asCoded(thrown);
      throw this.#broken;
    }
  }

  /** Holds across connections, so that a new one does not begin a new hour. @throws CodedError LINK-PROTOCOL */
  #limit(nowMs: number): void {
    this.#receivedAtMs = ofLastHour(this.#receivedAtMs, nowMs);
    if (this.#receivedAtMs.length < MAX_RECEIVED_PER_HOUR) return;
    const host = this.#ports.host();
    const reason = `it sent more than ${MAX_RECEIVED_PER_HOUR} new commands within an hour`;
    throw coded('LINK-PROTOCOL', { host, reason, hop: originAt(host) });
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
      answers.push(this.#acknowledgment(0));
    }
    this.#isWelcomed = true;
    return [...answers, ...this.#sender.answerAll()];
  }

  #acknowledgment(after: number): AgentMessage {
    this.#acknowledgments += 1;
    return agentMessage({ type: 'ack', after }, `ack-${this.#acknowledgments}`);
  }
}
