// The agents that a platform knows, and the commands for each agent, calculated from recorded events.
//
// Guarantees: each command of an agent has a higher number than the one before. A command is kept until its final
// result has arrived. There are limits for the number of agents, of commands without a result, and of results.

import { z } from 'zod';
import type { EventModel } from '#origin/event-log.ts';
import { NewestSet } from '#system/newest.ts';
import { type AgentReport, commandSchema, type Hello, type PushedCommand, resultSchema } from './wire.ts';

/** A command with what is known about it. */
export interface KeptCommand {
  readonly id: string;
  readonly seq: number;
  /** RFC 3339. */
  readonly at: string;
  readonly command: PushedCommand;
  readonly result: StoredResult | null;
}

type StoredResult = Omit<z.infer<typeof resultSchema>, 'command'> & { readonly at: string };

/** An agent that has connected at least once. */
export interface AgentRecord {
  readonly id: string;
  readonly version: string;
  readonly activation: Hello['activation'];
  readonly report: AgentReport | null;
  /** When it was last connected or connected again; RFC 3339. */
  readonly seen: string;
  /** How it is connected now, according to the log. */
  readonly over: 'websocket' | 'poll' | null;
  /** The highest number that was given to a command. */
  readonly seq: number;
  /** The highest number that is durable at the agent. */
  readonly acked: number;
  /** In the order of their numbers. */
  readonly commands: readonly KeptCommand[];
}

const at = z.string();
const text = z.string();
const count = z.int().nonnegative();
const over = z.enum(['websocket', 'poll']);
const state = {
  version: text,
  activation: z.enum(['unactivated', 'activated', 'expired', 'revoked']),
  report: z.custom<AgentReport>((value) => typeof value === 'object').nullable(),
};
const storedResult = resultSchema.omit({ command: true }).extend({ at });

const eventSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started'), at }),
  z.object({
    kind: z.literal('hello'),
    agent: text,
    at,
    over,
    after: count,
    last: text.nullable().default(null),
    ...state,
  }),
  z.object({ kind: z.literal('connected'), agent: text, at, over }),
  z.object({ kind: z.literal('gone'), agent: text, at }),
  z.object({ kind: z.literal('acked'), agent: text, after: count }),
  z.object({ kind: z.literal('report'), agent: text, at, report: state.report }),
  z.object({
    kind: z.literal('pushed'),
    request: text,
    at,
    command: commandSchema,
    to: z.array(z.object({ agent: text, id: text, seq: count })),
  }),
  z.object({ kind: z.literal('result'), agent: text, at, ...resultSchema.shape }),
  z.object({ kind: z.literal('feed'), digest: text }),
  // Only in a snapshot:
  z.object({ kind: z.literal('requests'), ids: z.array(text) }),
  z.object({
    kind: z.literal('agent'),
    agent: text,
    seen: at,
    over: over.nullable(),
    seq: count,
    acked: count,
    ...state,
  }),
  z.object({
    kind: z.literal('command'),
    agent: text,
    id: text,
    seq: count,
    at,
    command: commandSchema,
    result: storedResult.nullable(),
  }),
]);
export type FleetEvent = z.infer<typeof eventSchema>;
type Pushed = Extract<FleetEvent, { kind: 'pushed' }>;

export const MAX_AGENTS = 10_000;
/** Commands of one agent without a result. */
const MAX_OPEN_COMMANDS = 1_000;
/** Commands of one agent whose result is kept. */
const MAX_RESULTS = 100;
const MAX_REQUESTS = 10_000;

type Entry = { -readonly [Field in Exclude<keyof AgentRecord, 'commands'>]: AgentRecord[Field] } & {
  readonly commands: Map<string, KeptCommand>;
};

export class Fleet implements EventModel<FleetEvent> {
  readonly #agents = new Map<string, Entry>();
  readonly #requests = new NewestSet<string>(MAX_REQUESTS);
  #feed: string | null = null;

  /** The digest of the feed that agents were notified of; null before the first. */
  get feed(): string | null {
    return this.#feed;
  }

  get size(): number {
    return this.#agents.size;
  }

  get agents(): readonly AgentRecord[] {
    return [...this.#agents.values()].map(recordOf);
  }

  find(agent: string): AgentRecord | null {
    const entry = this.#agents.get(agent);
    return entry === undefined ? null : recordOf(entry);
  }

  /** The commands above a number that have no final result, in order. */
  commandsAfter(agent: string, after: number): readonly KeptCommand[] {
    return [...(this.#agents.get(agent)?.commands.values() ?? [])].filter((one) => one.seq > after && !isFinished(one));
  }

  hasRequest(request: string): boolean {
    return this.#requests.has(request);
  }

  /**
   * A push to these agents; null if none of them gets it. An agent that is not connected gets one command to look for
   * updates, however often the feed changes.
   */
  decidePush(push: { request: string; agents: readonly string[]; command: PushedCommand; at: string }): Pushed | null {
    const { request, agents, command } = push;
    if (this.hasRequest(request)) return null;
    const to = agents.flatMap((agent, index) => {
      const entry = this.#agents.get(agent);
      if (entry === undefined || !hasRoom(entry) || isRepeated(entry, command)) return [];
      return { agent, id: agents.length === 1 ? request : `${request}-${index + 1}`, seq: entry.seq + 1 };
    });
    return to.length === 0 ? null : { kind: 'pushed', request, at: push.at, command, to };
  }

  read(raw: unknown): FleetEvent | null {
    const read = eventSchema.safeParse(raw);
    return read.success ? read.data : null;
  }

  apply(event: FleetEvent): void {
    switch (event.kind) {
      case 'started':
        for (const entry of this.#agents.values()) entry.over = null;
        return;
      case 'feed':
        this.#feed = event.digest;
        return;
      case 'requests':
        for (const id of event.ids) this.#requests.add(id);
        return;
      case 'pushed':
        this.#push(event);
        return;
      case 'hello':
      case 'agent':
        this.#meet(event);
        return;
      default:
        this.#change(event);
    }
  }

  *snapshot(): Generator<FleetEvent> {
    if (this.#feed !== null) yield { kind: 'feed', digest: this.#feed };
    yield { kind: 'requests', ids: [...this.#requests] };
    for (const { id: agent, commands, ...rest } of this.#agents.values()) {
      yield { kind: 'agent', agent, ...rest };
      for (const command of commands.values()) yield { kind: 'command', agent, ...command };
    }
  }

  #push({ request, to, at: pushedAt, command }: Pushed): void {
    this.#requests.add(request);
    for (const { agent, id, seq } of to) {
      const entry = this.#agents.get(agent);
      if (entry === undefined) continue;
      entry.seq = Math.max(entry.seq, seq);
      entry.commands.set(id, { id, seq, at: pushedAt, command, result: null });
    }
  }

  #meet(event: Extract<FleetEvent, { kind: 'hello' | 'agent' }>): void {
    const { agent: id, version, activation, report } = event;
    const before = this.#agents.get(id);
    const state = { id, version, activation, report: report ?? before?.report ?? null, over: event.over };
    const commands = before?.commands ?? new Map<string, KeptCommand>();
    if (event.kind === 'agent') {
      this.#agents.set(id, { ...state, seen: event.seen, seq: event.seq, acked: event.acked, commands });
      return;
    }
    const seq = before?.seq ?? 0;
    // An agent may have more than this platform, which was restored from a backup, or other commands with the same numbers.
    const acked = isLost(commands, event) ? 0 : Math.min(event.after, seq);
    this.#agents.set(id, { ...state, seen: event.at, seq, acked, commands });
  }

  #change(
    event: Extract<FleetEvent, { kind: 'connected' | 'gone' | 'acked' | 'report' | 'command' | 'result' }>,
  ): void {
    const entry = this.#agents.get(event.agent);
    if (entry === undefined) return;
    switch (event.kind) {
      case 'connected':
        entry.over = event.over;
        entry.seen = event.at;
        return;
      case 'gone':
        entry.over = null;
        entry.seen = event.at;
        return;
      case 'acked':
        entry.acked = Math.min(Math.max(entry.acked, event.after), entry.seq);
        return;
      case 'report':
        entry.report = event.report;
        return;
      case 'command': {
        const { id, seq, at: pushedAt, command, result } = event;
        entry.commands.set(id, { id, seq, at: pushedAt, command, result });
        return;
      }
      case 'result':
        finish(entry, event);
    }
  }
}

/** Whether this platform gave the last number of an agent to another command than the agent has. */
function isLost(
  commands: Entry['commands'],
  { after, last }: { readonly after: number; readonly last: string | null },
) {
  return last !== null && [...commands.values()].some(({ seq, id }) => seq === after && id !== last);
}

/** Stores a result. `waiting` is not the last one; nothing changes after the last one. */
function finish(
  entry: Entry,
  { command: id, outcome, code, job, at: arrived }: Extract<FleetEvent, { kind: 'result' }>,
): void {
  const command = entry.commands.get(id);
  if (command === undefined || isFinished(command)) return;
  entry.commands.set(id, { ...command, result: { outcome, code, job, at: arrived } });
  const finished = [...entry.commands.values()].filter(isFinished);
  for (const { id: old } of finished.slice(0, -MAX_RESULTS)) entry.commands.delete(old);
}

function isFinished({ result }: KeptCommand): boolean {
  return result !== null && result.outcome !== 'waiting';
}

function hasRoom({ commands }: Entry): boolean {
  return [...commands.values()].filter((one) => !isFinished(one)).length < MAX_OPEN_COMMANDS;
}

/** A connected agent may have looked for updates already, although its acknowledgement has not arrived yet. */
function isRepeated({ commands, acked, over: connected }: Entry, command: PushedCommand): boolean {
  if (command.command !== 'update-available' || connected !== null) return false;
  return [...commands.values()].some(
    (one) => one.command.command === 'update-available' && one.seq > acked && !isFinished(one),
  );
}

function recordOf({ commands, ...entry }: Entry): AgentRecord {
  return { ...entry, commands: [...commands.values()] };
}
