// A file of events, one JSON object per line, and the model in memory that is calculated from them.
//
// Guarantees: when `commit` returns, the event survives a power cut. The model never contains an event that is not on
// disk. Decisions run one at a time and see all earlier events. Requires that only one server uses the file. A crash
// can leave an incomplete last line, which the next start removes.

import { writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { Turns } from '#system/turns.ts';
import { AppendFile } from './uploads/batches/append-file.ts';

/** What the events add up to. */
export interface EventModel<Event> {
  /** Reads an event from parsed JSON; null if it is none of ours. */
  read(raw: unknown): Event | null;
  apply(event: Event): void;
  /** The shortest list of events that lead to the present state. */
  snapshot(): Iterable<Event>;
}

interface Options<Event> {
  readonly files: Files;
  readonly path: string;
  readonly model: EventModel<Event>;
  /** A longer file is replaced by a snapshot. */
  readonly compactBytes?: number;
}

const COMPACT_BYTES = 4 * 1024 * 1024;
/** A snapshot is written again only after the file has grown to a multiple of it. */
const MIN_GROWTH = 2;
const MODE = 0o600;

export class EventLog<Event extends object> {
  readonly #options: Options<Event>;
  readonly #turns = new Turns();
  #file: AppendFile;
  /** Bytes of the last snapshot. */
  #snapshotBytes = 0;

  private constructor(options: Options<Event>, file: AppendFile) {
    this.#options = options;
    this.#file = file;
  }

  /** Opens or creates the file. @throws CodedError FILE-*, DISK-FULL, and an error when the file is not ours */
  static async open<Event extends object>(options: Options<Event>): Promise<EventLog<Event>> {
    const { files, path, model } = options;
    const file = await AppendFile.open(files, path);
    try {
      await file.cut(await file.eachLine((line, position) => model.apply(readEvent(line, { model, path, position }))));
      const log = new EventLog(options, file);
      await log.#compact();
      return log;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /**
   * Decides on an event when all earlier ones are in the model, and stores it; null stores nothing. Returns the event.
   * @throws CodedError FILE-*, DISK-FULL; the event was not stored
   */
  commit<Made extends Event | null>(decide: () => Made): Promise<Made> {
    return this.#turns.run(async () => {
      const event = decide();
      if (event === null) return event;
      await this.#file.append(lineOf(event));
      this.#options.model.apply(event);
      await this.#compact();
      return event;
    });
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.#file.close();
  }

  async #compact(): Promise<void> {
    const { files, path, model, compactBytes = COMPACT_BYTES } = this.#options;
    if (this.#file.end < Math.max(compactBytes, MIN_GROWTH * this.#snapshotBytes)) return;
    const bytes = Buffer.concat([...model.snapshot()].map(lineOf));
    this.#snapshotBytes = bytes.length;
    await writeDurably(files, path, bytes, MODE);
    const file = await AppendFile.open(files, path);
    await this.#file.close();
    this.#file = file;
  }
}

/** Reads a log that a running server may be writing to. @throws CodedError FILE-*, and an error when it is not ours */
export function applyText<Event>(text: string, { model, path }: Pick<Options<Event>, 'model' | 'path'>): void {
  const lines = text.split('\n').slice(0, -1);
  for (const [index, line] of lines.entries()) {
    model.apply(readEvent(Buffer.from(line), { model, path, position: index }));
  }
}

function readEvent<Event>(
  line: Buffer,
  { model, path, position }: { model: EventModel<Event>; path: string; position: number },
): Event {
  let event: Event | null = null;
  try {
    event = model.read(JSON.parse(line.toString('utf8')));
  } catch {
    // Reported below.
  }
  if (event === null) throw new Error(`${path} has a line at ${position} that this server did not write`);
  return event;
}

function lineOf(event: object): Buffer {
  return Buffer.from(`${JSON.stringify(event)}\n`);
}
