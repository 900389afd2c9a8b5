import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventLog } from '#origin/event-log.ts';
import { FaultSwitches } from '#origin/platform/link/faults.ts';
import { Fleet, type FleetEvent } from '#origin/platform/link/fleet.ts';
import { type LinkSession, Sessions } from '#origin/platform/link/sessions.ts';
import type { Hello, PushedCommand } from '#origin/platform/link/wire.ts';
import { CRASH_MODES, CrashingFiles, type CrashMode } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const DIR = '/received/platform';
const PATH = join(DIR, 'fleet.jsonl');
const LOGS: PushedCommand = { command: 'send-logs', case: null };
const UPDATE: PushedCommand = { command: 'update-available' };

interface Server {
  readonly fleet: Fleet;
  readonly sessions: Sessions;
  readonly log: EventLog<FleetEvent>;
}

/** A server on this disk. A small limit makes it compact its file often. */
async function open(files: CrashingFiles, compactBytes = 2_000): Promise<Server> {
  const fleet = new Fleet();
  const log = await EventLog.open({ files, path: PATH, model: fleet, compactBytes });
  await log.commit(() => ({ kind: 'started', at: '2026-11-30T00:00:00Z' }) as const);
  const parts = { fleet, log, clock: new FakeClock(), faults: new FaultSwitches(), findActivation: () => null };
  return { fleet, log, sessions: new Sessions(parts) };
}

async function disk(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  await files.makeDirectory(DIR, 0o700);
  return files;
}

function helloOf(id: string, after: number): Hello {
  return { type: 'hello', agent: { id, version: '1.0.0' }, after, last: null, activation: 'unactivated', report: null };
}

/** An agent with a disk of its own, which carries each command out once. */
class SimulatedAgent {
  readonly id: string;
  /** The commands that it has carried out. */
  readonly effects = new Set<string>();
  readonly #unacknowledged = new Set<string>();
  #after = 0;
  #server: Server | null = null;
  #session: LinkSession | null = null;
  #sent = 0;

  constructor(id: string) {
    this.id = id;
  }

  async connect(server: Server): Promise<void> {
    const session: LinkSession = {
      agent: this.id,
      over: 'websocket',
      wake: () => undefined,
      replace: () => {
        if (this.#session === session) this.lose();
      },
    };
    this.#session = session;
    this.#server = server;
    const [welcome] = await server.sessions.enter(session, helloOf(this.id, this.#after));
    if (welcome?.type !== 'welcome') throw new Error('there is no welcome');
    this.#after = Math.min(this.#after, welcome.seq);
    this.#sent = 0;
  }

  /** The host is restored from a backup that knows the finished commands, but not the last number. */
  restore(): void {
    this.lose();
    this.#after = 0;
  }

  /** The connection breaks without a word. */
  lose(): void {
    this.#session = null;
  }

  /** Receives what was sent. Without `answers`, the connection breaks before the agent can say anything. */
  async receive(answers: boolean): Promise<void> {
    const [session, server] = [this.#session, this.#server];
    if (session === null || server === null) return;
    for (const { id, seq } of server.sessions.commandsAfter(this.id, this.#sent)) {
      if (seq <= this.#sent) throw new Error('the numbers do not rise');
      this.#sent = seq;
      this.#after = Math.max(this.#after, seq);
      if (this.effects.has(id) && !this.#unacknowledged.has(id)) throw new Error(`${id} was sent after its result`);
      this.#unacknowledged.add(id);
      this.effects.add(id);
    }
    if (!answers) return this.lose();
    await server.sessions.receive(session, { type: 'ack', after: this.#after });
    for (const command of [...this.#unacknowledged]) {
      const result = { type: 'result', command, outcome: 'done', code: null, job: null } as const;
      const [reply] = await server.sessions.receive(session, result);
      if (reply?.type === 'result-ack') this.#unacknowledged.delete(command);
    }
  }
}

type Action =
  | { readonly kind: 'push'; readonly to: string; readonly command: PushedCommand }
  | { readonly kind: 'connect' | 'receive' | 'receive and break' | 'break' | 'restore'; readonly who: number }
  | { readonly kind: 'crash'; readonly mode: CrashMode; readonly inOperation: number };

/** `clone` has the id of `one`. */
const WHO = ['one', 'two', 'clone'] as const;
const who = fc.nat({ max: WHO.length - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('push' as const),
      to: fc.constantFrom('one', 'two', 'all'),
      command: fc.constantFrom(LOGS, UPDATE),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('connect', 'receive', 'receive and break', 'break', 'restore'), who }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      mode: fc.constantFrom(...CRASH_MODES),
      inOperation: fc.integer({ min: 1, max: 12 }),
    }),
  },
);

class World {
  readonly agents = WHO.map((name) => new SimulatedAgent(name === 'clone' ? 'one' : name));
  /** The commands whose push has returned, by agent. */
  readonly pushed: { readonly agent: string; readonly id: string }[] = [];
  #files: CrashingFiles;
  #server: Server;
  #pushes = 0;

  private constructor(files: CrashingFiles, server: Server) {
    this.#files = files;
    this.#server = server;
  }

  static async make(): Promise<World> {
    const files = await disk();
    const world = new World(files, await open(files));
    // Agents that were never connected get nothing.
    for (const agent of world.agents.slice(0, 2)) await agent.connect(world.#server);
    return world;
  }

  async run(actions: readonly Action[]): Promise<void> {
    let mode: CrashMode = 'killed';
    for (const one of actions) {
      if (one.kind === 'crash') {
        mode = one.mode;
        this.#files.arm({ crashBefore: this.#files.trace.length + one.inOperation });
        continue;
      }
      await this.#do(one).catch((thrown: unknown) => {
        if (!this.#files.crashed) throw thrown;
      });
      if (this.#files.crashed) await this.#startAgain(mode);
    }
    await this.#startAgain(mode);
  }

  /** Everyone connects and works until nothing is left. */
  async settle(): Promise<void> {
    for (const agent of this.agents) {
      await agent.connect(this.#server);
      await agent.receive(true);
    }
  }

  get fleet(): Fleet {
    return this.#server.fleet;
  }

  async #do(one: Exclude<Action, { kind: 'crash' }>): Promise<void> {
    if (one.kind === 'push') {
      this.#pushes += 1;
      const request = `r${this.#pushes}`;
      const agents = one.to === 'all' ? 'all' : [one.to];
      const ids = await this.#server.sessions.push({ request, agents, command: one.command });
      const known = this.fleet.agents.filter(({ commands }) => commands.some(({ id }) => ids.includes(id)));
      for (const { id: agent, commands } of known) {
        for (const { id } of commands) if (ids.includes(id)) this.pushed.push({ agent, id });
      }
      return;
    }
    const agent = this.agents[one.who];
    if (agent === undefined) return;
    if (one.kind === 'connect') await agent.connect(this.#server);
    else if (one.kind === 'break') agent.lose();
    else if (one.kind === 'restore') agent.restore();
    else await agent.receive(one.kind === 'receive');
  }

  async #startAgain(mode: CrashMode): Promise<void> {
    for (const agent of this.agents) agent.lose();
    this.#files = this.#files.afterCrash(mode, 1);
    this.#server = await open(this.#files);
  }
}

describe('sessions of the platform', () => {
  it('platform sessions: no command is lost, or sent after its result, whatever breaks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
        const world = await World.make();
        await world.run(actions);
        await world.settle();
        for (const { agent, id } of world.pushed) {
          // Of two agents with one id, either may have carried it out.
          expect(world.agents.some((one) => one.id === agent && one.effects.has(id))).toBe(true);
        }
        for (const { commands, seq } of world.fleet.agents) {
          const numbers = commands.map((one) => one.seq);
          expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
          expect(Math.max(0, ...numbers)).toBeLessThanOrEqual(seq);
          expect(commands.filter(({ result }) => result?.outcome !== 'done')).toEqual([]);
        }
      }),
      { numRuns: 300 * Number(process.env['SALLYPORT_TEST_ROUNDS'] ?? 1) },
    );
  });

  it('platform sessions: what was confirmed survives a crash at every operation', async () => {
    const session: LinkSession = { agent: 'a', over: 'poll', wake: () => undefined, replace: () => undefined };
    let confirmed: string[] = [];
    const trials = await everyCrash({
      prepare: async () => {
        confirmed = [];
        return await disk();
      },
      act: async (files) => {
        const { sessions, log } = await open(files, 300);
        await sessions.enter(session, helloOf('a', 0));
        confirmed.push('agent');
        await sessions.push({ request: 'r1', agents: ['a'], command: LOGS });
        confirmed.push('r1');
        const result = { command: 'r1', outcome: 'done', code: null, job: 'r1' } as const;
        await sessions.receive(session, { type: 'result', ...result });
        confirmed.push('result');
        await sessions.receive(session, { type: 'ack', after: 1 });
        confirmed.push('ack');
        await log.close();
      },
      check: async ({ files }) => {
        const { fleet, sessions } = await open(files, 300);
        const agent = fleet.find('a');
        const [command] = agent?.commands ?? [];
        if (confirmed.includes('agent')) expect(agent).not.toBeNull();
        if (confirmed.includes('r1')) expect(command).toMatchObject({ id: 'r1', seq: 1 });
        if (confirmed.includes('result')) expect(command?.result).toMatchObject({ outcome: 'done', job: 'r1' });
        if (confirmed.includes('ack')) expect(agent?.acked).toBe(1);
        // A request that was stored has no second effect, and a number is never used again.
        await sessions.enter(session, helloOf('a', 0));
        await sessions.push({ request: 'r1', agents: ['a'], command: LOGS });
        await sessions.push({ request: 'r2', agents: ['a'], command: LOGS });
        expect(fleet.find('a')?.commands.map(({ id, seq }) => [id, seq])).toEqual([
          ['r1', 1],
          ['r2', 2],
        ]);
      },
    });
    expect(trials).toBeGreaterThan(100);
  });

  it('platform sessions: an agent that is not connected gets one command to look for updates', async () => {
    const { sessions, fleet } = await open(await disk());
    const session: LinkSession = { agent: 'a', over: 'websocket', wake: () => undefined, replace: () => undefined };
    const push = (request: string) => sessions.push({ request, agents: 'all', command: UPDATE });
    await sessions.enter(session, helloOf('a', 0));
    await push('r1');
    await push('r2');
    await sessions.leave(session);
    await push('r3');
    expect(fleet.find('a')?.commands.map(({ id }) => id)).toEqual(['r1', 'r2']);
  });

  it('platform sessions: results of an agent are limited, and open commands also', async () => {
    const { sessions, fleet } = await open(await disk(), 1_000_000);
    const session: LinkSession = { agent: 'a', over: 'websocket', wake: () => undefined, replace: () => undefined };
    await sessions.enter(session, helloOf('a', 0));
    for (let n = 1; n <= 1_001; n += 1) await sessions.push({ request: `r${n}`, agents: ['a'], command: LOGS });
    expect(fleet.find('a')?.seq).toBe(1_000);
    for (let n = 1; n <= 150; n += 1) {
      await sessions.receive(session, { type: 'result', command: `r${n}`, outcome: 'done', code: null, job: null });
    }
    expect(fleet.find('a')?.commands.length).toBe(950);
    expect(fleet.find('a')?.commands[0]?.id).toBe('r51');
    // A number is never used again, although the results are gone.
    await sessions.push({ request: 'next', agents: ['a'], command: LOGS });
    expect(fleet.find('a')?.commands.at(-1)).toMatchObject({ id: 'next', seq: 1_001 });
  });
});
