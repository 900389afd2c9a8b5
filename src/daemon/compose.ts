// Makes every part of a running Sallyport once, and passes each to the parts that use it (the composition root). No
// module creates its own dependencies.
//
// A state file that cannot be read is set aside and reported. This never ends the program. Settings become active
// through the same two steps at start and at a reload: every module verifies, then every module commits
// (`#config/following/reload.ts`).

import { join } from 'node:path';
import type { Environment } from '#config/places.ts';
import type { Purpose } from '#config/purposes.ts';
import { readGateways } from '#config/reading/host-gateways.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { userAgentOf } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { TokenBindings } from '#http/token-bindings.ts';
import type { Report } from '#logging/events.ts';
import type { LogForm, LogOptions } from '#logging/log.ts';
import type { Screen } from '#logging/terminal.ts';
import { PATHS_FILE, PathHabits } from '#path/habits.ts';
import type { HostIdentity } from '#platform/identity/identity.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor, type Redactor, type SpanRedactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { SystemCommands } from '#system/process/command.ts';
import { WatchedClock } from '#system/time/watched-clock.ts';
import { latestZone } from '#system/time/zone.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { WitnessMemory } from '#timeout/witness-memory.ts';
import { ProxyWitnesses } from '#transfer/hold-watch.ts';
import { RunningTransfers } from '#transfer/running-transfers.ts';
import { bandwidthAt } from '#transfer/throttle/bandwidth.ts';
import { SharedThrottle } from '#transfer/throttle/shared-throttle.ts';
import { InstalledAgent, loadAgentId, saveAgentId } from '#updates/agent-id.ts';
import { ChosenFeed } from '#updates/chosen-feed.ts';
import { DiskPause } from '#updates/disk-pause.ts';
import { UpdatesHold } from '#updates/hold/hold.ts';
import { UpdateWindows } from '#updates/hold/windows.ts';
import { HookJournal } from '#updates/hook/hook-journal.ts';
import { UpdatesMemory } from '#updates/memory.ts';
import { PackageRetries } from '#updates/package/package-retries.ts';
import { PackageStore } from '#updates/package/package-store.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { openReceipts } from '#updates/receipts/receipt-spool.ts';
import { type TrustFolders, TrustMemory } from '#updates/signed/trust-memory.ts';
import { type MachinePorts, realMachine } from './machine-ports.ts';
import { Outcomes } from './outcomes.ts';
import type { LoadAgain, Parts } from './parts.ts';
import { AGENT_FILE, HostActivation } from './platform/host-activation.ts';
import { identityAtStart } from './platform/open-identity.ts';
import { PlatformSlot } from './platform/platform-slot.ts';
import { confirmedOr } from './reload/confirmed-file.ts';
import { LastSettings } from './reload/last-settings.ts';
import { LogReloader } from './reload/log-reloader.ts';
import { NetworkReloader } from './reload/network-reloader.ts';
import { ProfileDatesReloader } from './reload/profile-dates-reloader.ts';
import { ReloadCoordinator } from './reload/reload.ts';
import { SettingsReloader } from './reload/settings-reloader.ts';
import { TimeoutReloader } from './reload/timeout-reloader.ts';
import { requireOurState } from './service/state-folder.ts';
import { openUploads } from './uploads/uploads.ts';

/** What a composition needs from its caller. */
export interface ComposeOptions {
  readonly loaded: LoadedSettings;
  readonly known: KnownSecrets;
  readonly version: string;
  /** The variables of the process, which may name a proxy; none by default. */
  readonly environment?: Environment;
  load?: LoadAgain;
  /** Addresses of the default gateways of this host. Default: reads them from the kernel. */
  gateways?(): Promise<readonly string[]>;
  /** The folder of the checkout that the program runs from; null for an installation. */
  readonly checkout?: string | null;
  readonly mode: 'daemon' | 'command';
  /** The screen that shows the log live, if there is one. Without a form, it is that of `logging.stdout`. */
  readonly terminal?: { readonly screen: Screen; readonly form: LogForm | null };
  /** Receives every event in place of the log and its listeners. Rounds and uploads do not depend on these. */
  readonly report?: Report;
}

/**
 * Builds everything and activates the settings. It changes no file before it holds the lock of the state folder, and
 * none in a state folder of another user.
 * @throws CodedError LOCK-HELD, STATE-OF-OTHERS, FOLDER-UNSAFE, or when state or settings cannot be used at all
 */
export async function compose(options: ComposeOptions, machine: MachinePorts = realMachine): Promise<Parts> {
  const { files, clock } = machine;
  const stateDir = options.loaded.settings.daemon.state_dir;
  await requireOurState(files, stateDir, options.checkout ?? null);
  const lock = await machine.acquireLock(stateDir, { files, clock, mode: options.mode });
  try {
    const loaded = await confirmedOr(options.loaded, { files, ...options });
    const parts = await composeAlone({ ...options, loaded }, machine);
    return {
      ...parts,
      close: () => {
        parts.close();
        lock.release();
      },
    };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

async function composeAlone(options: ComposeOptions, machine: MachinePorts): Promise<Parts> {
  const { loaded, known, version, mode, environment = {} } = options;
  const { settings } = loaded;
  const redactor = createRedactor(known);
  const clock = new WatchedClock(machine.clock);
  const { files, readTrusts, connectionClock = clock } = machine;
  const log = machine.openLog(logOptions(options, redactor, clock));
  const events = new Set<Report>();
  const reportToAll: Report = (event) => {
    log.report(event);
    for (const listener of events) listener(event);
  };
  const { report = reportToAll } = options;
  try {
    const around = { files, clock, redactor, report, environment, known, settings };
    const state = await openState({ ...foldersOf(settings), ...around });
    const { credentialGuard, outcomes } = state;
    const userAgent = userAgentOf({ version });
    const routeChanged = (purpose: Purpose) => outcomes.outdate(purpose);
    const machineParts = { clock, connectionClock, readTrusts, environment, routeChanged };
    const network = new NetworkReloader({ ...machineParts, known, report, credentialGuard, userAgent });
    const tokens = new TokenBindings(credentialGuard);
    const currentSettings = new SettingsReloader(settings, (to) => tokens.bindSecrets(to));
    const model = new ResponseTimeoutModel({}, state.stores.timeouts.learned);
    const reloaders = [network, currentSettings, new TimeoutReloader(model), new LogReloader(log), state.profileDates];
    const config = new ReloadCoordinator({ loaded, reloaders, last: state.last, clock, report });
    await config.start();
    const activation = new HostActivation({
      ...{ ...around, random: machine.random, agent: new InstalledAgent(state.agentId, version) },
      stateDir: settings.daemon.state_dir,
      identity: state.identity,
      settings: () => currentSettings.current,
      updates: () => ports,
    });
    const made = { state, network, currentSettings, tokens, model, redactor, report, activation, config };
    const timed = { ...machine, clock, connectionClock };
    const ports = await makePorts(options, timed, made);
    await activation.atStart();
    const uploads = await openUploads({ ...ports, ...timed, ...made, outcomes, config, ...ofUploads(settings, ports) });
    return {
      mode,
      ports,
      uploads,
      activation,
      platform: new PlatformSlot({ connectionClock, rerouted: () => network.rerouted('platform') }),
      files,
      commands: new SystemCommands(clock),
      clock,
      redactor,
      known,
      report,
      events,
      config,
      tokens,
      ...forDiagnosis(options, network, config),
      outcomes,
      credentialGuard,
      logFile: log.file,
      reopenLog: () => log.reopen(),
      startedAtMs: clock.now(),
      close: () => closeBoth(ports, log),
    };
  } catch (thrown) {
    log.close();
    throw thrown;
  }
}

/** An activation leaves an unused connection, whose timer would keep the process for 30 s. */
function closeBoth({ session }: Pick<UpdatesPorts, 'session'>, log: { close(): void }): void {
  session.close();
  log.close();
}

/** Parts that the ports of a round are made from. */
interface Made {
  readonly state: State;
  readonly network: NetworkReloader;
  readonly currentSettings: SettingsReloader;
  readonly tokens: TokenBindings;
  readonly model: ResponseTimeoutModel;
  readonly redactor: Redactor;
  readonly report: Report;
  readonly activation: HostActivation;
  readonly config: ReloadCoordinator;
}

/** The ports that rounds work with. @throws CodedError FOLDER-UNSAFE */
async function makePorts(
  { loaded: { settings }, checkout = null }: ComposeOptions,
  { files, clock, connectionClock, random }: Required<MachinePorts>,
  { state, network, currentSettings, tokens, model, redactor, report, activation, config }: Made,
): Promise<UpdatesPorts> {
  const shared = {
    clock,
    report,
    habits: state.habits,
    session: new Session({
      router: network,
      purpose: 'updates',
      clock: connectionClock,
      signerFor: (request) => activation.signerFor('updates', request),
    }),
    settings: () => currentSettings.current,
    tokens,
    agent: activation.agent,
    // Not awaited: only the next status shows it.
    reachedFrom: (address: string | null) => void state.outcomes.noteAddress('updates', address),
  };
  const store = await openStore(files, settings, { redactor, checkout });
  const windows = new UpdateWindows(clock, () => {
    const { updates, time_zone: zone } = currentSettings.current;
    return { window: updates.window, zone };
  });
  config.watch({ ended: (outcome) => outcome === 'applied' && windows.look() });
  return {
    ...shared,
    router: network,
    files,
    random,
    feed: new ChosenFeed({ ...shared, files, store, trust: state.stores.trust }),
    ...state.stores,
    store,
    model,
    witnesses: new ProxyWitnesses({
      clock,
      random,
      memory: state.witnessMemory,
      isEnabled: () => currentSettings.current.response_timeout.probe,
      failed: (thrown) => report({ name: 'fault', error: asCoded(thrown) }),
    }),
    disk: new DiskPause({ files, clock, report }),
    throttle: throttleOf(clock, shared.settings),
    windows,
    running: new RunningTransfers(),
    rerouted: () => network.rerouted('updates'),
  };
}

/** The bandwidth limit of packages, as the settings have it at each moment. */
function throttleOf(clock: Clock, settings: () => Settings): SharedThrottle {
  const zone = latestZone();
  return new SharedThrottle(clock, (nowMs) => {
    const { updates, time_zone: name } = settings();
    return bandwidthAt(updates.bandwidth, () => zone(name), nowMs);
  });
}

/** What uploads share with the updates. */
function ofUploads({ daemon }: Settings, ports: UpdatesPorts) {
  return { stateDir: daemon.state_dir, receipts: ports.spool };
}

/** The log as the settings configure it, and live for a screen. */
function logOptions({ loaded: { settings }, terminal }: ComposeOptions, known: SpanRedactor, clock: Clock): LogOptions {
  return {
    dir: settings.logging.dir,
    level: settings.logging.level,
    rotateBytes: settings.logging.rotation === 'internal' ? settings.logging.rotate_bytes : null,
    rotateKeep: settings.logging.rotate_keep,
    known,
    clock,
    ...(terminal === undefined
      ? {}
      : { terminal: { screen: terminal.screen, form: terminal.form ?? settings.logging.stdout } }),
  };
}

/** @throws CodedError FOLDER-UNSAFE */
async function openStore(
  files: Files,
  { updates }: Settings,
  options: { readonly redactor: Redactor; readonly checkout: string | null },
): Promise<PackageStore> {
  const store = new PackageStore(files, updates.packages_dir, options);
  await store.requireSafe();
  return store;
}

/** What a diagnosis needs in addition to the ports of a round. */
function forDiagnosis(
  { load, gateways = readGateways, environment = {} }: ComposeOptions,
  network: NetworkReloader,
  config: ReloadCoordinator,
): Pick<Parts, 'loadCandidate' | 'routerFor' | 'permittedInterception' | 'gateways' | 'environment'> {
  return {
    loadCandidate: async (text, authority, known = new KnownSecrets()) => {
      if (load === undefined) throw coded('INTERNAL', { reason: 'settings are not read here' });
      if (authority === 'admin') return await load(text);
      const { secretUses, settings } = config.loaded;
      const loaded = await load(text, { usesAllowed: secretUses, known });
      // Only root may remove that requirement.
      const required = settings.proxy_required ? { proxy_required: true } : {};
      return loaded.ok ? { ...loaded, settings: { ...loaded.settings, ...required } } : loaded;
    },
    permittedInterception: (purpose) => network.permittedInterception(purpose),
    routerFor: (to, onEvent, router) => network.routerFor(to, onEvent, router),
    gateways,
    environment,
  };
}

interface State {
  readonly outcomes: Outcomes;
  readonly last: LastSettings;
  readonly profileDates: ProfileDatesReloader;
  readonly credentialGuard: CredentialGuard;
  readonly agentId: string;
  readonly identity: HostIdentity | null;
  readonly habits: PathHabits;
  readonly witnessMemory: WitnessMemory;
  /** The stores that the updates module uses unchanged. */
  readonly stores: Pick<UpdatesPorts, 'memory' | 'trust' | 'timeouts' | 'retries' | 'spool' | 'hooks' | 'hold'>;
}

function foldersOf({ daemon, updates }: Settings): TrustFolders {
  return { stateDir: daemon.state_dir, packagesDir: updates.packages_dir };
}

async function openState(
  from: TrustFolders & {
    readonly files: Files;
    readonly clock: Clock;
    readonly redactor: Redactor;
    readonly report: Report;
    readonly environment: Environment;
    readonly known: KnownSecrets;
    readonly settings: Settings;
  },
): Promise<State> {
  const { stateDir, packagesDir, files, clock, redactor, report } = from;
  const name = (error: CodedError | null) => {
    if (error !== null) report({ name: 'state-set-aside', error });
  };
  const last = new LastSettings(files, join(stateDir, 'last-settings.json'));
  name(await last.load());
  const profileDates = new ProfileDatesReloader({ files, clock, isFirstStart: last.current === null });
  const agentPath = join(stateDir, AGENT_FILE);
  const agent = await loadAgentId(files, agentPath);
  name(agent.setAside);
  const identity = await identityAtStart({ ...from, agentId: agent.id });
  // The identity decides: it may be new, on a copy of another host.
  const agentId = identity?.agent ?? agent.id;
  if (agentId !== agent.id && identity?.isUnstored === false) await saveAgentId(files, agentPath, agentId);
  const memory = new UpdatesMemory(files, join(stateDir, 'updates.json'));
  name(await memory.load());
  const trust = new TrustMemory(files, { stateDir, packagesDir });
  for (const error of await trust.load()) name(error);
  const habits = new PathHabits(files, join(stateDir, PATHS_FILE), { clock, redactor });
  name(await habits.load());
  const timeouts = new TimeoutMemory(files, join(stateDir, 'timeouts.json'));
  name(await timeouts.load());
  const witnessMemory = new WitnessMemory(files, join(stateDir, 'witness.json'));
  name(await witnessMemory.load());
  const retries = new PackageRetries({ files, clock, report }, join(stateDir, 'retries.json'));
  name(await retries.load());
  const spool = await openReceipts({ files, clock, report }, stateDir);
  const hold = new UpdatesHold(files, join(stateDir, 'hold.json'));
  name(await hold.load(clock.now()));
  const hooks = await HookJournal.open(files, join(stateDir, 'hooks'), report);
  const credentials = new CredentialState({ files, path: join(stateDir, 'credentials.json') });
  name(await credentials.load());
  const credentialGuard = new CredentialGuard({ state: credentials, clock });
  const outcomes = new Outcomes(files, join(stateDir, 'outcomes.json'));
  name(await outcomes.load());
  const stores = { memory, trust, timeouts, retries, spool, hooks, hold };
  return { outcomes, last, profileDates, credentialGuard, agentId, identity, habits, witnessMemory, stores };
}
