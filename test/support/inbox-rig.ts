// A platform and a host for tests of the inbox. The platform keeps its commands until they are acknowledged. The host
// has a disk that can crash. The calls of handlers are counted by command.

import type { SallyportEvent } from '#logging/events.ts';
import { CommandInbox } from '#platform/inbox/inbox.ts';
import type { Handled } from '#platform/inbox/inbox-ports.ts';
import {
  type AgentMessage,
  type CommandResult,
  type PlatformMessage,
  readPlatformMessage,
} from '#platform/messages.ts';
import { CrashError, CrashingFiles } from './crashing-files.ts';
import { FakeClock } from './fake-clock.ts';

interface Numbered {
  readonly id: string;
  readonly seq: number;
  readonly content: object;
}

interface Saved {
  readonly commands: readonly Numbered[];
  readonly after: number;
  readonly results: ReadonlyMap<string, CommandResult>;
  readonly seq: number;
}

/** The side of the platform, as docs/protocol-platform.md has it. */
export class TestPlatform {
  commands: Numbered[] = [];
  after = 0;
  seq = 0;
  results = new Map<string, CommandResult>();
  #ids = 0;
  #isRestored = false;

  push(content: object): string {
    this.#ids += 1;
    this.seq += 1;
    const id = `c${this.#ids}`;
    this.commands.push({ id, seq: this.seq, content });
    return id;
  }

  save(): Saved {
    return { commands: [...this.commands], after: this.after, results: new Map(this.results), seq: this.seq };
  }

  /** As after a restore of a backup. Ids are random there, so none comes back. */
  restore(saved: Saved): void {
    this.#isRestored = true;
    this.commands = [...saved.commands];
    this.after = saved.after;
    this.results = new Map(saved.results);
    this.seq = saved.seq;
  }

  /** Takes a message of the host, and returns what it answers. */
  take(message: AgentMessage): PlatformMessage[] {
    switch (message.type) {
      case 'hello':
        this.after = this.#isOurs(message) ? message.after : 0;
        return [{ type: 'welcome', activation: 'activated', seq: this.seq }];
      case 'ack':
        this.after = message.after;
        return [];
      case 'result':
        this.results.set(message.command, message);
        return [{ type: 'result-ack', command: message.command }];
      default:
        return [];
    }
  }

  /** Whether the host means the command that has this number here. */
  #isOurs({ after, last }: { readonly after: number; readonly last: string | null }): boolean {
    const ours = this.commands.find(({ seq }) => seq === after);
    return ours === undefined || ours.id === last;
  }

  /** The commands that the host does not have; after a restore also those whose result may be lost. */
  due(): PlatformMessage[] {
    return this.commands
      .filter(({ id, seq }) => seq > this.after || (this.#isRestored && !this.results.has(id)))
      .map(({ id, seq, content }) => {
        const read = readPlatformMessage({ v: 1, type: 'command', id, seq, ...content });
        if (read.kind !== 'message') throw new Error(`not a command: ${JSON.stringify(content)}`);
        return read.message;
      });
  }
}

type Handler = (id: string, command: { readonly command: string }) => Promise<Handled> | Handled;

/** A host with an inbox. */
export class TestHost {
  readonly events: SallyportEvent[] = [];
  /** Calls of the handler, by command. */
  readonly handled = new Map<string, number>();
  /** Commands whose handler was called although their result was known. */
  readonly twice: string[] = [];
  clock = new FakeClock();
  files: CrashingFiles;
  sent: AgentMessage[] = [];
  inbox: CommandInbox | null = null;
  /** Whether results can be sent. */
  isConnected = true;
  readonly #handler: Handler;
  /** Grows with each life of the process: a dead one changes nothing. */
  #life = 0;

  constructor(handler: Handler, files = new CrashingFiles()) {
    this.#handler = handler;
    this.files = files;
  }

  async open(): Promise<CommandInbox> {
    this.#life += 1;
    const life = this.#life;
    const report = (event: object) => void this.events.push(event as SallyportEvent);
    const inbox: CommandInbox = await CommandInbox.open({
      files: this.files,
      outbox: '/state/inbox',
      stateDir: '/state',
      clock: this.clock,
      random: () => 0.5,
      report,
      host: () => 'platform.example.com',
      handle: async (id, command) => {
        if (life !== this.#life) throw new CrashError();
        if (inbox.done.some((one) => one.id === id)) this.twice.push(id);
        this.handled.set(id, (this.handled.get(id) ?? 0) + 1);
        return await this.#handler(id, command);
      },
      send: (message) => {
        if (life !== this.#life || !this.isConnected) return false;
        this.sent.push(message);
        return true;
      },
    });
    this.inbox = inbox;
    return inbox;
  }

  /** Ends this life; the next one begins with `open`. */
  die(): void {
    this.#life += 1;
    this.inbox = null;
    this.sent = [];
    // Timers of the dead process do not fire.
    this.clock = new FakeClock(this.clock.now());
  }

  /** Lets everything that is due happen. */
  async pass(ms = 0): Promise<void> {
    await this.clock.advanceAsync(ms);
    for (let turn = 0; turn < 12; turn += 1) await this.clock.advanceAsync(0);
  }

  /**
   * One connection: greeting, welcome, the commands that are due, the results and their confirmations. `cut` is the
   * number of messages to the host after which it ends.
   */
  async connect(platform: TestPlatform, { cut = Number.POSITIVE_INFINITY, repeat = false } = {}): Promise<void> {
    const { inbox } = this;
    if (inbox === null) return;
    inbox.connected();
    this.sent = [];
    let left = cut;
    const deliver = async (messages: readonly PlatformMessage[]) => {
      for (const message of messages) {
        left -= 1;
        if (left < 0 || message.type === 'delay') return;
        const answers = await inbox.receive(message);
        for (const answer of answers) await deliver(platform.take(answer));
      }
    };
    const hello = {
      v: 1,
      id: 'h',
      type: 'hello',
      agent: { id: 'a', version: '1' },
      after: inbox.after,
      last: inbox.last,
    } as const;
    await deliver(platform.take({ ...hello, activation: 'activated', report: null }));
    const due = platform.due();
    await deliver(repeat ? [...due, ...due] : due);
    await this.pass();
    for (let round = 0; round < 3; round += 1) {
      const sent = this.sent.splice(0);
      for (const message of sent) await deliver(platform.take(message));
      await this.pass();
    }
  }
}
