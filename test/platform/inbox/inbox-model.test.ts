// Random sequences against a platform that follows the protocol: commands, connections that end anywhere, repeats,
// crashes at any operation of the disk, a full disk, steps of the clock, and a platform restored from a backup.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { Handled } from '#platform/inbox/inbox-ports.ts';
import { CRASH_MODES, CrashError, type CrashMode } from '#test/support/crashing-files.ts';
import { TestHost, TestPlatform } from '#test/support/inbox-rig.ts';
import { FIRST_SEED, rounds } from '#test/support/rounds.ts';

const COMMANDS = ['update-available', 'send-logs', 'activation-changed', 'reboot'];

type Action =
  | { readonly do: 'push'; readonly command: string }
  | { readonly do: 'connect'; readonly cut: number; readonly repeat: boolean }
  | { readonly do: 'step'; readonly ms: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'save' | 'restore' | 'decide' | 'restart' };

/** An action, and what goes wrong during it. */
interface Turn {
  readonly action: Action;
  readonly full: boolean;
  readonly dies: { readonly at: number; readonly mode: CrashMode; readonly seed: number } | null;
}

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), command: fc.constantFrom(...COMMANDS) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      cut: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constant(1_000)),
      repeat: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('step' as const), ms: fc.constantFrom(-1e10, -1e5, 1e5, 1e10) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(60_000, 4e6) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('save', 'restore', 'decide', 'restart') }) },
) as fc.Arbitrary<Action>;

const turn: fc.Arbitrary<Turn> = fc.record({
  action,
  full: fc.integer({ min: 0, max: 5 }).map((one) => one === 0),
  dies: fc.option(
    fc.record({ at: fc.integer({ min: 1, max: 40 }), mode: fc.constantFrom(...CRASH_MODES), seed: fc.nat() }),
    { freq: 3 },
  ),
});

class Trial {
  readonly #platform = new TestPlatform();
  readonly #host: TestHost;
  /** Commands that the platform has not forgotten. */
  #pushed: string[] = [];
  /** Effects in the world, each idempotent by the id of the command. */
  readonly #effects = new Set<string>();
  /** Requests that wait for a person, and the decided ones; durable elsewhere. */
  readonly #waits = new Map<string, 'waiting' | 'approved'>();
  #saved = this.#platform.save();
  #failures = 0;

  constructor() {
    this.#host = new TestHost((id, { command }) => this.#handle(id, command));
  }

  async run(turns: readonly Turn[]): Promise<void> {
    await this.#restart();
    for (const one of turns) await this.#take(one);
    await this.#heal();
    this.#check();
  }

  #handle(id: string, command: string): Handled {
    this.#failures += 1;
    const isBusy = this.#failures % 3 === 0;
    const failure = coded('JOBS-FULL', { count: 1, limit: 1, bytes: 1, limitBytes: 1 });
    if (isBusy) return { kind: 'later', waitMs: 30_000, failure, isFailure: false };
    if (command === 'send-logs') {
      if (!this.#waits.has(id)) this.#waits.set(id, 'waiting');
      return { kind: 'waiting' };
    }
    this.#effects.add(id);
    return { kind: 'done', job: null };
  }

  async #take({ action: one, full, dies }: Turn): Promise<void> {
    const { files } = this.#host;
    files.arm({ ...(dies === null ? {} : { crashAfter: dies.at }), ...(full ? { fullAfterBytes: 0 } : {}) });
    // A refusal ends the connection; the dead process is noticed below.
    await this.#perform(one).catch(expectFault);
    await this.#host.pass();
    if (files.crashed && dies !== null) {
      this.#host.die();
      this.#host.files = files.afterCrash(dies.mode, dies.seed);
      await this.#restart();
    } else files.arm({});
  }

  async #perform(one: Action): Promise<void> {
    const host = this.#host;
    switch (one.do) {
      case 'push':
        this.#pushed.push(this.#platform.push({ command: one.command }));
        return;
      case 'connect':
        return await host.connect(this.#platform, one);
      case 'step':
        return host.clock.stepWall(one.ms);
      case 'pass':
        return await host.pass(one.ms);
      case 'save':
        this.#saved = this.#platform.save();
        return;
      case 'restore':
        this.#platform.restore(this.#saved);
        this.#pushed = this.#platform.commands.map(({ id }) => id);
        return;
      case 'decide':
        for (const id of this.#waits.keys()) this.#waits.set(id, 'approved');
        return await this.#reconcile();
      case 'restart':
        await host.inbox?.stop(coded('INTERRUPTED', { reason: 'test' }));
        host.die();
        return await this.#restart();
    }
  }

  /** As the daemon does at its start. */
  async #restart(): Promise<void> {
    const inbox = await this.#host.open();
    inbox.start();
    await this.#reconcile();
  }

  async #reconcile(): Promise<void> {
    for (const [id, state] of this.#waits) {
      if (state !== 'approved') continue;
      this.#effects.add(id);
      await this.#host.inbox?.finish(id, { kind: 'done', job: `job-${id}` });
    }
  }

  async #heal(): Promise<void> {
    this.#host.files.arm({});
    for (const id of this.#waits.keys()) this.#waits.set(id, 'approved');
    for (let round = 0; round < 4; round += 1) {
      await this.#host.connect(this.#platform).catch(expectFault);
      await this.#host.pass(130_000);
      for (const id of this.#waits.keys()) this.#waits.set(id, 'approved');
      await this.#reconcile();
    }
  }

  #check(): void {
    const known = new Map(this.#platform.commands.map(({ id, content }) => [id, content]));
    for (const id of this.#pushed) {
      const result = this.#platform.results.get(id);
      expect(result, `${id} has a result`).toBeDefined();
      const isKnown = (known.get(id) as { command: string }).command !== 'reboot';
      if (result?.outcome === 'done') expect(this.#effects.has(id), `${id} was carried out`).toBe(true);
      else
        expect(result, id).toMatchObject({ outcome: 'refused', code: isKnown ? 'PLATFORM-RATE' : 'PLATFORM-COMMAND' });
    }
    expect(this.#host.twice).toEqual([]);
    expect(this.#host.inbox?.waiting).toBe(0);
    expect(this.#host.inbox?.done.filter(({ confirmed }) => !confirmed)).toEqual([]);
  }
}

function expectFault(thrown: unknown): void {
  const { code, cause } = thrown as { readonly code?: string; readonly cause?: unknown };
  if (thrown instanceof CrashError || cause instanceof CrashError || code === 'DISK-FULL') return;
  throw thrown;
}

it('inbox: over random sequences with crashes no command is lost or done twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 16 }), async (turns) => await new Trial().run(turns)),
    { numRuns: rounds(1_000), seed: FIRST_SEED },
  );
}, 120_000);
