// The ports of a round for tests: real rooms over given files and a real loopback network, nothing of them mocked.

import type { Settings } from '#config/settings.ts';
import { Session } from '#http/session/session.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { PathHabits } from '#path/habits.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CoolDown } from '#proxy/choosing/failover.ts';
import { createRouter } from '#proxy/router.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import { loadAgentId } from '#updates/agent-id.ts';
import { DiskPause } from '#updates/disk-pause.ts';
import { HttpFeed } from '#updates/feed/http-feed.ts';
import { HookJournal } from '#updates/hook/hook-journal.ts';
import { UpdatesMemory } from '#updates/memory.ts';
import { PackageRetries } from '#updates/package/package-retries.ts';
import { PackageStore } from '#updates/package/package-store.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { openReceipts } from '#updates/receipts/receipt-spool.ts';
import { type RoundReport, type RoundScope, runRound } from '#updates/round.ts';

export interface RigOptions {
  readonly files: Files;
  /** The folder of everything; `packages` and `state` are made in it. */
  readonly dir: string;
  readonly settings: Settings;
  readonly clock?: Clock;
  readonly credentialGuard?: CredentialGuard;
  readonly updatesTls?: TlsTrust;
  /** What bounds the opening of connections, where that is to be real while the rest of time is moved by hand. */
  readonly routerClock?: Clock;
}

/** A Sallyport without a process around it. */
export interface Rig {
  readonly ports: UpdatesPorts;
  readonly events: SallyportEvent[];
  /** Names of the codes that were reported, in order. */
  codes(): string[];
  round(signal?: AbortSignal, scope?: RoundScope): Promise<RoundReport>;
}

/** Builds the ports as the composition root does, over the given files. */
export async function openRig(options: RigOptions): Promise<Rig> {
  const { files, dir, settings } = options;
  const clock = options.clock ?? systemClock;
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => void events.push(event);
  const stateDir = `${dir}/state`;
  await files.makeDirectory(stateDir, 0o700);
  const agent = { id: (await loadAgentId(files, `${stateDir}/agent.json`)).id, version: '0.1.0' };
  const memory = new UpdatesMemory(files, `${stateDir}/updates.json`);
  await memory.load();
  const habits = new PathHabits(files, `${stateDir}/paths.json`, { clock });
  await habits.load();
  const timeouts = new TimeoutMemory(files, `${stateDir}/timeouts.json`);
  await timeouts.load();
  const router = createRouter({
    settings,
    clock: options.routerClock ?? clock,
    coolDown: new CoolDown(clock),
    tls: { updates: options.updatesTls ?? {}, support_logs: {}, exposure_analytics: {}, platform: {} },
    credentialGuard: options.credentialGuard ?? new CredentialGuard(),
    known: new KnownSecrets(),
    report,
  });
  const retries = new PackageRetries({ files, clock, report }, `${stateDir}/retries.json`);
  await retries.load();
  const tokens = { check: () => undefined };
  const session = new Session({ router, purpose: 'updates', clock: options.routerClock ?? clock });
  const shared = { clock, report, habits, session, agent, tokens, settings: () => settings };
  const ports: UpdatesPorts = {
    ...shared,
    router,
    files,
    random: () => 0,
    memory,
    feed: new HttpFeed(shared),
    spool: await openReceipts({ files, clock, report }, stateDir),
    store: new PackageStore(files, settings.updates.packages_dir),
    model: new ResponseTimeoutModel(timeoutSettings(settings), timeouts.learned),
    timeouts,
    disk: new DiskPause({ files, clock, report }),
    retries,
    hooks: await HookJournal.open(files, `${stateDir}/hooks`, report),
    rerouted: () => new AbortController().signal,
  };
  return {
    ports,
    events,
    codes: () =>
      events.flatMap((event) => ('error' in event && event.error instanceof Error ? [codeOf(event.error)] : [])),
    round: (signal = new AbortController().signal, scope = 'all') => runRound(ports, signal, scope),
  };
}

function codeOf(error: Error): string {
  return String((error as { code?: unknown }).code ?? error.name);
}
