// Hands documents to a running daemon over `submit.sock`.
//
// Guarantees: nothing is read from the source before the connection to a daemon is open. Nothing is sent to a socket
// whose owner does not run Sallyport on this host. The source is read only as fast as the daemon reads. If the
// connection is lost before the response, the failure says that the documents may or may not have been accepted.

import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import { validateSocketOwner } from '#control/socket-owner.ts';
import { type SocketPlace, socketPlace } from '#control/socket-place.ts';
import {
  type AcceptedDocuments,
  readAccepted,
  readRefused,
  SUBMIT_PATH,
  SUBMIT_TYPE,
  type WrongLines,
} from '#control/submit.ts';
import { type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import { onAbort } from '#system/abort.ts';
import type { Files } from '#system/files.ts';

/** 1,000 wrong lines with their reasons take less. */
const ANSWER_LIMIT_BYTES = 4_194_304;

/** The result of a submission: all documents were accepted, or none. */
export type Submitted =
  | { readonly ok: true; readonly accepted: AcceptedDocuments }
  | { readonly ok: false; readonly error: CodedError; readonly wrong: WrongLines };

export interface SubmitTarget {
  readonly path: string;
  readonly stateDir: string;
  /** The uid of the user who runs the command. */
  readonly self: number;
  readonly files: Pick<Files, 'facts' | 'realPath'>;
}

/** What is sent, and until when. */
export interface SubmissionSource {
  readonly source: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Called with the bytes that were sent so far. */
  onSent(bytes: number): void;
}

/**
 * Sends one submission; null when no daemon accepts documents there.
 * @throws CodedError CONTROL-UNREACHABLE, CONTROL-FOREIGN, SUBMIT-UNKNOWN; what the source throws
 */
export async function submitDocuments(target: SubmitTarget, sending: SubmissionSource): Promise<Submitted | null> {
  const { path, stateDir, self, files } = target;
  try {
    await validateSocketOwner({ path, stateDir, self }, files);
  } catch (thrown) {
    throw asUnreachable(path, thrown);
  }
  const place = placeOf(path);
  if (place === null) return null;
  try {
    const outgoing = await connect(path, place);
    return outgoing === null ? null : await exchange(path, outgoing, sending);
  } finally {
    place.release();
  }
}

/** Null when the folder of the socket does not exist. */
function placeOf(path: string): SocketPlace | null {
  try {
    return socketPlace(path);
  } catch (thrown) {
    const { facts } = thrown as CodedError;
    if (ABSENT.has(String(facts['errno']))) return null;
    throw asUnreachable(path, thrown);
  }
}

/** The request over an open connection; null when no process listens there. */
async function connect(path: string, { address }: SocketPlace): Promise<ClientRequest | null> {
  const headers = { 'content-type': SUBMIT_TYPE, 'transfer-encoding': 'chunked' };
  // Without an agent, which would first find out whether the name of this host is an IP address. That takes 10 ms.
  const openSocket = () => createConnection({ path: address });
  const outgoing = request({ method: 'POST', path: SUBMIT_PATH, headers, createConnection: openSocket });
  // Each failure is reported where it is awaited.
  outgoing.on('error', () => undefined);
  outgoing.flushHeaders();
  try {
    const [socket] = (await once(outgoing, 'socket')) as [NodeJS.EventEmitter & { readonly connecting: boolean }];
    if (socket.connecting) await Promise.race([once(socket, 'connect'), once(outgoing, 'close')]);
    return outgoing;
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    outgoing.destroy();
    if (ABSENT.has(code ?? '')) return null;
    const reason = code ?? message;
    throw exhaustion(thrown, `connect to ${path}`) ?? coded('CONTROL-UNREACHABLE', { path, reason }, thrown);
  }
}

async function exchange(path: string, outgoing: ClientRequest, sending: SubmissionSource): Promise<Submitted> {
  const { signal } = sending;
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.once('close', () => reject(new Error('the connection was closed')));
  });
  // It is awaited after the body was sent.
  answered.catch(() => undefined);
  const stopListening = onAbort(signal, () => outgoing.destroy());
  try {
    await sendBody(outgoing, answered, sending);
    return await readAnswer(path, await orLost(path, answered));
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  } finally {
    stopListening();
    outgoing.destroy();
  }
}

/** Sends the source until its end, or until the daemon answers. @throws what the source throws */
async function sendBody(
  outgoing: ClientRequest,
  answered: Promise<IncomingMessage>,
  { source, onSent }: SubmissionSource,
): Promise<void> {
  let isOver = false;
  const over = answered.then(
    () => undefined,
    () => undefined,
  );
  void over.then(() => {
    isOver = true;
  });
  let bytes = 0;
  for await (const chunk of source) {
    if (isOver) break;
    // The source uses its buffer again for the next chunk.
    await Promise.race([over, new Promise((passedOn) => outgoing.write(chunk, passedOn))]);
    bytes += chunk.length;
    onSent(bytes);
  }
  outgoing.end();
}

async function readAnswer(path: string, response: IncomingMessage): Promise<Submitted> {
  const text = await orLost(path, textOf(response));
  if (response.statusCode === 200) return { ok: true, accepted: parseAs(path, readAccepted, text) };
  const { error, wrong, wrong_count } = parseAs(path, readRefused, text);
  if (typeof error === 'string') throw coded('CONTROL-UNREACHABLE', { path, reason: OTHER_PROGRAM });
  const { reviveError } = await import('#control/wire-error.ts');
  return { ok: false, error: reviveError(error), wrong: { wrong, wrong_count } };
}

const OTHER_PROGRAM = 'the program that listens there does not accept documents';
/** No process listens there. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > ANSWER_LIMIT_BYTES) throw new Error('the response is too large');
  }
  return text;
}

function parseAs<T>(path: string, read: (value: unknown) => T, text: string): T {
  try {
    return read(JSON.parse(text));
  } catch (thrown) {
    throw coded('CONTROL-UNREACHABLE', { path, reason: OTHER_PROGRAM }, thrown);
  }
}

/** The connection was lost after the documents may have been accepted. */
async function orLost<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw coded('SUBMIT-UNKNOWN', { path, reason: (thrown as Error).message }, thrown);
  }
}

function asUnreachable(path: string, thrown: unknown): unknown {
  const { code, facts } = thrown as CodedError;
  if (code !== 'FILE-FAILED') return thrown;
  return coded('CONTROL-UNREACHABLE', { path, reason: String(facts['errno'] ?? facts['reason']) }, thrown);
}
