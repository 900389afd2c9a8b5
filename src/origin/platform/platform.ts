// The platform of an origin: the link with its agents (docs/protocol-platform.md), in a folder next to the served one.
//
// Guarantees: nothing is written outside that folder, and other users cannot read it. Commands and results survive a
// crash. Requires that only one server uses the folder.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EventLog } from '#origin/event-log.ts';
import { problemOf, refuse, type ServedExchange, sendReply } from '#origin/reply.ts';
import { readBody } from '#origin/small-body.ts';
import { type Clock, wait } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { ownFolder } from '#system/own-folder.ts';
import { FaultSwitches } from './link/faults.ts';
import { type AgentRecord, Fleet, type FleetEvent } from './link/fleet.ts';
import { PollLinks } from './link/poll.ts';
import { Sessions } from './link/sessions.ts';
import { refuseUpgrade, type Upgrade, WebSocketLinks } from './link/websocket.ts';
import { MAX_LINK_MESSAGE_BYTES, type PushedCommand } from './link/wire.ts';

export const LINK_PATH = 'link';
/** How long held polls have to be answered when the server stops. */
const ENDING_MS = 500;
const FLEET_FILE = 'fleet.jsonl';

export interface PlatformOptions {
  readonly files: Files;
  /** The folder; created if it is missing. */
  readonly dir: string;
  readonly clock: Clock;
}

/** What a vendor or a test can do with a platform. */
export interface PlatformControls {
  /** Every agent that has ever connected, with its commands and their results. */
  readonly agents: readonly AgentRecord[];
  /**
   * Sends a command, now or when the agent connects. Returns the id of each command: one for each agent.
   * @throws CodedError FILE-*, DISK-FULL; nothing is sent
   */
  push(to: string | 'all', command: PushedCommand): Promise<readonly string[]>;
  /** For tests of agents. */
  readonly faults: FaultSwitches;
  /** Closes every WebSocket with this code. */
  closeLinks(code: number): Promise<void>;
  /** Ends every connection without a close frame. */
  abortLinks(): void;
}

export class Platform implements PlatformControls {
  readonly faults = new FaultSwitches();
  readonly #log: EventLog<FleetEvent>;
  readonly #sessions: Sessions;
  readonly #polls: PollLinks;
  readonly #webSockets: WebSocketLinks;
  readonly #clock: Clock;
  readonly #answering = new Set<Promise<void>>();

  private constructor(log: EventLog<FleetEvent>, fleet: Fleet, clock: Clock) {
    const { faults } = this;
    this.#log = log;
    this.#clock = clock;
    this.#sessions = new Sessions({ fleet, log, clock, faults, findActivation: () => null });
    const run = randomUUID().slice(0, 8);
    let count = 0;
    const nextMessageId = () => {
      count += 1;
      return `m-${run}-${count}`;
    };
    const parts = { sessions: this.#sessions, clock, faults, nextMessageId };
    this.#polls = new PollLinks(parts);
    this.#webSockets = new WebSocketLinks(parts);
  }

  /** Opens the folder. @throws CodedError FOLDER-UNSAFE, FILE-*, and an error when a file in it is not ours */
  static async open({ files, dir, clock }: PlatformOptions): Promise<Platform> {
    await ownFolder(files, dir, { mode: 0o700, what: 'the folder of the platform', isPrivate: true });
    const fleet = new Fleet();
    const log = await EventLog.open({ files, path: join(dir, FLEET_FILE), model: fleet });
    await log.commit(() => ({ kind: 'started', at: utcTime(clock.now()) }) as const);
    return new Platform(log, fleet, clock);
  }

  get agents(): readonly AgentRecord[] {
    return this.#sessions.agents;
  }

  async push(to: string | 'all', command: PushedCommand): Promise<readonly string[]> {
    return await this.#sessions.push({ agents: to === 'all' ? 'all' : [to], command });
  }

  /** Answers a request below the paths of the platform. Rejects when the client disconnects. */
  async answer(exchange: ServedExchange, path: readonly string[]): Promise<boolean> {
    if (path.join('/') !== LINK_PATH) return false;
    const answering = this.#answerLink(exchange);
    this.#answering.add(answering);
    await answering.finally(() => this.#answering.delete(answering));
    return true;
  }

  /** Answers a WebSocket handshake. Never rejects. */
  async upgrade(upgrade: Upgrade, path: readonly string[]): Promise<number> {
    upgrade.socket.on('error', () => undefined);
    if (path.join('/') !== LINK_PATH) return refuseUpgrade(upgrade, { status: 404, detail: 'Not here.' });
    const refusal = this.#webSockets.refusalOf(upgrade.request);
    if (refusal !== null) return refuseUpgrade(upgrade, refusal);
    await this.#webSockets.accept(upgrade, null);
    return 101;
  }

  async closeLinks(code: number): Promise<void> {
    await this.#webSockets.end(code);
  }

  abortLinks(): void {
    this.#webSockets.abort();
  }

  /** Ends all sessions: agents connect again later. */
  async end(): Promise<void> {
    this.#polls.end();
    const answered = new AbortController();
    void Promise.allSettled(this.#answering).then(() => answered.abort());
    await Promise.all([
      this.#webSockets.end(),
      // A poll whose body does not arrive is not awaited.
      wait(this.#clock, ENDING_MS, answered.signal).catch(() => undefined),
    ]);
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  async #answerLink(exchange: ServedExchange): Promise<void> {
    const { method } = exchange.request;
    if (method === 'GET') {
      // RFC 9110, 15.5.22
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade, close' };
      return refuse(exchange, 426, 'Open a WebSocket here, or send a poll with POST.', headers);
    }
    if (method !== 'POST') return refuse(exchange, 405, 'Use GET or POST.', { Allow: 'GET, POST' });
    const body = await readBody(exchange, MAX_LINK_MESSAGE_BYTES);
    if (body === null) {
      const detail = `A poll has at most ${MAX_LINK_MESSAGE_BYTES} bytes.`;
      return sendReply(exchange, problemOf({ status: 413, detail, headers: { Connection: 'close' } }));
    }
    const reply = await this.#polls.answer(exchange, body.toString('utf8'), null);
    if (!exchange.response.destroyed) sendReply(exchange, reply);
  }
}
