// Sends the results of commands until the platform has confirmed them.
//
// Guarantees: a result is sent again on each new connection. If a connection lasts long, `repeat` also sends it again.
// The platform must confirm each outcome of a command: if it confirms `waiting`, the final outcome is still sent. It
// confirms the results of a command in the order in which they were sent. After a crash, results are sent again, which
// is harmless. A platform that confirms nothing cannot make the memory grow: `CommandResults` keeps a limited number of
// results, and what was sent is forgotten with the result.

import { asCoded } from '#errors/coded-error.ts';
import { type AgentMessage, agentMessage, type CommandResult } from '#platform/messages.ts';
import type { InboxPorts } from './inbox-ports.ts';
import type { CommandResults } from './results.ts';

/** How many commands without a kept result may be remembered: forgetting them costs a look at each one. */
const MAX_FORGOTTEN = 1_000;

/** Results of one command that were sent on this connection, and not confirmed yet. */
interface Sent {
  waiting: number;
  final: number;
}

export class ResultSender {
  readonly #ports: Pick<InboxPorts, 'send'>;
  readonly #results: CommandResults;
  readonly #sent = new Map<string, Sent>();
  /** The commands whose result was sent since the last repetition. */
  readonly #recent = new Set<string>();
  #messages = 0;

  constructor(ports: Pick<InboxPorts, 'send'>, results: CommandResults) {
    this.#ports = ports;
    this.#results = results;
  }

  /** The number of commands that are remembered here. */
  get size(): number {
    return Math.max(this.#sent.size, this.#recent.size);
  }

  /** A new connection begins: nothing that was sent on the previous one is confirmed on this one. */
  connected(): void {
    this.#sent.clear();
    this.#recent.clear();
  }

  /** Sends a result that the platform does not expect. Without a connection, it is sent after the next greeting. */
  send(result: CommandResult): void {
    if (this.#ports.send(this.#message(result))) this.#expect(result);
  }

  /** A result in the answer to a message, which is always sent. */
  answer(result: CommandResult): AgentMessage {
    this.#expect(result);
    return this.#message(result);
  }

  /** Every result that is not confirmed, in the answer to a greeting. */
  answerAll(): AgentMessage[] {
    return this.#unconfirmed().map((one) => this.answer(one));
  }

  /** Sends what is not confirmed although it was sent before the last repetition: the confirmation may be lost. */
  repeat(): void {
    const due = this.#unconfirmed().filter(({ command }) => !this.#recent.has(command));
    this.#recent.clear();
    for (const result of due) this.send(result);
  }

  /** The platform has stored a result of this command. Never rejects: what cannot be written is sent once more. */
  async confirm(command: string): Promise<void> {
    const sent = this.#sent.get(command);
    if (sent === undefined) return;
    const isFinal = sent.waiting === 0;
    sent[isFinal ? 'final' : 'waiting'] -= 1;
    if (sent.waiting + sent.final === 0) this.#sent.delete(command);
    const isNewest = isFinal === (this.#results.find(command)?.outcome !== 'waiting');
    if (isNewest) await this.#results.confirm(command).catch(asCoded);
  }

  #unconfirmed(): CommandResult[] {
    return this.#results.done.filter(({ confirmed }) => !confirmed).map((one) => ({ ...one, command: one.id }));
  }

  /** One more confirmation of this result is expected. */
  #expect({ command, outcome }: CommandResult): void {
    if (this.#sent.size >= this.#results.done.length + MAX_FORGOTTEN) this.#forget();
    const sent = this.#sent.get(command) ?? { waiting: 0, final: 0 };
    sent[outcome === 'waiting' ? 'waiting' : 'final'] += 1;
    this.#sent.set(command, sent);
    this.#recent.add(command);
  }

  /** Forgets the commands whose result is no longer kept: there is nothing left to confirm. */
  #forget(): void {
    const kept = new Set(this.#results.done.map(({ id }) => id));
    for (const command of this.#sent.keys()) {
      if (kept.has(command)) continue;
      this.#sent.delete(command);
      this.#recent.delete(command);
    }
  }

  #message({ command, outcome, code, job }: CommandResult): AgentMessage {
    this.#messages += 1;
    return agentMessage({ type: 'result', command, outcome, code, job }, `result-${this.#messages}`);
  }
}
