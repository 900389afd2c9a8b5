// The change service: changes the configuration for members of a group that cannot write the file. It runs as root.
// systemd starts one process for each connection (systemd/sallyport-change.socket).
//
// Guarantees: only keys that an admin may set are changed. A secret is used in a new way only if the request contains
// it. The file is written only after the daemon has tested exactly this content. If the test fails, it is written only
// if the request says so. If the caller disconnects before the write, nothing changes. A crash leaves the old or the
// new file. The mode of the socket decides who may connect, and SO_PEERCRED identifies the caller.

import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Change } from '#config/editing/apply-change.ts';
import { readConfigText } from '#config/editing/edit-file.ts';
import type { LoadedSettings, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import { wireEvent } from '#control/wire.ts';
import { wireError } from '#control/wire-error.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { Peer } from '#system/network/peer.ts';
import { exposedAbove, requireOwnFolder } from '#system/own-folder.ts';
import { processWords } from '#system/process/environment.ts';
import { isInstalled } from '#system/process/installed.ts';
import type { DaemonOutcome } from './daemon-outcome.ts';
import { LineSocket } from './lines.ts';
import { answerActivate, answerLook } from './look.ts';
import { makeChange } from './make.ts';
import { editedKeys, MAX_REQUEST_BYTES, parseRequest, type ServiceAnswer, type ServiceRequest } from './request.ts';
import { changeOf, givenKeys, requireKept, requireTried } from './requirements.ts';
import { tryChange } from './trial.ts';

export interface ServiceParts {
  readonly files: Files;
  readonly clock: Clock;
  /** The configuration file, absolute. */
  readonly file: string;
  load(text?: string): Promise<LoadResult>;
  /** The daemon of this file; null if none runs. */
  findDaemon(): Promise<Control | null>;
  /** Registers a secret of the request for redaction. */
  keepSecret(value: Secret): void;
  readonly known: Redactor;
  readonly report: Report;
  /** The user at the other end; null if the kernel does not report it. */
  peerOf(socket: Socket): Promise<Peer | null>;
  /** Aborted when this process has to end. */
  readonly signal: AbortSignal;
  /** Time limit in milliseconds to receive the request, and another one to send the response. */
  readonly limitMs?: number;
  /** Whether this host could send Kerberos tickets. Default: whether the package is installed. */
  hasKerberos?(): boolean;
}

const LIMIT_MS = 10_000;
/** Maximum number of errors, and of warnings, in a response. */
const MAX_PROBLEMS = 100;

/** Answers the request of this connection and closes it. Never throws because of what the caller sends. */
export async function serveChange(socket: Socket, parts: ServiceParts): Promise<void> {
  const { clock, known, report, limitMs = LIMIT_MS } = parts;
  const lines = new LineSocket(socket);
  const send = (value: unknown) => lines.send(redactDeep(value, known));
  const line = lines.readLine({ bytes: MAX_REQUEST_BYTES, ms: limitMs }, clock);
  // It may fail before it is awaited, while `peerOf` runs.
  line.catch(() => undefined);
  let requester = 'an unknown user';
  try {
    const peer = await parts.peerOf(socket);
    if (peer === null) throw coded('CHANGE-REQUEST', { reason: 'the kernel did not report who sent it' });
    requester = processWords(peer);
    const request = parseRequest(await line);
    if (request.verb === 'activate') {
      report({ name: 'activation-requested', what: 'with a key', by: requester });
      send({ result: await answerActivate(request.key, parts, AbortSignal.any([lines.gone, parts.signal])) });
      return;
    }
    if (request.verb === 'look') {
      send({ result: await answerLook(request, { ...parts, requester }) });
      return;
    }
    const keys = editedKeys(request);
    report({ name: 'change-requested', verb: request.verb, who: requester, keys });
    const signal = AbortSignal.any([lines.gone, parts.signal]);
    const serving = { ...parts, requester, signal, stopping: parts.signal };
    const answer = await answerRequest(request, serving, (event) => send({ event: wireEvent(event) }));
    if (answer.state === 'made' && answer.changed) report({ name: 'change-made', who: requester, keys });
    send({ result: answer });
  } catch (thrown) {
    const error = asCoded(thrown);
    report({ name: 'change-not-made', who: requester, error });
    send({ error: wireError(error) });
  } finally {
    await lines.close(clock, limitMs);
  }
}

interface Serving extends ServiceParts {
  readonly requester: string;
  /** Aborted when the process has to end, but not when the caller leaves. */
  readonly stopping: AbortSignal;
}

async function answerRequest(request: ServiceRequest, serving: Serving, onEvent: Report): Promise<ServiceAnswer> {
  const { file, files } = serving;
  await requireSafePlace(serving);
  const loaded = await serving.load();
  if (!loaded.ok) return refusal(loaded);
  const { text, digest } = await readConfigText(files, file);
  if (digest !== request.digest || digest !== loaded.digest) throw coded('CONFIG-CHANGED', { file });
  const change = changeOf(request, text);
  if (change.secret !== undefined) serving.keepSecret(change.secret.value);
  const allowed = { serving, loaded, change };
  const tried = await tryRequest(request, { ...allowed, given: givenKeys(request, text), onEvent });
  if (tried.state === 'refused') return refusal(tried.refused);
  const { verdict } = tried;
  const isWritten = request.verb === 'apply' && (verdict.confirmed || request.saves_anyway === true);
  if (!isWritten) return { state: 'tried', verdict };
  serving.signal.throwIfAborted();
  const made = await writeTried(tried.text, allowed);
  if (made.state === 'refused') return refusal(made.refused);
  const { daemon, removed, kept, warnings, ...rest } = made;
  return {
    ...rest,
    verdict,
    removed: [...removed],
    kept: [...kept],
    warnings: warnings.slice(0, MAX_PROBLEMS),
    daemon: daemon === null ? null : wireDaemonOutcome(daemon),
  };
}

function wireDaemonOutcome({ taken, refusal, unreachable }: DaemonOutcome) {
  return {
    taken,
    ...(refusal === undefined ? {} : { refusal }),
    ...(unreachable === undefined ? {} : { unreachable: wireError(unreachable) }),
  };
}

interface Allowed {
  readonly serving: Serving;
  readonly loaded: LoadedSettings;
  readonly change: Change;
}

async function tryRequest(
  request: ServiceRequest,
  { serving, loaded, change, given, onEvent }: Allowed & { given: ReadonlySet<string>; onEvent: Report },
) {
  let text = '';
  const context = {
    ...serving,
    load: async (candidate?: string) => {
      const result = await serving.load(candidate);
      if (result.ok)
        requireKept(loaded, result, { given, hasKerberos: serving.hasKerberos?.() ?? isInstalled('kerberos') });
      text = candidate ?? '';
      return result;
    },
    openControl: () => Promise.reject(coded('CHANGE-UNTRIED', {})),
  };
  const options = { windowMs: request.window_ms, mayWait: request.waits, secrets: 'in_force', onEvent } as const;
  const outcome = await tryChange(context, loaded, { change, ...options });
  if (outcome.state === 'broken' || outcome.state === 'interrupted') throw outcome.error;
  return outcome.state === 'refused' ? outcome : { ...outcome, text };
}

/** After the write, the old password is removed even if the caller leaves. */
async function writeTried(tried: string, { serving, loaded, change }: Allowed) {
  const { file, stopping } = serving;
  const context = {
    ...serving,
    signal: stopping,
    load: async (written?: string) => {
      requireTried(tried, written ?? '', { file, change });
      return await serving.load(written);
    },
    openControl: () => Promise.reject(coded('CHANGE-UNTRIED', {})),
  };
  return await makeChange(context, loaded, change);
}

/** Another user must not be able to redirect root to another file. @throws CodedError FILE-SYMLINK, FOLDER-UNSAFE */
async function requireSafePlace({ file, files }: ServiceParts): Promise<void> {
  const folder = dirname(file);
  if ((await files.facts(file))?.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path: file });
  const what = 'the folder of the configuration';
  await requireOwnFolder(files, folder, { what });
  const [exposed] = await exposedAbove(files, folder);
  if (exposed === undefined) return;
  const { path, reason, owner, mode } = exposed;
  const command = `chown root ${path} && chmod go-w ${path}`;
  throw coded('FOLDER-UNSAFE', { path, what: `above ${folder}`, reason, owner, mode, command });
}

function refusal({ error, problems }: RefusedSettings): ServiceAnswer {
  return { state: 'refused', error: wireError(error), problems: problems.slice(0, MAX_PROBLEMS) };
}
