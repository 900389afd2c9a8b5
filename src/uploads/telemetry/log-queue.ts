// Log events that wait to be sent, in memory.
//
// Guarantees: the queue is limited in events and in characters. If it is full, the oldest events are dropped and
// counted. A batch is taken and either removed or left, so a failed request loses nothing. Pure.

import type { Level } from '#logging/event-definition.ts';

/** One event of the log, with known secrets masked. */
export interface QueuedEvent {
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
  readonly level: Level;
  /** The name of the event. */
  readonly name: string;
  readonly thread: string;
  /** The sentence of the log line. */
  readonly message: string;
  /** The failure code of the event, if it has one. */
  readonly code: string | null;
}

export interface QueueLimits {
  readonly events: number;
  readonly characters: number;
}

const LIMITS: QueueLimits = { events: 2_048, characters: 1_048_576 };

export class LogQueue {
  readonly #limits: QueueLimits;
  readonly #events: QueuedEvent[] = [];
  #characters = 0;
  #dropped = 0;

  constructor(limits: QueueLimits = LIMITS) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#events.length;
  }

  /** Events that were dropped since the start, because the queue was full or the collector refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  add(event: QueuedEvent): void {
    this.#events.push(event);
    this.#characters += event.message.length;
    while (this.#events.length > this.#limits.events || this.#characters > this.#limits.characters) this.#dropOldest();
  }

  /** The oldest events. They stay in the queue. */
  first(most: number): readonly QueuedEvent[] {
    return this.#events.slice(0, most);
  }

  /** Removes events that were sent. One that was dropped meanwhile is gone already. */
  remove(sent: readonly QueuedEvent[]): void {
    const gone = new Set(sent);
    while (this.#events[0] !== undefined && gone.has(this.#events[0])) this.#shift();
  }

  /** Removes events that the collector refused. */
  drop(refused: readonly QueuedEvent[]): void {
    const before = this.#events.length;
    this.remove(refused);
    this.#dropped += before - this.#events.length;
  }

  /** Counts events that the collector did not accept from a request that succeeded. */
  countRejected(count: number): void {
    this.#dropped += count;
  }

  clear(): void {
    this.#events.length = 0;
    this.#characters = 0;
  }

  #dropOldest(): void {
    this.#shift();
    this.#dropped += 1;
  }

  #shift(): void {
    const oldest = this.#events.shift();
    this.#characters -= oldest?.message.length ?? 0;
  }
}
