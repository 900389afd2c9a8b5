// The hook over a disk in memory and a scripted command: it runs at least once for each id, one at a time, in order,
// again after a crash, and never for an untrusted update.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command, CommandEnd, CommandLimits, Commands, PathEntry } from '#system/process/command.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { makeJar, sha256 } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { feedItemSchema } from '#updates/feed/feed-document.ts';
import { HookQueue } from '#updates/hook/hook.ts';
import { publish } from '#updates/package/publish.ts';
import { withdraw } from '#updates/recover.ts';

const DIR = '/data';
const COMMAND = '/opt/hook';
const WELL: CommandEnd = { kind: 'exited', status: 0 };
const BAD: CommandEnd = { kind: 'exited', status: 3 };
const HOOK = { on_published: { command: COMMAND, arguments: ['--one'] }, hook_trust: 'tls' };
const SAFE: PathEntry[] = [
  { path: '/', kind: 'folder', mode: 0o755, owner: 0 },
  { path: COMMAND, kind: 'file', mode: 0o755, owner: 0 },
];

/** A command that ends as scripted, by default with success. */
class ScriptedCommands implements Commands {
  readonly self = 990;
  readonly runs: Command[] = [];
  safeWay = SAFE;
  atOnce = 0;
  mostAtOnce = 0;
  next: (command: Command, limits: CommandLimits) => Promise<CommandEnd> = () => Promise.resolve(WELL);

  get ids(): (string | undefined)[] {
    return this.runs.map(({ environment }) => environment['SALLYPORT_ID']);
  }

  async run(command: Command, limits: CommandLimits): Promise<CommandEnd> {
    this.runs.push(command);
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      return await this.next(command, limits);
    } finally {
      this.atOnce -= 1;
    }
  }

  resolvePath(): Promise<readonly PathEntry[]> {
    return Promise.resolve(this.safeWay);
  }
}

let files: CrashingFiles;
let clock: FakeClock;
let commands: ScriptedCommands;
let made: Rig;
let queue: HookQueue;
let gaveUp = 0;

async function open(updates: Record<string, unknown> = HOOK): Promise<void> {
  made = await openRig({ files, dir: DIR, clock, settings: testSettings(DIR, { updates }) });
  gaveUp = 0;
  const gaveUpNow = () => {
    gaveUp += 1;
  };
  queue = new HookQueue(made.ports, commands, { gaveUp: gaveUpNow });
}

beforeEach(async () => {
  files = new CrashingFiles();
  clock = new FakeClock();
  commands = new ScriptedCommands();
  await open();
});
afterEach(async () => {
  await queue.stop();
  expect(clock.pending).toBe(0);
});

interface Publishing {
  readonly trust?: 'tls' | 'loopback';
  readonly requires?: string[];
}

/** As the round does after it has verified the bytes. */
async function publishOne(id: string, { trust = 'tls', requires = [] }: Publishing = {}, ports = made.ports) {
  const jar = makeJar(id, 500);
  const item = feedItemSchema.parse({
    id,
    package: `p-${id}`,
    sequence: 7,
    file: `${id}.jar`,
    length: jar.length,
    sha256: sha256(jar),
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
    requires,
  });
  await ports.store.prepare();
  const staged = `${ports.store.stagingDir}/${id}.jar.unverified`;
  (ports.files as CrashingFiles).plantFile(staged, jar);
  const note = { item, trust, feed: 'https://updates.example.com/feed.json', started_at: clock.now() };
  const file = (await ports.files.facts(staged)) ?? { device: '', inode: '' };
  const fetched = { path: staged, file, isSynced: true };
  await publish(ports, [{ fetched, note, url: 'https://updates.example.com/x.jar', via: null, elapsedMs: 5 }]);
}

const told = () => made.events.map(({ name }) => name).filter((name) => name.startsWith('hook-'));
const outcomes = async () => {
  const { spool } = made.ports;
  const entries = await Promise.all(spool.due(clock.now()).map((head) => spool.read(head)));
  return entries.map((entry) => entry?.body.outcome);
};
const settle = () => clock.advanceAsync(0);

describe('hook: a published update', () => {
  it('hook: it runs once for a published update, with its environment and arguments', async () => {
    queue.start();
    await publishOne('u1');
    await queue.idle();
    queue.start();
    await queue.idle();

    expect(await queue.idle()).toBeNull();
    expect(commands.runs).toHaveLength(1);
    expect(commands.runs[0]).toMatchObject({ path: COMMAND, arguments: ['--one'] });
    expect(commands.runs[0]?.environment).toMatchObject({
      SALLYPORT_ID: 'u1',
      SALLYPORT_PACKAGE: 'p-u1',
      SALLYPORT_PATH: `${DIR}/packages/u1.jar`,
      SALLYPORT_TRUST: 'tls',
    });
    expect(told()).toEqual(['hook-running', 'hook-done']);
  });

  it('has no run without a hook or trust in its feed', async () => {
    await publishOne('u1', { trust: 'loopback' });
    await open({ on_published: HOOK.on_published });
    await publishOne('u2');
    await open({});
    await publishOne('u3');
    await open();
    queue.start();
    await queue.idle();

    expect(commands.runs).toEqual([]);
    expect(made.ports.hooks.list()).toEqual([]);
  });

  it('gets the reason logged if its hook is not run', async () => {
    await publishOne('u1', { trust: 'loopback' });

    expect(made.events).toContainEqual(expect.objectContaining({ name: 'hook-skipped', id: 'u1' }));
  });

  it('waits for those that it requires, and runs alone', async () => {
    await publishOne('u1', { requires: ['u3'] });
    await publishOne('u2');
    await publishOne('u3');
    commands.next = async () => {
      await Promise.resolve();
      return WELL;
    };
    queue.start();
    await queue.idle();

    expect(commands.ids).toEqual(['u2', 'u3', 'u1']);
    expect(commands.mostAtOnce).toBe(1);
  });

  it('that is published again after a withdrawal runs it again', async () => {
    queue.start();
    await publishOne('u1');
    await queue.idle();
    await withdraw(made.ports, 'u1');
    expect(files.names().filter((name) => name.includes('/hooks/'))).toEqual([]);
    await publishOne('u1');
    await queue.idle();

    expect(commands.ids).toEqual(['u1', 'u1']);
  });

  it('that is gone before its turn has no run', async () => {
    await publishOne('u1');
    await made.ports.store.remove('u1');
    queue.start();
    await queue.idle();

    expect(commands.runs).toEqual([]);
    expect(made.ports.hooks.list()).toEqual([]);
  });
});

describe('hook: a failing run', () => {
  it('hook: a failing one runs three times with growing waits, then is reported and given up', async () => {
    commands.next = () => Promise.resolve(BAD);
    await publishOne('u1');
    queue.start();
    await settle();
    expect(commands.runs).toHaveLength(1);
    await clock.advanceAsync(9_999);
    expect(commands.runs).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(commands.runs).toHaveLength(2);
    await clock.advanceAsync(60_000);
    await queue.idle();

    expect(commands.runs).toHaveLength(3);
    expect(await outcomes()).toEqual(['published', 'hook_failed']);
    const failed = made.events.find(({ name }) => name === 'hook-failed');
    expect(failed?.['error']).toMatchObject({
      code: 'HOOK-FAILED',
      facts: { id: 'u1', tries: 3, ending: 'exit status 3' },
    });
    expect(queue.state.failed).toEqual([{ id: 'u1', ending: 'exit status 3' }]);
    queue.start();
    await queue.idle();
    expect(commands.runs).toHaveLength(3);
  });

  it('is returned to the caller, and a receipt is requested', async () => {
    commands.next = () => Promise.resolve(BAD);
    await publishOne('u1');
    queue.start();
    await clock.advanceAsync(70_000);

    expect(await queue.idle()).toMatchObject({ code: 'HOOK-FAILED', facts: { id: 'u1' } });
    expect(gaveUp).toBe(1);
  });

  it('is also returned if the fault is in Sallyport', async () => {
    await publishOne('u1');
    commands.next = () => Promise.reject(new TypeError('a fault of ours'));
    queue.start();

    expect(await queue.idle()).toMatchObject({ code: 'INTERNAL' });
    expect(gaveUp).toBe(0);
  });

  it('delays the next one until its turn, but not forever', async () => {
    commands.next = ({ environment }) => Promise.resolve(environment['SALLYPORT_ID'] === 'u1' ? BAD : WELL);
    await publishOne('u1');
    await publishOne('u2', { requires: ['u1'] });
    queue.start();
    await clock.advanceAsync(70_000);
    await queue.idle();

    expect(commands.ids).toEqual(['u1', 'u1', 'u1', 'u2']);
  });

  it('has its output logged as foreign text, with a note that it was cut', async () => {
    commands.next = (_command, { onLine, onCut }) => {
      onLine('stderr', '2026-11-20T00:04:10 [INFO] [Thread: Updater] Published update ID 666.');
      onCut();
      return Promise.resolve(WELL);
    };
    await publishOne('u1');
    queue.start();
    await queue.idle();

    expect(told()).toEqual(['hook-running', 'hook-output', 'hook-output-cut', 'hook-done']);
  });
});

describe('hook: a command that others could change', () => {
  it('is not run, is named, and runs once it is safe', async () => {
    commands.safeWay = [{ path: '/', kind: 'folder', mode: 0o777, owner: 0 }, ...SAFE.slice(1)];
    await publishOne('u1');
    queue.start();
    await queue.idle();
    expect(commands.runs).toEqual([]);
    expect(queue.state).toMatchObject({ waiting: ['u1'], problem: { code: 'HOOK-UNSAFE', facts: { path: '/' } } });

    commands.safeWay = SAFE;
    queue.start();
    await queue.idle();
    expect(commands.ids).toEqual(['u1']);
    expect(queue.state).toMatchObject({ waiting: [], problem: null });
  });

  it('is checked before each run', async () => {
    commands.next = () => {
      commands.safeWay = [{ path: '/', kind: 'folder', mode: 0o777, owner: 0 }, ...SAFE.slice(1)];
      return Promise.resolve(BAD);
    };
    await publishOne('u1');
    queue.start();
    await clock.advanceAsync(100_000);
    await queue.idle();

    expect(commands.runs).toHaveLength(1);
    expect(queue.state.problem?.code).toBe('HOOK-UNSAFE');
  });
});

describe('hook: a manual run', () => {
  it('runs it again, whatever its earlier result', async () => {
    queue.start();
    await publishOne('u1');
    await queue.idle();
    await queue.again('u1');

    expect(commands.ids).toEqual(['u1', 'u1']);
  });

  it('runs it for an update that was published before there was a hook', async () => {
    await open({ hook_trust: 'tls' });
    await publishOne('u1');
    await open();
    await queue.again('u1');

    expect(made.ports.hooks.get('u1')).toMatchObject({ state: 'done' });
  });

  it('fails after one failed try, and a success clears an earlier failure', async () => {
    await publishOne('u1');
    commands.next = () => Promise.resolve(BAD);
    await expect(queue.again('u1')).rejects.toMatchObject({ code: 'HOOK-FAILED', facts: { tries: 1 } });
    expect(queue.state.failed).toHaveLength(1);

    commands.next = () => Promise.resolve(WELL);
    await queue.again('u1');
    expect(queue.state.failed).toEqual([]);
  });

  it.each([
    ['an update that is not published', 'none', {}],
    ['a feed that is not trusted', 'u1', { on_published: HOOK.on_published }],
    ['no hook', 'u1', { hook_trust: 'tls' }],
  ])('is refused for %s', async (_what, id, updates) => {
    await publishOne('u1');
    if (Object.keys(updates).length > 0) await open(updates);

    await expect(queue.again(id)).rejects.toMatchObject({ code: 'HOOK-IMPOSSIBLE' });
    expect(commands.runs).toEqual([]);
  });

  it('hook: a manual run with the path of another package runs nothing and replaces no file', async () => {
    await publishOne('u1');
    const sidecar = files.content(`${DIR}/packages/u1.json`)?.toString() ?? '';
    for (const id of ['../../tmp/u1', '../state/agent', '/tmp/u1', '.staging/u1']) {
      const forged = sidecar.replace('"id": "u1"', `"id": "${id}"`);
      if (!id.startsWith('.staging')) await files.makeDirectory('/tmp', 0o755);
      const place = join(`${DIR}/packages`, id);
      if (!files.names().includes(`${place}.json`)) files.plantFile(`${place}.json`, Buffer.from(forged));
      files.plantFile(`${place}.jar`, makeJar('u1', 500));
      const before = files.names();

      await expect(queue.again(id)).rejects.toMatchObject({ code: 'ID-INVALID', facts: { id } });
      expect(files.names()).toEqual(before);
    }
    expect(commands.runs).toEqual([]);
  });

  it.each(['seen', 'pruned', 'withdrawn'] as const)('is refused for an update that memory calls %s', async (fate) => {
    await publishOne('u1');
    made.ports.memory.setState('u1', fate);

    await expect(queue.again('u1')).rejects.toMatchObject({ code: 'HOOK-IMPOSSIBLE' });
    expect(commands.runs).toEqual([]);
  });

  it('is refused for a planted sidecar of other bytes than those remembered', async () => {
    await publishOne('u1');
    made.ports.memory.setId('u1', { sha256: 'b'.repeat(64), fate: 'published' });

    await expect(queue.again('u1')).rejects.toMatchObject({ code: 'HOOK-IMPOSSIBLE' });
    expect(commands.runs).toEqual([]);
  });

  it('is refused for bytes that changed with the same size and time', async () => {
    await publishOne('u1');
    const jar = `${DIR}/packages/u1.jar`;
    const file = await files.openToWrite(jar);
    file.write(Buffer.from('X'), 100);
    await file.close();

    await expect(queue.again('u1')).rejects.toMatchObject({ code: 'PACKAGE-DAMAGED', facts: { path: jar } });
    expect(commands.runs).toEqual([]);
  });
});

describe('hook: a record', () => {
  it.each(['u2', '../../tmp/u2', '..'])(
    'that names %s under the name u1 is moved aside and nothing is run',
    async (id) => {
      await publishOne('u1');
      const path = `${DIR}/state/hooks/u1.json`;
      const forged = (files.content(path)?.toString() ?? '').replace('"id":"u1"', `"id":${JSON.stringify(id)}`);
      await files.remove(path);
      files.plantFile(path, Buffer.from(forged));

      await open();
      queue.start();
      await queue.idle();

      expect(made.codes()).toEqual(['STATE-DAMAGED']);
      expect(commands.runs).toEqual([]);
      expect(made.ports.hooks.list()).toEqual([]);
    },
  );

  it('of other bytes than the published ones is forgotten', async () => {
    await publishOne('u1');
    const path = `${DIR}/state/hooks/u1.json`;
    const old = (files.content(path)?.toString() ?? '').replace(/"sha256":"\w+"/, `"sha256":"${'b'.repeat(64)}"`);
    await files.remove(path);
    files.plantFile(path, Buffer.from(old));

    await open();
    queue.start();
    await queue.idle();

    expect(commands.runs).toEqual([]);
    expect(made.ports.hooks.list()).toEqual([]);
  });
});

describe('hook: a crash', () => {
  it('between run and record causes one more run', async () => {
    await publishOne('u1');
    files.arm({});
    commands.next = () => {
      files.arm({ crashBefore: 1 });
      return Promise.resolve(WELL);
    };
    queue.start();
    await queue.idle();
    expect(commands.runs).toHaveLength(1);

    files = files.afterCrash('power-lost');
    commands.next = () => Promise.resolve(WELL);
    for (let start = 0; start < 3; start += 1) {
      await open();
      queue.start();
      await queue.idle();
    }
    expect(commands.runs).toHaveLength(2);
  });

  it('in each of three runs gives up instead of running forever', async () => {
    await publishOne('u1');
    for (let start = 0; start < 5; start += 1) {
      await open();
      commands.next = () => {
        files.arm({ crashBefore: 1 });
        return Promise.resolve(WELL);
      };
      queue.start();
      await queue.idle();
      files = files.afterCrash('killed');
    }
    await open();

    expect(commands.runs).toHaveLength(3);
    expect(await outcomes()).toEqual(['published', 'hook_failed']);
    expect(queue.state.failed).toEqual([{ id: 'u1', ending: 'it was interrupted' }]);
  });

  it('at any operation of a publication and its hook never loses the run', async () => {
    const act = async (on: CrashingFiles) => {
      const rig = await openRig({ files: on, dir: DIR, clock, settings: testSettings(DIR, { updates: HOOK }) });
      await publishOne('u1', {}, rig.ports);
      const hooks = new HookQueue(rig.ports, commands);
      hooks.start();
      await hooks.idle();
      if (on.crashed) throw new Error('crashed');
    };
    const trials = await everyCrash({
      prepare: () => {
        commands.runs.length = 0;
        return Promise.resolve(new CrashingFiles());
      },
      act,
      outside: () => commands.runs.length,
      check: async ({ files: left }) => {
        const before = commands.runs.length;
        // The round's own recovery, which completes a publication from its journal, has a test of its own.
        const rig = await openRig({ files: left, dir: DIR, clock, settings: testSettings(DIR, { updates: HOOK }) });
        const known = rig.ports.hooks.get('u1');
        const hooks = new HookQueue(rig.ports, commands);
        hooks.start();
        await hooks.idle();
        const after = commands.runs.length;
        if (known === null) expect(before).toBe(0);
        else expect(after).toBeGreaterThanOrEqual(1);
        expect(after).toBeLessThanOrEqual(2);
        if (known?.state === 'done') expect(after).toBe(before);
      },
    });
    expect(trials).toBeGreaterThan(100);
  });
});

describe('hook: a stop', () => {
  it('ends the run, which does not count, and the next start repeats it', async () => {
    commands.next = (_command, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'stopped' }), { once: true });
      });
    await publishOne('u1');
    queue.start();
    await settle();
    expect(queue.state.running).toBe('u1');
    await queue.stop();
    expect(made.ports.hooks.get('u1')).toMatchObject({ state: 'waiting', tries: 0 });

    commands.next = () => Promise.resolve(WELL);
    await open();
    queue.start();
    await queue.idle();
    expect(made.ports.hooks.get('u1')).toMatchObject({ state: 'done', tries: 1 });
  });

  it('ends the wait before the next try', async () => {
    commands.next = () => Promise.resolve(BAD);
    await publishOne('u1');
    queue.start();
    await settle();
    await queue.stop();

    expect(commands.runs).toHaveLength(1);
  });
});

describe('hook: a full disk', () => {
  const fill = () => files.arm({ fullAfterBytes: 0 });

  it('hook: a full disk before a run prevents it, with one line, and it continues by itself', async () => {
    await publishOne('u1');
    fill();
    queue.start();
    await queue.idle();
    expect(commands.runs).toEqual([]);
    expect(made.events.filter(({ name }) => name === 'disk-full')).toHaveLength(1);

    files.arm({});
    await clock.advanceAsync(60_000);
    await queue.idle();
    expect(commands.ids).toEqual(['u1']);
  });

  it('hook: after a run on a full disk it is not repeated, and its result is written later', async () => {
    await publishOne('u1');
    commands.next = () => {
      fill();
      return Promise.resolve(WELL);
    };
    queue.start();
    await queue.idle();
    expect(made.ports.hooks.get('u1')).toMatchObject({ state: 'done' });

    files.arm({});
    await clock.advanceAsync(60_000);
    await queue.idle();
    expect(commands.runs).toHaveLength(1);
    await open();
    expect(made.ports.hooks.get('u1')).toMatchObject({ state: 'done' });
  });

  it('at the last try keeps the result for the receipt', async () => {
    await publishOne('u1');
    commands.next = () => {
      if (commands.runs.length === 3) fill();
      return Promise.resolve(BAD);
    };
    queue.start();
    await clock.advanceAsync(70_000);
    await queue.idle();
    files.arm({});
    await clock.advanceAsync(60_000);
    await queue.idle();

    expect(await outcomes()).toEqual(['published', 'hook_failed']);
    expect(queue.state.failed).toEqual([{ id: 'u1', ending: 'exit status 3' }]);
  });
});
