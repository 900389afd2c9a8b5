// Declares the requests that the control sockets accept (verbs). From one table of declarations, it derives the methods
// of `Control`, the handlers of the daemon, and the path, method and limits of each request.
//
// Guarantees: client and server read the same declaration, so the two ends of a verb cannot differ. Pure.

import * as z from 'zod/mini';
import type { Peer } from '#system/network/peer.ts';

/** What a caller may do. Each level includes the previous ones, and each has its own socket. */
export type Authority = 'look' | 'operate' | 'admin';
const LEVELS: readonly Authority[] = ['look', 'operate', 'admin'];

/** The header with the argument of a request whose body is bytes. */
export const REQUEST_HEADER = 'sallyport-request';

/** The largest request of a verb that does not say otherwise. */
const MAX_REQUEST_BYTES = 1_048_576;

/** An `answer` returns at once; `work` takes any amount of time and can be aborted. */
type Mode = 'answer' | 'work';

/** Bytes that follow a request. The handler reads them while they arrive, and each chunk before the next one. */
export type RequestBytes = AsyncIterable<Uint8Array>;

/** How the argument of a verb is sent. */
export interface RequestForm<Q> {
  /** The bytes of an argument that has some. They are not part of what `write` returns. */
  bytesOf?(request: Q): RequestBytes;
  /** @throws CodedError for an argument with an error that has its own code */
  read(
    raw: unknown,
    bytes: RequestBytes,
  ): { readonly ok: true; readonly request: Q } | { readonly ok: false; readonly field: string | null };
  write(request: Q): unknown;
}

/** How the events of a verb are sent; `read` gives null for an event that this version does not know. */
export interface EventForm<E> {
  read(raw: unknown): E | null;
  write(event: E): unknown;
}

/** One verb: everything that client, server, log and documentation know about it. */
export interface Verb<Q, R, E, M extends Mode = Mode> {
  readonly path: string;
  /** The authority that a caller needs. */
  readonly needs: Authority;
  /** Completes "Request to ..." in the log and "Only root may ..." in a refusal. */
  readonly does: string;
  /** Null for a verb without an argument. */
  readonly request: RequestForm<Q> | null;
  readonly result: z.core.$ZodType<R>;
  readonly events: EventForm<E> | null;
  readonly mode: M;
  readonly maxBytes: number;
  readonly more: More<Q> | null;
}
/** The requests of a verb that need more authority than its others, and what they do. */
interface More<Q> {
  applies(request: Q): boolean;
  readonly needs: Authority;
  readonly does: string;
}
export type AnyVerb = Verb<unknown, unknown, unknown>;
export type VerbTable = Readonly<Record<string, AnyVerb>>;

interface VerbDeclaration<Q, R> {
  readonly path: string;
  readonly needs: Authority;
  readonly does: string;
  readonly request?: RequestForm<Q>;
  readonly result: z.core.$ZodType<R>;
  readonly maxBytes?: number;
  readonly more?: More<Q>;
}

/** Declares a verb that is answered at once. */
export function answer<R, Q = undefined>(given: VerbDeclaration<Q, R>): Verb<Q, R, never, 'answer'> {
  return { ...filled(given), events: null, mode: 'answer' };
}

/** Declares a verb that takes time. */
export function work<R, Q = undefined, E = never>(
  given: VerbDeclaration<Q, R> & { readonly events?: EventForm<E> },
): Verb<Q, R, E, 'work'> {
  return { ...filled(given), events: given.events ?? null, mode: 'work' };
}

function filled<Q, R>(given: VerbDeclaration<Q, R>) {
  const { path, needs, does, request = null, result, maxBytes = MAX_REQUEST_BYTES, more = null } = given;
  return { path, needs, does, request, result, maxBytes, more };
}

/** An argument that is sent as it is. */
export function whole<Q>(schema: z.core.$ZodType<Q>): RequestForm<Q> {
  return { read: (raw) => parsed(schema, raw), write: (request) => request };
}

/** An argument in ASCII with bytes, which are sent as they are and never as a whole in memory. */
export function withBytes<Q extends object>(
  schema: z.core.$ZodType<Q>,
): RequestForm<Q & { readonly bytes: RequestBytes }> {
  return {
    bytesOf: ({ bytes }) => bytes,
    read: (raw, bytes) => {
      const read = parsed(schema, raw);
      return read.ok ? { ok: true, request: { ...read.request, bytes } } : read;
    },
    write: ({ bytes: _bytes, ...request }) => request,
  };
}

/** An argument that is sent as the only field of an object, so that fields can be added later. */
export function field<Q>(name: string, schema: z.core.$ZodType<Q>): RequestForm<Q> {
  const object = z.object({ [name]: schema });
  return {
    read: (raw) => {
      const read = parsed(object, raw);
      return read.ok ? { ok: true, request: read.request[name] as Q } : read;
    },
    write: (request) => ({ [name]: request }),
  };
}

function parsed<Q>(schema: z.core.$ZodType<Q>, raw: unknown): ReturnType<RequestForm<Q>['read']> {
  const { success, data, error } = z.safeParse(schema, raw);
  if (success) return { ok: true, request: data };
  // Field names are fixed by us, except those inside a record.
  const name = error.issues[0]?.path[0];
  return { ok: false, field: name === undefined ? null : String(name) };
}

/** Streams values of this schema. */
export function eventsOf<E>(schema: z.core.$ZodType<E>): EventForm<E> {
  return { read: (raw) => z.safeParse(schema, raw).data ?? null, write: (event) => event };
}

/** For a verb without a result. */
export const nothing: z.core.$ZodType<void> = z.pipe(
  z.null(),
  z.transform((): void => undefined),
);

/** Whether this authority is sufficient. */
export function isSufficient(has: Authority, needs: Authority): boolean {
  return LEVELS.indexOf(has) >= LEVELS.indexOf(needs);
}

/** A verb that only looks and has no argument can be read with a plain GET. */
export function methodOf({ needs, request, mode }: AnyVerb): 'GET' | 'POST' {
  return needs === 'look' && request === null && mode === 'answer' ? 'GET' : 'POST';
}

type Arguments<Q, E, M> = [
  ...([Q] extends [undefined] ? [] : [request: Q]),
  ...([E] extends [never] ? [] : [onEvent: (event: E) => void]),
  ...(M extends 'work' ? [signal: AbortSignal] : []),
];

/** The methods of a table. Each rejects with a CodedError. */
export type MethodsOf<T extends VerbTable> = {
  readonly [Name in keyof T]: T[Name] extends Verb<infer Q, infer R, infer E, infer M>
    ? (...given: Arguments<Q, E, M>) => Promise<R>
    : never;
} & {
  /** Releases the resources of this transport; the daemon keeps running. */
  close(): Promise<void>;
};

/** One call, over any transport. */
export interface Call<Q = unknown, E = unknown> {
  readonly request: Q;
  onEvent(event: E): void;
  readonly signal: AbortSignal;
}

/** Who calls. */
export interface Caller {
  readonly authority: Authority;
  /** The process, as the kernel identifies it. Null for this process, for verbs that only look, and if it is unknown. */
  readonly peer: Peer | null;
}

/** The daemon's handler for each verb of a table. */
export type HandlersOf<T extends VerbTable> = {
  readonly [Name in keyof T]: T[Name] extends Verb<infer Q, infer R, infer E>
    ? (call: Call<Q, E> & Caller) => Promise<R> | R
    : never;
};
type AnyHandler = (call: Call & Caller) => unknown;

/** Passes a call to its handler. */
export type Transport = (name: string, call: Call) => Promise<unknown>;

/** The methods of a table, called over a transport. */
export function methodsOf<T extends VerbTable>(verbs: T, carry: Transport, close: () => Promise<void>): MethodsOf<T> {
  const methods = Object.entries(verbs).map(([name, verb]) => [
    name,
    async (...given: unknown[]) => await carry(name, callOf(verb, given)),
  ]);
  return { ...Object.fromEntries(methods), close } as MethodsOf<T>;
}

const NEVER = new AbortController().signal;

function callOf({ request, events, mode }: AnyVerb, given: unknown[]): Call {
  const rest = [...given];
  return {
    request: request === null ? undefined : rest.shift(),
    onEvent: events === null ? () => undefined : (rest.shift() as Call['onEvent']),
    signal: mode === 'work' ? (rest.shift() as AbortSignal) : NEVER,
  };
}

/** Calls the handlers in this process. */
export function inProcess<T extends VerbTable>(handlers: HandlersOf<T>, authority: Authority): Transport {
  return async (name, call) => await handlerOf(handlers, name)({ ...call, authority, peer: null });
}

/** The handler of a name that comes from the same table. */
export function handlerOf<T extends VerbTable>(handlers: HandlersOf<T>, name: string): AnyHandler {
  return (handlers as Readonly<Record<string, AnyHandler>>)[name] as AnyHandler;
}
