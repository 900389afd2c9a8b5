// Sends the log to callers that follow it over Control. The newest lines are kept and numbered, and every follower gets
// each new line.
//
// Guarantees: memory is bounded. A slow reader does not delay the daemon: the server disconnects it, and it can
// continue after its last line. The lines have the same words as the log, and the same secrets are masked. Nothing is
// written to disk.

import type { Followed, FollowRequest } from '#control/follow.ts';
import type { Parts } from '#daemon/parts.ts';
import { type Level, reachesLevel } from '#logging/event-definition.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { untilAborted } from '#system/abort.ts';
import { utcTime } from '#system/moment.ts';

/** Lines that are kept for callers that reconnect. */
const MAX_LINES = 1_000;

type Line = Extract<Followed, { kind: 'line' }>;
type Send = (followed: Followed) => void;

export class Followers {
  readonly #parts: Pick<Parts, 'clock' | 'redactor' | 'ports' | 'startedAtMs'>;
  readonly #lines: Line[] = [];
  readonly #senders = new Set<Send>();
  readonly #ended = new AbortController();
  #newest = 0;

  constructor(parts: Pick<Parts, 'clock' | 'redactor' | 'ports' | 'startedAtMs' | 'events'>) {
    this.#parts = parts;
    parts.events.add((event) => this.#hear(event));
  }

  /** Sends the missed lines and then each new one, until the caller disconnects or the daemon stops. */
  async follow({ after }: FollowRequest, send: Send, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const from = after !== null && after.run === this.#run ? after.number : this.#newest;
    const kept = this.#lines.filter(({ number }) => number > from);
    const wanted = Math.max(0, this.#newest - from);
    send({ kind: 'start', run: this.#run, newest: this.#newest, missed: wanted - kept.length });
    for (const line of kept) send(line);
    this.#senders.add(send);
    const ending = AbortSignal.any([signal, this.#ended.signal]);
    try {
      await untilAborted(ending);
      signal.throwIfAborted();
    } finally {
      this.#senders.delete(send);
    }
  }

  /** Ends the response of every follower properly. */
  end(): void {
    this.#ended.abort();
  }

  get #run(): string {
    return `${this.#parts.startedAtMs}-${process.pid}`;
  }

  #hear(event: SallyportEvent): void {
    if (event.name === 'progress') {
      const { id, received, length } = event;
      this.#sendAll({ kind: 'progress', id: String(id), received: Number(received), length: Number(length) });
    } else if (this.#isLogged(EVENTS[event.name].level)) this.#keep(event);
  }

  #keep(event: SallyportEvent): void {
    this.#newest += 1;
    const { clock, redactor } = this.#parts;
    const { at, level, thread, name, message } = toRecord(event, clock.now(), redactor);
    const line: Line = { kind: 'line', number: this.#newest, at: utcTime(at), level, thread, event: name, message };
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.#sendAll(line);
  }

  #isLogged(level: Level): boolean {
    return reachesLevel(level, this.#parts.ports.settings().logging.level);
  }

  #sendAll(followed: Followed): void {
    for (const send of this.#senders) send(followed);
  }
}
