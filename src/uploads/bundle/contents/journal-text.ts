// The journal of one systemd unit, as text: its newest entries in their order.
//
// Guarantees: only complete entries of this unit are returned, with limits for bytes and time. journalctl runs twice:
// first backwards, to count the entries that fit, and then to print that number. Other units cannot be named, because
// the unit is one argument and no shell is used. Relies on the output of journalctl (systemd 239 or newer) with `-o
// short-iso-precise`.

import type { Clock } from '#system/clock.ts';
import type { StreamedCommands } from '#system/process/command.ts';
import { allowedTo, LeftOutError } from './left-out.ts';

/** For both runs, redaction included. */
const LIMIT_MS = 300_000;
const GRACE_MS = 1_000;
/** The second run may print a little more: a rotation changes how a line is shown. */
const SLACK_BYTES = 65_536;
const NEWLINE = 0x0a;
const SPACE = 0x20;
/** `-- Boot 0123 --` and `-- No entries --`. */
const REMARK = Buffer.from('-- ');
const NOT_READABLE = `the service may not read the journal; ${allowedTo('systemd-journal')}`;

export interface JournalPorts {
  readonly journalctl: string;
  readonly commands: StreamedCommands;
  readonly clock: Clock;
}

export interface JournalRequest {
  readonly unit: string;
  readonly sinceMs: number | null;
  /** Bytes of text. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** The text of a journal. */
export interface JournalText {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** There are older entries that do not fit. */
  readonly isCut: boolean;
}

/** @throws LeftOutError if there is nothing that can be read; the reason of the signal */
export async function journalOf(ports: JournalPorts, request: JournalRequest): Promise<JournalText> {
  const until = Math.floor(ports.clock.now() / 1_000);
  const run = { ports, request, common: argumentsFor(request, until), startedMs: ports.clock.monotonic() };
  const fitting = await countFitting(run);
  request.signal.throwIfAborted();
  if (fitting.entries === 0) throw new LeftOutError(fitting.reason);
  return { chunks: print(run, fitting.entries), isCut: fitting.isCut };
}

interface JournalRun {
  readonly ports: JournalPorts;
  readonly request: JournalRequest;
  readonly common: readonly string[];
  readonly startedMs: number;
}

function argumentsFor({ unit, sinceMs }: JournalRequest, until: number): string[] {
  const since = sinceMs === null ? [] : [`--since=@${Math.floor(sinceMs / 1_000)}`];
  return ['--no-pager', '--utc', '--output=short-iso-precise', `--unit=${unit}`, `--until=@${until}`, ...since];
}

async function countFitting(run: JournalRun): Promise<{ entries: number; isCut: boolean; reason: string }> {
  const enough = new AbortController();
  const messages: string[] = [];
  const running = start(run, { arguments: ['--reverse'], enough: enough.signal, messages });
  const counter = new EntryCounter(run.request.limit);
  for await (const chunk of running.output) {
    if (counter.take(chunk)) continue;
    enough.abort();
    break;
  }
  const end = await running.end;
  const isComplete = end.kind === 'exited' && end.status === 0;
  return {
    entries: counter.entries(isComplete),
    isCut: counter.isFull || end.kind === 'too-long',
    reason: counter.isFull
      ? 'its newest entry does not fit into the bytes that are left'
      : reasonFor(end.kind === 'not-started' ? end.reason : null, messages),
  };
}

function reasonFor(notStarted: string | null, messages: readonly string[]): string {
  if (notStarted !== null) return `journalctl cannot be started (${notStarted})`;
  const text = messages.join(' ');
  if (/insufficient permissions|not seeing messages/.test(text)) return NOT_READABLE;
  return /No journal files were found/.test(text) ? 'this host keeps no journal' : 'the journal has no entries of it';
}

async function* print(run: JournalRun, entries: number): AsyncGenerator<Uint8Array> {
  const enough = new AbortController();
  const running = start(run, { arguments: [`--lines=${entries}`], enough: enough.signal, messages: [] });
  let left = run.request.limit + SLACK_BYTES;
  let isWhole = false;
  try {
    for await (const chunk of running.output) {
      left -= chunk.length;
      if (left < 0) throw new LeftOutError('the journal changed while it was read');
      yield chunk;
    }
    isWhole = true;
  } finally {
    if (!isWhole) enough.abort();
  }
  run.request.signal.throwIfAborted();
  const end = await running.end;
  if (end.kind === 'too-long') throw new LeftOutError('reading the journal takes too long');
  if (end.kind !== 'exited' || end.status !== 0) throw new LeftOutError('journalctl ended early');
}

function start(
  { ports, request, common, startedMs }: JournalRun,
  own: { readonly arguments: readonly string[]; readonly enough: AbortSignal; readonly messages: string[] },
) {
  const elapsedMs = ports.clock.monotonic() - startedMs;
  return ports.commands.start(
    {
      path: ports.journalctl,
      arguments: [...common, ...own.arguments],
      environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    },
    {
      limitMs: Math.max(0, LIMIT_MS - elapsedMs),
      graceMs: GRACE_MS,
      stopGraceMs: GRACE_MS,
      onError: (line) => void own.messages.push(line),
      signal: AbortSignal.any([request.signal, own.enough]),
    },
  );
}

/** Counts entries up to a number of bytes. Continued lines of an entry begin with spaces. */
class EntryCounter {
  readonly #limit: number;
  #bytes = 0;
  #entries = 0;
  #isLineStart = true;
  #head: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#bytes > this.#limit;
  }

  /** False when the limit is passed. */
  take(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length && !this.isFull; ) {
      if (this.#head.length < REMARK.length && this.#isLineStart) {
        this.#startLine(chunk[at] ?? 0);
        at += 1;
        this.#bytes += 1;
        continue;
      }
      const end = chunk.indexOf(NEWLINE, at);
      const to = end === -1 ? chunk.length : end + 1;
      this.#bytes += to - at;
      at = to;
      if (end !== -1) this.#endLine();
    }
    return !this.isFull;
  }

  /** The entries that fit. The last one was cut, unless the output was complete. */
  entries(isComplete: boolean): number {
    return isComplete && !this.isFull ? this.#entries : Math.max(0, this.#entries - 1);
  }

  #startLine(byte: number): void {
    if (byte === NEWLINE) {
      this.#endLine();
      return;
    }
    this.#head.push(byte);
    if (this.#head.length < REMARK.length) return;
    this.#isLineStart = false;
    if (this.#head[0] !== SPACE && !REMARK.equals(Buffer.from(this.#head))) this.#entries += 1;
  }

  #endLine(): void {
    this.#isLineStart = true;
    this.#head = [];
  }
}
