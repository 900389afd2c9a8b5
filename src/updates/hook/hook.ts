// Runs the hook, the admin's command, for each published update.
//
// Guarantees: the hook runs at least once for each id, one id at a time, required updates first. The journal records
// each run before and after it. If a crash prevents the second record, the hook runs once more. After three failed runs
// with increasing delays, a receipt `hook_failed` is sent. The path to the command is checked right before each run.
// The hook runs at the same time as downloads, so it delays no package. Only the promise of a manual run can reject.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type Timer, wait } from '#system/clock.ts';
import { requireId } from '#system/id.ts';
import type { CommandEnd, CommandLimits, Commands } from '#system/process/command.ts';
import { Turns } from '#system/turns.ts';
import { isDiskFull } from '#updates/disk-pause.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { acceptReceipt } from '#updates/receipts/acknowledge.ts';
import type { Sidecar } from '#updates/sidecar.ts';
import {
  checkPath,
  checkTrust,
  delayAfter,
  endingOf,
  GRACE_MS,
  hookEnvironment,
  LIMIT_MS,
  MAX_TRIES,
  nextHook,
  OUTPUT_BYTES,
} from './hook-decision.ts';
import type { HookRecord } from './hook-journal.ts';

/** The grace at a stop, so that everything ends within the time that systemd allows. */
const STOP_GRACE_MS = 3_000;

/** The state of the hook, for `status`. */
export interface HookState {
  readonly command: string | null;
  readonly running: string | null;
  readonly waiting: readonly string[];
  readonly failed: readonly { readonly id: string; readonly ending: string }[];
  /** Why waiting updates are not run. */
  readonly problem: CodedError | null;
}

/** Callbacks for actions outside the hook. */
export interface HookWatch {
  /** All runs for an update failed, and the receipt that says so is in the spool. */
  gaveUp(): void;
}

/** Queues the hook for a published update, if one is configured for it; repeating it is harmless. */
export async function enqueueHook(
  ports: UpdatesPorts,
  { item, trust }: Pick<Sidecar, 'item' | 'trust'>,
): Promise<void> {
  const { on_published: hook, hook_trust: hookTrust } = ports.settings().updates;
  if (hook === undefined) return;
  const reason = checkTrust(trust, hookTrust);
  if (reason === null) await ports.hooks.add(item, trust);
  else ports.report({ name: 'hook-skipped', id: item.id, reason });
}

/** Runs the waiting records of the journal. */
export class HookQueue {
  readonly #ports: UpdatesPorts;
  readonly #commands: Commands;
  readonly #watch: HookWatch | null;
  readonly #stopped = new AbortController();
  /** Runs one task at a time, in the order of the requests. */
  readonly #turns = new Turns();
  #scheduled = false;
  #running: string | null = null;
  #problem: CodedError | null = null;
  #failure: CodedError | null = null;
  #later: Timer | null = null;

  constructor(ports: UpdatesPorts, commands: Commands, watch: HookWatch | null = null) {
    this.#ports = ports;
    this.#commands = commands;
    this.#watch = watch;
  }

  /** Runs the waiting records, and from now on each added one. */
  start(): void {
    this.#ports.hooks.whenAdded(() => this.start());
    this.#later?.cancel();
    if (this.#scheduled) return;
    this.#scheduled = true;
    void this.#alone(() => this.#runWaiting()).catch(() => undefined);
  }

  /** Waits until nothing runs any more. Returns the last failure of the waiting records; null when there was none. */
  async idle(): Promise<CodedError | null> {
    await this.#turns.idle();
    return this.#failure;
  }

  /** Ends the current run; it is repeated at the next start. */
  async stop(): Promise<void> {
    this.#stopped.abort(coded('INTERRUPTED', { reason: 'Sallyport is stopping' }));
    this.#later?.cancel();
    await this.idle();
  }

  get state(): HookState {
    const records = this.#ports.hooks.list();
    return {
      command: this.#ports.settings().updates.on_published?.command ?? null,
      running: this.#running,
      waiting: records.filter(({ id, state }) => isOpen(state) && id !== this.#running).map(({ id }) => id),
      failed: records.flatMap(({ id, state, ending }) => (state === 'failed' ? [{ id, ending: ending ?? '-' }] : [])),
      problem: this.#problem,
    };
  }

  /**
   * Runs it once now, whatever its earlier result.
   * @throws CodedError ID-INVALID, HOOK-IMPOSSIBLE, PACKAGE-*, HOOK-UNSAFE, HOOK-FAILED
   */
  async again(id: string): Promise<void> {
    await this.#alone(async () => {
      const { item, trust } = await this.#requirePublished(id);
      const { hooks } = this.#ports;
      const before = hooks.get(id) ?? hooks.compose(item, trust);
      const { end, record } = await this.#runOnce({ ...before, tries: 0 }, 1);
      const ending = endingOf(end);
      if (end.kind === 'stopped') {
        await this.#keep({ ...record, state: 'waiting', tries: 0 });
        throw coded('INTERRUPTED', { reason: 'Sallyport is stopping' });
      }
      await this.#keep({ ...record, state: ending === null ? 'done' : 'failed', ending });
      if (ending !== null) throw coded('HOOK-FAILED', { id, tries: 1, ending });
    });
  }

  /**
   * The sidecar alone proves nothing: memory must list the update as published, and the file must still have its digest.
   */
  async #requirePublished(id: string): Promise<Sidecar> {
    const { memory, store } = this.#ports;
    const published = await store.find(requireId(id));
    const known = memory.id(id);
    if (published === null || known?.fate !== 'published' || known.sha256 !== published.sidecar.item.sha256)
      throw coded('HOOK-IMPOSSIBLE', { id, reason: 'no update of this ID is published' });
    const state = await store.examine(published, true, this.#stopped.signal);
    if (state.kind !== 'intact') throw state.error;
    return published.sidecar;
  }

  async #runWaiting(): Promise<void> {
    this.#scheduled = false;
    try {
      await this.#ports.hooks.flush();
      for (let next = this.#next(); next !== null; next = this.#next()) await this.#settle(next);
    } catch (thrown) {
      if (this.#stopped.signal.aborted) return;
      await this.#putOff(asCoded(thrown));
    }
  }

  #next(): HookRecord | null {
    if (this.#stopped.signal.aborted || this.#ports.settings().updates.on_published === undefined) return null;
    return nextHook(this.#ports.hooks.list());
  }

  /** Waiting records are retried with the next round; if the disk is full, with the disk's next retry. */
  async #putOff(error: CodedError): Promise<void> {
    const { clock, disk, report } = this.#ports;
    this.#problem = error;
    if (!isDiskFull(error)) {
      this.#failure = error;
      report(error.code === 'INTERNAL' ? { name: 'fault', error } : { name: 'hook-refused', error });
      return;
    }
    const at = await disk.note(error);
    this.#later?.cancel();
    this.#later = clock.after(at - clock.now(), () => this.start());
  }

  /** Runs one record until it is done or has failed for good. */
  async #settle(record: HookRecord): Promise<void> {
    const { hooks, store, clock, report } = this.#ports;
    const { id, tries } = record;
    const published = await store.find(id);
    if (published?.sidecar.item.sha256 !== record.sha256) return await hooks.forget(id);
    // The last run was started but never recorded, or its result could not be reported yet.
    if (tries >= MAX_TRIES) {
      const interrupted = record.state === 'running' ? { ...record, ending: 'it was interrupted' } : record;
      return await this.#giveUp(interrupted, 0);
    }
    const startedAt = clock.monotonic();
    const { end, record: begun } = await this.#runOnce(record, MAX_TRIES);
    if (end.kind === 'stopped') return await this.#keep({ ...record, state: 'waiting' });
    const ending = endingOf(end);
    if (ending === null) return await this.#keep({ ...begun, state: 'done', ending });
    await this.#keep({ ...begun, state: 'waiting', ending });
    const delayMs = delayAfter(begun.tries);
    if (delayMs === null) return await this.#giveUp({ ...begun, ending }, clock.monotonic() - startedAt);
    report({ name: 'hook-next-try', id, ending, at: clock.now() + delayMs });
    await wait(clock, delayMs, this.#stopped.signal);
  }

  /** Checks the path to the command, journals, runs. */
  async #runOnce(record: HookRecord, attempts: number): Promise<{ end: CommandEnd; record: HookRecord }> {
    const { hooks, clock, report, store } = this.#ports;
    const { id } = record;
    const { command, given } = await this.#checkCommand(record);
    const begun: HookRecord = { ...record, state: 'running', tries: record.tries + 1 };
    await hooks.begin(begun);
    this.#problem = null;
    this.#running = id;
    report({ name: 'hook-running', id, attempt: begun.tries, attempts });
    const startedAt = clock.monotonic();
    const end = await this.#commands
      .run(
        { path: command, arguments: given, environment: hookEnvironment(begun, store.jarPath(id)) },
        this.#limits(id),
      )
      .finally(() => {
        this.#running = null;
      });
    if (endingOf(end) === null) report({ name: 'hook-done', id, elapsed: clock.monotonic() - startedAt });
    return { end, record: begun };
  }

  #limits(id: string): CommandLimits {
    const { report } = this.#ports;
    return {
      limitMs: LIMIT_MS,
      graceMs: GRACE_MS,
      stopGraceMs: STOP_GRACE_MS,
      outputBytes: OUTPUT_BYTES,
      onLine: (stream, line) => report({ name: 'hook-output', id, stream, line }),
      onCut: () => report({ name: 'hook-output-cut', id, limit: OUTPUT_BYTES }),
      signal: this.#stopped.signal,
    };
  }

  /** @throws CodedError HOOK-IMPOSSIBLE, HOOK-UNSAFE */
  async #checkCommand({ id, trust }: HookRecord): Promise<{ command: string; given: readonly string[] }> {
    const { on_published: hook, hook_trust: hookTrust } = this.#ports.settings().updates;
    if (hook === undefined) throw coded('HOOK-IMPOSSIBLE', { id, reason: 'updates.on_published is not set' });
    const distrust = checkTrust(trust, hookTrust);
    if (distrust !== null) throw coded('HOOK-IMPOSSIBLE', { id, reason: distrust });
    const { command } = hook;
    const unsafe = await this.#checkCommandPath(command);
    if (unsafe !== null) throw coded('HOOK-UNSAFE', { ...unsafe, command });
    return { command, given: hook.arguments };
  }

  async #checkCommandPath(command: string): Promise<{ path: string; reason: string } | null> {
    try {
      return checkPath(await this.#commands.resolvePath(command), this.#commands.self);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      return { path: command, reason: `cannot be examined: ${code ?? 'unknown'}` };
    }
  }

  /** The receipt first: after a crash in between it is accepted again under the same key. */
  async #giveUp(record: HookRecord, elapsedMs: number): Promise<void> {
    const { id, tries, ending } = record;
    await acceptReceipt(this.#ports, { item: record, outcome: 'hook_failed', elapsedMs });
    await this.#keep({ ...record, state: 'failed' });
    const error = coded('HOOK-FAILED', { id, tries, ending });
    this.#failure = error;
    this.#ports.report({ name: 'hook-failed', id, error });
    this.#watch?.gaveUp();
  }

  /** The result of a run is effective even if it cannot be written now. */
  async #keep(record: HookRecord): Promise<void> {
    try {
      await this.#ports.hooks.record(record);
    } catch (thrown) {
      await this.#putOff(asCoded(thrown));
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      this.#stopped.signal.throwIfAborted();
      return await work();
    });
  }
}

function isOpen(state: HookRecord['state']): boolean {
  return state === 'waiting' || state === 'running';
}
