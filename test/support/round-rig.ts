// A Sallyport without a process for tests: the program's own composition over given files and a real loopback network.
// Only the machine is replaced: files, clocks, randomness, the lock, the log and the trust of the update server.

import type { LoadedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import { compose } from '#daemon/compose.ts';
import type { MachinePorts } from '#daemon/machine-ports.ts';
import { readTrusts } from '#daemon/reload/read-trust.ts';
import type { Report, SallyportEvent } from '#logging/events.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { Lock, LockOptions } from '#system/lock.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type RoundReport, runRound } from '#updates/round.ts';
import type { RoundScope } from '#updates/tally.ts';

export interface RigOptions {
  readonly files: Files;
  /** The folder of everything; `packages` and `state` are made in it. */
  readonly dir: string;
  readonly settings: Settings;
  readonly clock?: Clock;
  readonly updatesTls?: TlsTrust;
  /** What bounds the opening of connections, where that is to be real while the rest of time is moved by hand. */
  readonly routerClock?: Clock;
  /** In place of a lock that is always free. */
  readonly acquireLock?: MachinePorts['acquireLock'];
}

/** A Sallyport without a process around it. */
export interface Rig {
  readonly ports: UpdatesPorts;
  readonly events: SallyportEvent[];
  /** Names of the codes that were reported, in order. */
  codes(): string[];
  round(signal?: AbortSignal, scope?: RoundScope): Promise<RoundReport>;
}

/** Composes as the program does, over the given files; without a lock and without a log. */
export async function openRig(options: RigOptions): Promise<Rig> {
  const { settings } = options;
  const events: SallyportEvent[] = [];
  const parts = await compose(
    { loaded: loadedFrom(settings), known: new KnownSecrets(), version: '0.1.0', mode: 'daemon' },
    machineOf(options, (event) => void events.push(event)),
  );
  const { ports } = parts;
  return {
    ports,
    events,
    codes: () =>
      events.flatMap((event) => ('error' in event && event.error instanceof Error ? [codeOf(event.error)] : [])),
    round: (signal = new AbortController().signal, scope = 'all') => runRound(ports, signal, scope),
  };
}

/** What the composition gets in place of the machine; the log hands every event to `report`. */
function machineOf(options: RigOptions, report: Report): MachinePorts {
  const { files, clock = systemClock, routerClock, updatesTls, acquireLock = freeLock } = options;
  return {
    files,
    clock,
    ...(routerClock === undefined ? {} : { connectionClock: routerClock }),
    random: () => 0,
    acquireLock,
    openLog: () => ({ report, file: '', setLevel: nothing, reopen: nothing, close: nothing }),
    readTrusts: async (settings) => {
      const { purposes, proxies } = await readTrusts(settings);
      return { purposes: { ...purposes, updates: updatesTls ?? purposes.updates }, proxies };
    },
  };
}

async function freeLock(dir: string, { files }: LockOptions): Promise<Lock> {
  await files.makeDirectory(dir, 0o700);
  return { release: nothing };
}

function nothing(): void {
  // There is no log, and the lock is always free.
}

/** Settings as if a file had been loaded that names no other file. */
function loadedFrom(settings: Settings): LoadedSettings {
  const files = { file: '/sallyport.yaml', files: ['/sallyport.yaml'] };
  const secrets = { fixedSecrets: [], secretUses: [], inlineUses: [] };
  return { ok: true, version: 2, settings, warnings: [], digest: '', ...files, ...secrets, lineOf: () => null };
}

function codeOf(error: Error): string {
  return String((error as { code?: unknown }).code ?? error.name);
}
