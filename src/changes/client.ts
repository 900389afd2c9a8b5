// The client of the change service, which tries or makes changes for users who cannot write the configuration.
//
// Guarantees: nothing is sent to a socket unless root or this user created it. The result is a response that matches
// the schema, or a coded error. An abort ends the trial, but the service still says whether it had already written the
// change: the error is CANCELLED only if nothing was written.

import { connect, type Socket } from 'node:net';
import type { Change } from '#config/editing/apply-change.ts';
import { parsePath } from '#config/editing/edit.ts';
import { mayReplace } from '#config/editing/edit-file.ts';
import type { Problem } from '#config/problem.ts';
import type { RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { validateSocketOwner } from '#control/socket-owner.ts';
import { reviveEvent } from '#control/wire.ts';
import { reviveError } from '#control/wire-error.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { linesFrom } from './lines.ts';
import type { MadeChange } from './make.ts';
import { type Activated, activatedSchema } from './proxy/outcome.ts';
import {
  type AnyRequest,
  answerSchema,
  DEFAULT_WINDOW_MS,
  type LookAnswer,
  type LookRequest,
  lookAnswerSchema,
  type ServiceAnswer,
  type ServiceRequest,
} from './request.ts';

/** The socket of the service, with the files and clock that the client uses. */
export interface ServicePlace {
  readonly socket: string;
  readonly files: Files;
  readonly clock: Clock;
}

export interface ServiceChange {
  readonly verb: ServiceRequest['verb'];
  readonly change: Change;
  /** Time limit of the trial in milliseconds. */
  readonly windowMs?: number | undefined;
  /** Whether a failed test waits for a person to confirm the change. */
  readonly waits: boolean;
  /** Whether the change is written although its test failed. */
  readonly savesAnyway?: boolean | undefined;
  readonly onEvent: Report;
  readonly signal: AbortSignal;
}

/** The result of a request. */
export type ServiceOutcome =
  | { readonly state: 'refused'; readonly refused: RefusedSettings }
  /** The change was tried and nothing was written. */
  | { readonly state: 'tried'; readonly verdict: ChangeVerdict }
  | (MadeChange & { readonly verdict: ChangeVerdict });

/** Time beyond the trial for the service to write the file and to wait for the daemon. */
const RESERVE_MS = 60_000;
/** An activation is one request of the daemon, which has its own deadlines. */
const ACTIVATION_MS = 600_000;
/** Time for the service to answer after an abort. It may have begun to write, and wait up to 15 s for the daemon. */
const AFTER_ABORT_MS = 20_000;
const STOPPED = 'it stopped before it sent a response';
const OTHER_VERSION = 'its version differs from that of this command';

/** Whether the service has to change this file: this user may not write it, and the service has a socket. */
export async function needsService({ socket, files }: Omit<ServicePlace, 'clock'>, file: string): Promise<boolean> {
  if (await mayReplace(files, file)) return false;
  const facts = await files.facts(socket).catch(() => null);
  return facts?.kind === 'socket';
}

/** The daemon's state folder, whose owner may also own the socket. */
export interface ServiceTarget {
  /** The configuration file, for the error if this user may not use the service. */
  readonly file: string;
  readonly stateDir: string;
}

/** The content that a change is made for. */
interface ChangedContent extends ServiceTarget {
  readonly digest: string;
}

/**
 * Has the service try or make the change.
 * @throws CodedError CONFIG-FORBIDDEN if this user may not use it, CHANGE-UNREACHABLE, CONTROL-FOREIGN, and the errors
 * that
 * the service returns, such as KEY-AUTHORITY and CHANGE-UNTRIED
 */
export async function askService(
  place: ServicePlace,
  content: ChangedContent,
  change: ServiceChange,
): Promise<ServiceOutcome> {
  const request = requestOf(content, change);
  const { signal, onEvent } = change;
  const limitMs = request.window_ms + RESERVE_MS;
  return outcomeOf(place.socket, await exchange(place, content, { request, limitMs, signal, onEvent }));
}

/** What a menu shows. If the configuration is not valid, its error is thrown instead. */
export type ProxyLook = Exclude<LookAnswer, { readonly state: 'refused' }>;

/**
 * Asks the service for what a menu shows. @throws CodedError as `askService`, and the error of a configuration that is
 * not valid
 */
export async function lookByService(
  place: ServicePlace,
  target: ServiceTarget,
  { pin, signal }: { readonly pin: string | null; readonly signal: AbortSignal },
): Promise<ProxyLook> {
  const request: LookRequest = { verb: 'look', pin };
  const raw = await exchange(place, target, { request, limitMs: RESERVE_MS, signal, onEvent: () => undefined });
  const parsed = lookAnswerSchema.safeParse(raw);
  if (!parsed.success) throw coded('CHANGE-UNREACHABLE', { path: place.socket, reason: OTHER_VERSION });
  if (parsed.data.state === 'refused') throw reviveError(parsed.data.error);
  return parsed.data;
}

/** Has the service activate this host. @throws CodedError as `askService`, and LICENSE-KEY */
export async function activateByService(
  place: ServicePlace,
  target: ServiceTarget,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<Activated> {
  const request = { verb: 'activate', key } as const;
  const raw = await exchange(place, target, { request, limitMs: ACTIVATION_MS, signal, onEvent: () => undefined });
  const parsed = activatedSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw coded('CHANGE-UNREACHABLE', { path: place.socket, reason: OTHER_VERSION });
}

interface Exchange {
  readonly request: AnyRequest;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly onEvent: Report;
}

/** Sends one request. Returns the result, which is not checked yet. @throws CodedError CANCELLED if nothing was done */
async function exchange(
  { socket: path, files, clock }: ServicePlace,
  { file, stateDir }: ServiceTarget,
  { request, limitMs, signal, onEvent }: Exchange,
): Promise<unknown> {
  await validateSocketOwner({ path, stateDir, self: files.self }, files);
  const broken = (reason: string) => coded('CHANGE-UNREACHABLE', { path, reason });
  const socket = await open(path, file);
  const destroyAfter = (ms: number) => clock.after(ms, () => socket.destroy(), 'the change service');
  const timers = [destroyAfter(limitMs)];
  const stopListening = onAbort(signal, () => {
    // The end of our side tells the service that its caller has left. The answer can still be received.
    socket.end();
    timers.push(destroyAfter(request.verb === 'look' ? 0 : AFTER_ABORT_MS));
  });
  const cancelled = (cause: unknown) => coded('CANCELLED', { reason: 'the trial was interrupted' }, cause);
  try {
    if (signal.aborted) throw cancelled(signal.reason);
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const value of linesFrom(socket, broken)) {
      const { event, result, error } = (value ?? {}) as { event?: unknown; result?: unknown; error?: unknown };
      if (error !== undefined) throw signal.aborted ? cancelled(reviveError(error)) : reviveError(error);
      if (result !== undefined) return result;
      const known = reviveEvent(event);
      if (known !== null) onEvent(known);
    }
    throw broken(STOPPED);
  } catch (thrown) {
    throw thrown instanceof CodedError ? thrown : broken(STOPPED);
  } finally {
    stopListening();
    for (const timer of timers) timer.cancel();
    socket.destroy();
  }
}

function requestOf(
  { digest }: ChangedContent,
  { verb, change, windowMs, waits, savesAnyway }: ServiceChange,
): ServiceRequest {
  const { edits, secret } = change;
  return {
    verb,
    digest,
    edits: edits.map((edit) => ({ ...edit, path: [...parsePath(edit.path)] })) as ServiceRequest['edits'],
    secret: secret === undefined ? null : { path: [...secret.path], value: secret.value.reveal() },
    window_ms: windowMs ?? DEFAULT_WINDOW_MS,
    waits,
    ...(savesAnyway === true ? { saves_anyway: true } : {}),
  };
}

function open(path: string, file: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const onError = (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message;
      // The same error as without the service: this user may not change the file.
      const isForbidden = reason === 'EACCES' || reason === 'EPERM';
      reject(
        isForbidden
          ? coded('CONFIG-FORBIDDEN', { file, reason }, error)
          : coded('CHANGE-UNREACHABLE', { path, reason }, error),
      );
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      // A later error ends `linesFrom`, so it needs no handling here.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function outcomeOf(path: string, raw: unknown): ServiceOutcome {
  const parsed = answerSchema.safeParse(raw);
  if (!parsed.success) throw coded('CHANGE-UNREACHABLE', { path, reason: OTHER_VERSION });
  const answer: ServiceAnswer = parsed.data;
  if (answer.state === 'tried') return answer;
  if (answer.state === 'refused') {
    const problems = answer.problems as readonly Problem[];
    return {
      state: 'refused',
      refused: { ok: false, error: reviveError(answer.error), problems, files: [], daemon: null },
    };
  }
  const { daemon, ...rest } = answer;
  return {
    ...rest,
    warnings: rest.warnings as readonly Problem[],
    daemon: daemon === null ? null : daemonOutcomeOf(daemon),
  };
}

function daemonOutcomeOf({
  taken,
  refusal,
  unreachable: error,
}: NonNullable<MadeAnswer['daemon']>): MadeChange['daemon'] {
  return {
    taken,
    ...(refusal === undefined ? {} : { refusal }),
    ...(error === undefined ? {} : { unreachable: reviveError(error) }),
  };
}

type MadeAnswer = Extract<ServiceAnswer, { state: 'made' }>;
