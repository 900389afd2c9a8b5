// How the console reads and changes the configuration: with the rights of its user, or through the change service. As
// the commands and the menu do, it uses the service only if this user cannot write the file and the service runs.
//
// Guarantees: a change is written only to the file with the digest that the page showed. It is written only after its
// test has passed, or if its user wants it anyway. This also works while the daemon is stopped, restarts, or has
// rejected the file.

import { askService, lookByService, needsService, type ServicePlace } from '#changes/client.ts';
import type { ChangeContext } from '#changes/context.ts';
import { type MadeChange, makeChange } from '#changes/make.ts';
import type { ProxyFacts } from '#changes/proxy/facts.ts';
import { tryChange } from '#changes/trial.ts';
import type { Change } from '#config/editing/apply-change.ts';
import { mayReplace } from '#config/editing/edit-file.ts';
import type { Problem } from '#config/problem.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import { explainSettings } from '#config/reading/show.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';
import { mergedRows, type ShownKey } from './shown-settings.ts';

/** What the process of the console has. */
export interface SavingParts extends Omit<ChangeContext, 'signal'> {
  /** The configuration file, absolute. */
  readonly file: string;
  /** The state folder of the daemon. */
  readonly stateDir: string;
  /** The socket of the change service that can write the file; null if there is none. */
  readonly changeSocket: string | null;
  readonly known: Redactor;
  /** Registers a typed secret for redaction. */
  keepSecret(value: Secret): void;
  /** Addresses of the default gateways of this host. */
  gateways(): Promise<readonly string[]>;
  /** Aborted when the process ends. */
  readonly signal: AbortSignal;
}

/** What writes the file for this user: this process, the change service, or neither. */
export type Writer = 'file' | 'service' | 'nobody';

/** The settings as this user can read them. */
export type ReadSettings =
  | {
      readonly state: 'read';
      /** Empty if this user cannot know the content of the file. */
      readonly digest: string;
      readonly keys: readonly ShownKey[];
      readonly warnings: readonly Problem[];
      /** The settings of the file; null if they come from the service or the daemon. */
      readonly loaded: LoadedSettings | null;
    }
  | { readonly state: 'refused'; readonly error: CodedError; readonly problems: readonly Problem[] }
  /** The PIN of the menu protects them. */
  | { readonly state: 'locked'; readonly isWrong: boolean };

/** One attempt to test, and to write, a change. */
export interface Attempt {
  readonly kind: 'try' | 'save';
  readonly change: Change;
  readonly digest: string;
  readonly windowMs: number;
  /** Written although its test failed. */
  readonly savesAnyway: boolean;
  /** Runs once the file is written. */
  readonly after: () => Promise<void>;
  /**
   * Runs before a write of this process, which can no longer be ended from then on. The service says only at its end
   * whether it wrote.
   */
  readonly onWrite: () => void;
  readonly onEvent: Report;
  readonly signal: AbortSignal;
}

export type AttemptResult =
  | { readonly state: 'refused'; readonly refused: RefusedSettings }
  | { readonly state: 'tested'; readonly verdict: ChangeVerdict }
  | { readonly state: 'made'; readonly made: MadeChange; readonly verdict: ChangeVerdict | null };

/** Decides again for each request: the service may have been stopped, and the file may have another mode. */
export async function writerOf({ files, file, changeSocket }: SavingParts): Promise<Writer> {
  if (await mayReplace(files, file)) return 'file';
  return changeSocket !== null && (await needsService({ socket: changeSocket, files }, file)) ? 'service' : 'nobody';
}

/** Reads the settings. @throws CodedError of the service and of the daemon */
export async function readShown(
  parts: SavingParts,
  writer: Writer,
  { pin, signal }: { readonly pin: string | null; readonly signal: AbortSignal },
): Promise<ReadSettings> {
  if (writer === 'service') return await readByService(parts, { pin, signal });
  const loaded = await parts.load();
  if (!loaded.ok) return await withoutFile(parts, loaded);
  return { state: 'read', digest: loaded.digest, keys: rowsOf(loaded, parts.known), warnings: loaded.warnings, loaded };
}

/** Every key of loaded settings, with secrets masked, as the daemon lists them. */
function rowsOf(loaded: LoadedSettings, known: Redactor): ShownKey[] {
  const rows = explainSettings(loaded).map(({ value, setBy, ...row }) => ({
    ...row,
    value: typeof value === 'object' && value !== null ? [...value] : value,
    set_by: setBy,
  }));
  return redactDeep(rows, known);
}

/** A user who cannot read the file sees the settings of the daemon, and an error of the file itself. */
async function withoutFile(parts: SavingParts, refused: RefusedSettings): Promise<ReadSettings> {
  const { error, problems } = refused;
  const isUnreadable = error.code === 'CONFIG-UNREADABLE' || error.code === 'CONFIG-FORBIDDEN';
  const keys = isUnreadable ? await activeRows(parts) : null;
  return keys === null
    ? { state: 'refused', error, problems }
    : { state: 'read', digest: '', keys, warnings: [], loaded: null };
}

async function activeRows({ findDaemon }: SavingParts): Promise<ShownKey[] | null> {
  const control = await findDaemon().catch(() => null);
  if (control === null) return null;
  try {
    return (await control.settings()).keys;
  } catch {
    return null;
  } finally {
    await control.close();
  }
}

async function readByService(
  parts: SavingParts,
  { pin, signal }: { readonly pin: string | null; readonly signal: AbortSignal },
): Promise<ReadSettings> {
  const { file, stateDir } = parts;
  try {
    const look = await lookByService(placeOf(parts), { file, stateDir }, { pin, signal });
    if (look.state === 'locked') return { state: 'locked', isWrong: look.is_wrong };
    const facts: ProxyFacts = look.facts;
    const keys = mergedRows(facts, (await activeRows(parts)) ?? []);
    return { state: 'read', digest: facts.digest, keys, warnings: [], loaded: null };
  } catch (thrown) {
    const error = asCoded(thrown);
    // A user who is not in sallyport-admin may still look.
    if (error.code === 'CONFIG-FORBIDDEN') {
      const keys = await activeRows(parts);
      if (keys !== null) return { state: 'read', digest: '', keys, warnings: [], loaded: null };
    }
    if (error.entry.class === 'config') return { state: 'refused', error, problems: [] };
    throw error;
  }
}

function placeOf({ changeSocket, files, clock }: SavingParts): ServicePlace {
  return { socket: changeSocket ?? '', files, clock };
}

/** Tests the change, and writes it. @throws CodedError of `askService`, `tryChange` and `makeChange` */
export async function attemptChange(parts: SavingParts, writer: Writer, how: Attempt): Promise<AttemptResult> {
  switch (writer) {
    case 'file':
      return await attemptHere(parts, how);
    case 'service':
      return await attemptByService(parts, how);
    case 'nobody':
      throw coded('CONFIG-FORBIDDEN', { file: parts.file, reason: 'EACCES' });
  }
}

async function attemptHere(parts: SavingParts, how: Attempt): Promise<AttemptResult> {
  const context: ChangeContext = { ...parts, signal: AbortSignal.any([how.signal, parts.signal]) };
  const loaded = await context.load();
  if (!loaded.ok) return { state: 'refused', refused: loaded };
  if (loaded.digest !== how.digest) throw coded('CONFIG-CHANGED', { file: loaded.file });
  const tested = how.savesAnyway ? null : await testHere(context, loaded, how);
  if (tested !== null && tested.state === 'refused') return tested;
  const verdict = tested?.verdict ?? null;
  if (how.kind === 'try' || verdict?.confirmed === false)
    return { state: 'tested', verdict: verdict ?? { confirmed: false, by: 'nobody', failure: null } };
  context.signal.throwIfAborted();
  how.onWrite();
  // The write and the wait for the daemon are not ended by a page, only by the end of this process.
  const made = await makeChange({ ...parts, signal: parts.signal }, loaded, { ...how.change, after: how.after });
  return made.state === 'refused' ? made : { state: 'made', made, verdict };
}

async function testHere(context: ChangeContext, loaded: LoadedSettings, how: Attempt) {
  const { change, windowMs, kind, onEvent } = how;
  const outcome = await tryChange(context, loaded, { change, windowMs, mayWait: kind === 'save', onEvent });
  if (outcome.state === 'broken' || outcome.state === 'interrupted') throw outcome.error;
  return outcome;
}

async function attemptByService(parts: SavingParts, how: Attempt): Promise<AttemptResult> {
  const { file, stateDir } = parts;
  const { kind, change, windowMs, savesAnyway, onEvent } = how;
  const outcome = await askService(
    placeOf(parts),
    { file, digest: how.digest, stateDir },
    {
      verb: kind === 'try' ? 'try' : 'apply',
      change,
      windowMs,
      waits: kind === 'save' && !savesAnyway,
      savesAnyway,
      onEvent,
      signal: AbortSignal.any([how.signal, parts.signal]),
    },
  );
  if (outcome.state === 'refused') return outcome;
  if (outcome.state === 'tried') return { state: 'tested', verdict: outcome.verdict };
  const { verdict, ...made } = outcome;
  await how.after();
  return { state: 'made', made, verdict };
}
