// Handles the messages of agents and makes the responses, in the same way for both transports.
//
// Guarantees: a command is on disk before it is sent, and a result is on disk before it is acknowledged. After each
// connect, all commands without a final result are sent again. An agent has one session. A new session ends the
// previous one, whose connection may have broken unnoticed. Relies on `Fleet` and its log.

import type { EventLog } from '#origin/event-log.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import type { FaultSwitches } from './faults.ts';
import { type AgentRecord, type Fleet, type FleetEvent, type KeptCommand, MAX_AGENTS } from './fleet.ts';
import type { FromAgent, Hello, PlatformContent, PushedCommand, ReportedActivation } from './wire.ts';

/** One agent on one connection, or in one sequence of polls. */
export interface LinkSession {
  readonly agent: string;
  readonly over: 'websocket' | 'poll';
  /** There is a new command. */
  wake(): void;
  /** A newer session of the same agent has begun. */
  replace(): void;
}

/** What the server knows about the activation of an agent; null if it does not know that agent. */
type FindActivation = (agent: string) => ReportedActivation | null;

interface Parts {
  readonly fleet: Fleet;
  readonly log: EventLog<FleetEvent>;
  readonly clock: Clock;
  readonly faults: FaultSwitches;
  readonly findActivation: FindActivation;
}

export class Sessions {
  readonly #parts: Parts;
  readonly #sessions = new Map<string, LinkSession>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get agents(): readonly AgentRecord[] {
    return this.#parts.fleet.agents;
  }

  knows(agent: string): boolean {
    return this.#parts.fleet.find(agent) !== null;
  }

  /** Whether the agent is known, or a new one can be accepted. */
  accepts(agent: string): boolean {
    return this.#parts.fleet.find(agent) !== null || this.#parts.fleet.size < MAX_AGENTS;
  }

  /** Begins a session. @throws CodedError FILE-*, DISK-FULL */
  async enter(session: LinkSession, hello: Hello): Promise<readonly PlatformContent[]> {
    const { log, clock, faults, fleet, findActivation } = this.#parts;
    const { version } = hello.agent;
    const { agent, over } = session;
    const at = utcTime(clock.now());
    const { activation, after, last, report } = hello;
    await log.commit(() => ({ kind: 'hello', agent, at, over, after, last, version, activation, report }));
    this.#adopt(session);
    const welcome = {
      type: 'welcome',
      activation: findActivation(agent) ?? activation,
      seq: fleet.find(agent)?.seq ?? 0,
    } as const;
    const { delaySeconds } = faults.now;
    return delaySeconds === null ? [welcome] : [welcome, { type: 'delay', seconds: delaySeconds }];
  }

  /** Continues a session without a new `hello`. @throws CodedError FILE-*, DISK-FULL */
  async adopt(session: LinkSession): Promise<void> {
    const { log, fleet, clock } = this.#parts;
    const { agent, over } = session;
    this.#adopt(session);
    const isNews = () => fleet.find(agent) !== null && fleet.find(agent)?.over !== over;
    const at = utcTime(clock.now());
    await log.commit(() => (isNews() ? { kind: 'connected', agent, over, at } : null));
  }

  #adopt(session: LinkSession): void {
    const before = this.#sessions.get(session.agent);
    this.#sessions.set(session.agent, session);
    if (before !== undefined && before !== session) before.replace();
  }

  /** Handles a message of a session that has begun. @throws CodedError FILE-*, DISK-FULL */
  async receive({ agent }: LinkSession, message: Exclude<FromAgent, Hello>): Promise<readonly PlatformContent[]> {
    const { log, fleet, clock, faults } = this.#parts;
    const at = utcTime(clock.now());
    switch (message.type) {
      case 'ack': {
        const { after } = message;
        await log.commit(() => (after > (fleet.find(agent)?.acked ?? 0) ? { kind: 'acked', agent, after } : null));
        return [];
      }
      case 'report':
        await log.commit(() => ({ kind: 'report', agent, at, report: message.report }));
        return [];
      case 'result': {
        if (faults.now.forgetResults) return [];
        const { command, outcome, code, job } = message;
        await log.commit(() =>
          isOpen(fleet.find(agent), command) ? { kind: 'result', agent, at, command, outcome, code, job } : null,
        );
        // Also for a command that this server does not know any more: the agent would repeat it forever.
        return [{ type: 'result-ack', command }];
      }
    }
  }

  /** Ends a session, unless a newer one has begun. Never rejects. */
  async leave(session: LinkSession): Promise<void> {
    const { log, clock } = this.#parts;
    if (this.#sessions.get(session.agent) !== session) return;
    this.#sessions.delete(session.agent);
    const event = { kind: 'gone', agent: session.agent, at: utcTime(clock.now()) } as const;
    await log.commit(() => event).catch(() => undefined);
  }

  /** The commands above this number that have no final result. Each connection begins with 0. */
  commandsAfter(agent: string, after: number): readonly KeptCommand[] {
    return this.#parts.fleet.commandsAfter(agent, after);
  }

  /**
   * Stores a command for these agents and sends it to those that are connected. Returns the id of each command. The
   * same request is carried out once.
   * @throws CodedError FILE-*, DISK-FULL; nothing was stored
   */
  async push(push: {
    request: string;
    agents: readonly string[] | 'all';
    command: PushedCommand;
  }): Promise<readonly string[]> {
    const { fleet, log, clock } = this.#parts;
    const at = utcTime(clock.now());
    const { request } = push;
    const made = await log.commit(() => {
      const agents = push.agents === 'all' ? fleet.agents.map(({ id }) => id) : push.agents;
      return fleet.decidePush({ request, agents, command: push.command, at });
    });
    for (const { agent } of made?.to ?? []) this.#sessions.get(agent)?.wake();
    return made?.to.map(({ id }) => id) ?? [];
  }
}

/** The content of a message with a command. */
export function contentOf({ id, seq, command }: KeptCommand): PlatformContent {
  return { type: 'command', id, seq, ...command };
}

function isOpen(agent: AgentRecord | null, id: string): boolean {
  const result = agent?.commands.find((one) => one.id === id)?.result;
  return result === null || result?.outcome === 'waiting';
}
