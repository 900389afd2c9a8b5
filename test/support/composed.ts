// The whole program in its own folder, composed as in main, with the agent that runs its rounds, in this process.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '#config/reading/load.ts';
import { Agent } from '#daemon/agent.ts';
import { compose } from '#daemon/compose.ts';
import { realMachine } from '#daemon/machine-ports.ts';
import type { LoadAgain, Parts } from '#daemon/parts.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { Lock } from '#system/lock.ts';
import { yamlOf } from './yaml-of.ts';

export interface Composed {
  readonly dir: string;
  readonly parts: Parts;
  readonly agent: Agent;
  /** Everything that was reported since the agent is there. */
  readonly events: SallyportEvent[];
  /** Writes the file again with these sections and applies it, as a reload does. */
  reload(sections: Readonly<Record<string, unknown>>): Promise<void>;
  /** Ends it and removes the folder. */
  remove(): Promise<void>;
}

/** What is around the process. */
export interface Around {
  /** A folder that is there, as after a restart; it stays. */
  readonly dir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly gateways?: () => Promise<readonly string[]>;
  /** In place of the machine's clock, such as one that runs faster. */
  readonly clock?: Clock;
  /** Measures connections; by default `clock`. */
  readonly connectionClock?: Clock;
  /** In place of the machine's disk; the lock is then always free. */
  readonly files?: Files;
}

/** Composes with these sections of settings; one attempt, everything in one folder. */
export async function composeIn(
  sections: Readonly<Record<string, unknown>>,
  mode: 'daemon' | 'command' = 'daemon',
  around: Around = {},
): Promise<Composed> {
  if (around.dir !== undefined) return await composeAt(around.dir, sections, { mode, ...around });
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-composed-'));
  try {
    return await composeAt(dir, sections, { mode, ...around });
  } catch (thrown) {
    await rm(dir, { recursive: true, force: true });
    throw thrown;
  }
}

async function composeAt(
  dir: string,
  sections: Readonly<Record<string, unknown>>,
  { mode, dir: given, clock, connectionClock, files, ...around }: Around & { readonly mode: 'daemon' | 'command' },
): Promise<Composed> {
  const file = join(dir, 'sallyport.yaml');
  const write = (now: Readonly<Record<string, unknown>>) =>
    writeFile(file, yamlOf({ version: 2, retry: { attempts: 1 }, ...now }), { mode: 0o600 });
  await write(sections);
  const known = new KnownSecrets();
  const places = {
    config: file,
    packagesDir: join(dir, 'packages'),
    logsDir: join(dir, 'logs'),
    stateDir: join(dir, 'state'),
    controlSocket: join(dir, 'control.sock'),
  };
  const { environment = {} } = around;
  const load: LoadAgain = (text, bounds) =>
    loadSettings({ file, places, environment, known, ...bounds, ...(text === undefined ? {} : { text }) });
  const loaded = await load();
  if (!loaded.ok) throw new Error(`refused: ${JSON.stringify(loaded.problems)}`);
  const machine = {
    ...realMachine,
    ...(clock === undefined ? {} : { clock }),
    ...(connectionClock === undefined ? {} : { connectionClock }),
    ...(files === undefined ? {} : { files, acquireLock: freeLock }),
  };
  const parts = await compose({ loaded, known, version: '9.8.7', mode, load, ...around }, machine);
  const events: SallyportEvent[] = [];
  parts.events.add((event) => events.push(event));
  const agent = new Agent(parts);
  return {
    dir,
    parts,
    agent,
    events,
    reload: async (now) => {
      await write(now);
      await parts.config.take(await load(), 'changed');
    },
    remove: async () => {
      await agent.close();
      // What was learned about a proxy is saved in the background without waiting.
      if (given === undefined) await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function freeLock(dir: string, { files }: { readonly files: Files }): Promise<Lock> {
  await files.makeDirectory(dir, 0o700);
  return { release: () => undefined };
}
