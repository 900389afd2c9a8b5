// The link to the platform: runs the state machine with the clock, the transports and the log.
//
// Guarantees: there is at most one connection at a time, or a second poll while one is held. Messages are handled one at
// a time. Each is answered only after its data is durable. While the link is off, it has no connection, timer or file.
// The link itself stores nothing, so a crash leaves nothing behind. The inbox is durable, and after each `hello` the
// platform sends the commands that are missing there.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { isAnsweredUpgrade } from '#http/websocket.ts';
import type { AgentMessage } from '#platform/messages.ts';
import type { HopFacts } from '#proxy/route.ts';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import type { Inputs, LinkEffect, LinkEvent, Machine, Saying } from './machine.ts';
import { counted, MAX_MESSAGES_PER_MINUTE, type MessageCount } from './message-rate.ts';
import { Polls } from './poll.ts';
import type { LinkPorts, LinkState } from './ports.ts';
import type { Received } from './received.ts';
import { isFormerOrigin } from './request.ts';
import { OFF, step } from './state.ts';
import { LinkSocket } from './websocket.ts';

export type { LinkPorts, LinkSettings, LinkState } from './ports.ts';

/** Messages that may wait for the next poll. */
const MAX_UNSENT = 256;

/** What is open or being opened. */
interface Running {
  readonly ender: AbortController;
  readonly url: URL;
  socket: LinkSocket | null;
  /** Whether hello was sent: it is the first message of a connection. */
  isGreeted: boolean;
}

export class PlatformLink {
  readonly #ports: LinkPorts;
  readonly #polls: Polls;
  /** The responses to two polls are handled one after the other. */
  readonly #handling = new Turns();
  readonly #listeners = new Set<() => void>();
  #machine: Machine = OFF;
  #timer: Timer | null = null;
  #running: Running | null = null;
  #url: URL | null = null;
  #facts: HopFacts | null = null;
  #unsent: AgentMessage[] = [];
  #isWanted = false;
  #count: MessageCount = { sinceMs: 0, count: 0 };
  /** Whether a message of another version was reported since the start. */
  #hasWarned = false;
  #ending: Promise<void> = Promise.resolve();

  constructor(ports: LinkPorts) {
    this.#ports = ports;
    this.#polls = new Polls(ports);
  }

  /** The state now. */
  get state(): LinkState {
    const { phase, sinceMs, isProven, blocked, failure, wakeAtMs, mode } = this.#machine;
    const since = this.#wall(sinceMs);
    if (phase === 'off') return { kind: 'off' };
    if (phase === 'waiting') return { kind: 'waiting', untilMs: this.#wall(wakeAtMs ?? sinceMs), failure };
    if (!isProven) return { kind: 'connecting', since, phase };
    const over = phase === 'connected' ? 'websocket' : 'poll';
    const { localAddress = null, proxy = null } = this.#facts ?? {};
    const blocks = mode === 'websocket' && phase !== 'connected' ? (blocked?.error ?? null) : null;
    return { kind: 'connected', phase, over, since, localAddress, proxy, blocked: blocks };
  }

  /** Calls this after each change of the state. Returns a function that removes the listener. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts the link if the settings want one. */
  start(): void {
    this.#isWanted = true;
    this.#begin();
  }

  /** The settings of the platform, or its route, have changed: starts again with the new ones. */
  settingsChanged(): void {
    if (!this.#isWanted) return;
    this.#feed({ kind: 'stop' });
    this.#begin();
  }

  /** Ends the link. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#feed({ kind: 'stop' });
    await this.#ending;
  }

  /**
   * Sends a message now, if there is a connection; a report may wait for the next poll. Returns false if it cannot be
   * sent. What must arrive is repeated by the sender.
   */
  send(message: AgentMessage): boolean {
    const { phase } = this.#machine;
    if (phase === 'connected') return this.#running?.isGreeted === true && this.#running.socket?.send(message) === true;
    const isPolling = phase === 'polling' || phase === 'probing';
    if (!isPolling || this.#unsent.length >= MAX_UNSENT) return false;
    this.#unsent.push(message);
    this.#hurry();
    return true;
  }

  /** Sends what does not wait in a second poll, if one is held. */
  #hurry(): void {
    if (this.#unsent.some(({ type }) => type !== 'report')) this.#feed({ kind: 'urgent' });
  }

  #begin(): void {
    const { url, mode, pingMs } = this.#ports.settings();
    this.#url = url;
    this.#hasWarned = false;
    this.#count = { sinceMs: 0, count: 0 };
    if (url !== null) this.#feed({ kind: 'start', mode, pingMs });
  }

  #feed(event: LinkEvent): void {
    const before = this.#machine;
    const { machine, effects } = step(before, event, this.#inputs());
    this.#machine = machine;
    this.#setTimer();
    for (const effect of effects) this.#carryOut(effect);
    if (
      machine.phase !== before.phase ||
      machine.isProven !== before.isProven ||
      machine.wakeAtMs !== before.wakeAtMs
    ) {
      for (const listener of this.#listeners) listener();
    }
  }

  #inputs(): Inputs {
    const { clock, random } = this.#ports;
    const host = this.#url?.host ?? '';
    const silent = (elapsed: number) => coded('LINK-SILENT', { host, elapsed, hop: null });
    return { nowMs: clock.monotonic(), random: random(), silent };
  }

  #setTimer(): void {
    const { wakeAtMs } = this.#machine;
    const { clock } = this.#ports;
    this.#timer?.cancel();
    this.#timer = null;
    if (wakeAtMs === null) return;
    this.#timer = clock.after(wakeAtMs - clock.monotonic(), () => this.#feed({ kind: 'time' }));
  }

  #carryOut(effect: LinkEffect): void {
    switch (effect.do) {
      case 'open':
        void this.#open();
        break;
      case 'poll':
        void this.#poll(effect);
        break;
      case 'ping':
        this.#running?.socket?.ping();
        break;
      case 'drop':
        this.#drop();
        break;
      case 'say':
        this.#say(effect.what);
        break;
    }
  }

  async #open(): Promise<void> {
    const running = this.#run();
    if (running === null) return;
    this.#polls.close();
    const { ender, url } = running;
    const feed = (event: LinkEvent) => this.#feedFrom(running, event);
    try {
      const socket = await LinkSocket.open(url, this.#ports, this.#listenTo(running), ender.signal);
      running.socket = socket;
      this.#facts = socket.facts;
      feed({ kind: 'upgraded' });
      const hello = await this.#ports.hello();
      socket.send(hello);
      running.isGreeted = true;
    } catch (thrown) {
      const error = asCoded(thrown);
      if (isAnsweredUpgrade(error)) feed({ kind: 'refused', error });
      else feed({ kind: 'failed', error, ...retryAfterOf(error) });
    }
  }

  #listenTo(running: Running) {
    const feed = (event: LinkEvent) => this.#feedFrom(running, event);
    return {
      opened: () => feed({ kind: 'opened' }),
      pong: () => feed({ kind: 'heard', isMessage: false }),
      received: async (received: Received) => {
        feed({ kind: 'heard', isMessage: true });
        for (const answer of await this.#handle(received)) running.socket?.send(answer);
      },
      ended: (error: CodedError, isOrderly: boolean) => {
        const isMistake = error.code !== 'LINK-CLOSED' && error.code !== 'LINK-LOST';
        feed(isMistake ? { kind: 'failed', error } : { kind: 'ended', error, isOrderly });
      },
    };
  }

  async #poll({ waitSeconds, isFirst }: LinkEffect & { do: 'poll' }): Promise<void> {
    // A second poll belongs to the same session as the held one.
    const running = this.#machine.polls === 2 ? this.#running : this.#run();
    if (running === null) return;
    const { clock } = this.#ports;
    const { ender, url } = running;
    const startedMs = clock.monotonic();
    try {
      const unsent = this.#unsent;
      this.#unsent = [];
      // What was not sent before a greeting is repeated after it.
      const messages = isFirst ? [await this.#ports.hello()] : unsent;
      const keeps = this.#machine.mode === 'websocket';
      const { facts, received } = await this.#polls.send({ url, waitSeconds, messages, keeps, signal: ender.signal });
      this.#facts = facts;
      const elapsedMs = clock.monotonic() - startedMs;
      await this.#handling.run(() => this.#answer(running, received));
      this.#feedFrom(running, { kind: 'answered', elapsedMs, messages: received.length });
      if (this.#running === running) this.#hurry();
    } catch (thrown) {
      const error = asCoded(thrown);
      const elapsedMs = clock.monotonic() - startedMs;
      this.#feedFrom(running, { kind: 'failed', error, elapsedMs, ...retryAfterOf(error) });
    }
  }

  /** Handles the messages of a response; the answers go with the next poll of the same session. */
  async #answer(running: Running, received: readonly Received[]): Promise<void> {
    for (const one of received) {
      const answers = await this.#handle(one);
      if (this.#running === running) this.#unsent.push(...answers);
    }
  }

  /** The limit holds across connections, so that a new one does not begin a new minute. */
  #limit(): void {
    this.#count = counted(this.#count, this.#ports.clock.monotonic());
    if (this.#count.count <= MAX_MESSAGES_PER_MINUTE) return;
    const host = this.#url?.host ?? '';
    const reason = `it sent more than ${MAX_MESSAGES_PER_MINUTE} messages within a minute`;
    throw coded('LINK-PROTOCOL', { host, reason, hop: originAt(host) });
  }

  /** Handles a message and returns the answers to it. @throws CodedError LINK-PROTOCOL if there are too many */
  async #handle(received: Received): Promise<readonly AgentMessage[]> {
    this.#limit();
    if (received.kind === 'ignored') {
      this.#ignore(received);
      return [];
    }
    const { message } = received;
    if (message.type !== 'delay') return await this.#ports.receive(message);
    this.#feed({ kind: 'delay', ms: message.seconds * 1_000 });
    return [];
  }

  /** Another type may be newer than this version; another format is said once. */
  #ignore({ why, what }: Received & { kind: 'ignored' }): void {
    if (why !== 'version' || this.#hasWarned) return;
    this.#hasWarned = true;
    this.#ports.report({ name: 'platform-other-version', version: what });
  }

  /** Begins to use the network; null without a URL. */
  #run(): Running | null {
    const url = this.#url;
    if (url === null) return null;
    this.#running?.ender.abort(ENDED);
    this.#running = { ender: new AbortController(), url, socket: null, isGreeted: false };
    return this.#running;
  }

  /** An event of what was open before is none. */
  #feedFrom(running: Running, event: LinkEvent): void {
    if (this.#running !== running || running.ender.signal.aborted) return;
    // Nothing is wrong with a platform that the settings no longer name.
    if (event.kind === 'failed' && isFormerOrigin(running.url, this.#ports)) this.settingsChanged();
    else this.#feed(event);
  }

  #drop(): void {
    const running = this.#running;
    this.#running = null;
    this.#unsent = [];
    this.#polls.close();
    if (running === null) return;
    const { socket, ender } = running;
    const ended = (socket?.end() ?? Promise.resolve()).then(() => ender.abort(ENDED));
    if (socket === null) ender.abort(ENDED);
    this.#ending = Promise.all([this.#ending, ended]).then(() => undefined);
  }

  #say(what: Saying): void {
    const { report } = this.#ports;
    const host = this.#url?.host ?? '';
    switch (what.kind) {
      case 'connected': {
        const { proxy = null } = this.#facts ?? {};
        report({ name: 'platform-connected', host, over: what.over, through: proxy ?? 'none' });
        break;
      }
      case 'blocked':
        report({ name: 'platform-blocked', error: what.error, next: what.nextMs });
        break;
      case 'failed':
        report({ name: 'platform-failed', error: what.error, next: what.nextMs });
        break;
      case 'ended':
        report({ name: 'platform-ended', error: what.error, count: what.ends, next: what.nextMs });
        break;
    }
  }

  /** A moment of the monotonic clock as wall time. */
  #wall(monotonicMs: number): number {
    const { clock } = this.#ports;
    return Math.round(clock.now() + monotonicMs - clock.monotonic());
  }
}

const ENDED = coded('LINK-CLOSED', { host: '', elapsed: 0, why: 'this host ended it', hop: originAt('') });

/** When the platform, or the pacing of a proxy that fails, lets the next attempt begin. */
function retryAfterOf({ facts: { retryAfterMs, pauseMs } }: CodedError): { readonly retryAfterMs?: number } {
  const waits = [retryAfterMs, pauseMs].filter((wait) => typeof wait === 'number');
  return waits.length === 0 ? {} : { retryAfterMs: Math.max(...waits) };
}
