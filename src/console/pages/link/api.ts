// Requests of the page to the console: verbs, streams and the exchange of the key for a token.
//
// Guarantees: the token is sent in a header only. A failure is always a `ConsoleRefusal`, also when the console cannot be
// reached or its response is not JSON. Closing a stream ends the work behind it.

import type {
  ErrorAnswer,
  KeyAnswer,
  KeyRequest,
  PageStream,
  PageVerb,
  StreamEvent,
  StreamLine,
  VerbAnswer,
  VerbRequest,
  VerbResult,
} from '#console/wire.ts';

const TOKEN = 'sallyport-token';

/** A failure, as the console sends it. `status` is 0 if no response arrived. */
export interface ConsoleRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly check: string;
  readonly hop: string | null;
  /** The body of the response, for refusals that have more than this. */
  readonly body: unknown;
}

class RefusedRequest extends Error {
  readonly refusal: ConsoleRefusal;

  constructor(refusal: ConsoleRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** What to show for anything that was thrown. */
export function consoleRefusalOf(thrown: unknown): ConsoleRefusal {
  if (thrown instanceof RefusedRequest) return thrown.refusal;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return unreachable(reason);
}

/** Whether the page itself ended the request. */
export function isAborted(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError';
}

function unreachable(reason: string): ConsoleRefusal {
  return {
    status: 0,
    code: 'CONSOLE-DISCONNECTED',
    message: `The console does not answer (${reason}).`,
    check: 'Check that `sallyport console` still runs and, with ssh, that its connection is still open.',
    hop: null,
    body: null,
  };
}

/** Whether this tab has a token. It can be out of date. */
export function hasToken(): boolean {
  return localStorage.getItem(TOKEN) !== null;
}

/** Exchanges the key of a link for a token. @throws RefusedRequest */
export async function redeemKey(key: string): Promise<void> {
  const sent: KeyRequest = { key };
  const response = await request('/api/key', { body: JSON.stringify(sent), token: null });
  const { token } = (await bodyOf(response)) as KeyAnswer;
  localStorage.setItem(TOKEN, token);
}

export function forgetToken(): void {
  localStorage.removeItem(TOKEN);
}

/** @throws RefusedRequest */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await bodyOf(await request(path, { signal }))) as T;
}

/** @throws RefusedRequest */
export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await bodyOf(await request(path, { body: JSON.stringify(body), signal }))) as T;
}

/** Nothing, for a verb without an argument. */
type ArgumentOf<Name extends PageVerb | PageStream> = [VerbRequest<Name>] extends [undefined]
  ? []
  : [argument: VerbRequest<Name>];

/** Calls a verb. @throws RefusedRequest */
export async function callVerb<Name extends PageVerb>(
  name: Name,
  signal: AbortSignal | null,
  ...argument: ArgumentOf<Name>
): Promise<VerbResult<Name>> {
  const body = argumentIn(argument);
  const answer = await postJson<VerbAnswer<VerbResult<Name>>>(`/api/verbs/${name}`, body, signal ?? undefined);
  return answer.result;
}

function argumentIn(given: readonly unknown[]): unknown {
  return given.length === 0 ? {} : given[0];
}

export interface StreamHandlers<Event> {
  onEvent(event: Event): void;
  /** The number of events that the console left out, because they came too fast. */
  onSkipped?(count: number): void;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

/** Runs a verb that takes time until it ends, and returns its result. @throws RefusedRequest */
export async function streamVerb<Name extends PageStream>(
  name: Name,
  handlers: StreamHandlers<StreamEvent<Name>>,
  ...argument: ArgumentOf<Name>
): Promise<VerbResult<Name>> {
  return await openStream<StreamEvent<Name>, VerbResult<Name>>(`/api/streams/${name}`, argumentIn(argument), handlers);
}

/** The same for a stream of the console itself. @throws RefusedRequest */
export async function openStream<Event, Result>(
  path: string,
  body: unknown,
  { onEvent, onSkipped = () => undefined, signal }: StreamHandlers<Event>,
): Promise<Result> {
  const response = await request(path, { body: JSON.stringify(body), signal });
  if (!response.ok) await bodyOf(response);
  for await (const line of linesOf<StreamLine<Event, Result>>(response)) {
    if ('error' in line) throw new RefusedRequest(readFailure(200, line));
    if ('result' in line) return line.result;
    if ('skipped' in line) onSkipped(line.skipped);
    else onEvent(line.event);
  }
  throw new RefusedRequest(unreachable('the stream ended early'));
}

async function* linesOf<Line>(response: Response): AsyncGenerator<Line> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const chunk = await reader?.read().catch((thrown: unknown) => {
      if (isAborted(thrown)) throw thrown;
      throw new RefusedRequest(unreachable(String(thrown)));
    });
    if (chunk === undefined || chunk.done) return;
    const lines = `${rest}${chunk.value}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Line;
  }
}

interface SentRequest {
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  readonly token?: null;
}

async function request(path: string, { body, signal, token }: SentRequest): Promise<Response> {
  const headers: Record<string, string> = {};
  const known = localStorage.getItem(TOKEN);
  if (token !== null && known !== null) headers['authorization'] = `Bearer ${known}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
  } catch (thrown) {
    if (isAborted(thrown)) throw thrown;
    throw new RefusedRequest(unreachable(thrown instanceof Error ? thrown.message : String(thrown)));
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    if (response.ok) throw new RefusedRequest(unreachable('its response is not JSON'));
  }
  if (!response.ok) throw new RefusedRequest(readFailure(response.status, body));
  return body;
}

function readFailure(status: number, body: unknown): ConsoleRefusal {
  const { error } = (body ?? {}) as Partial<ErrorAnswer>;
  return {
    status,
    code: error?.code ?? 'CONSOLE-RESPONSE',
    message: error?.message ?? `The console answered with status ${status}.`,
    check: error?.check ?? '',
    hop: error?.hop ?? null,
    body,
  };
}
