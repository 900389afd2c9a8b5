// The form of a request that the console's process answers itself, in place of the daemon. Types, and two functions
// that keep the type of a request's schema.

import type { z } from 'zod';
import type { ChangeContext } from '#changes/context.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';

/** What the process knows, for all routes. */
export interface ConsoleContext {
  /** The context of one request, which `signal` ends. */
  changing(signal: AbortSignal): ChangeContext;
  /** The absolute path of the configuration file. */
  readonly file: string;
  readonly stateDir: string;
  /** Socket of the change service that can write this file; null if there is none. */
  readonly changeSocket: string | null;
  readonly known: Redactor;
  /** Registers a typed secret for redaction before anything is sent. */
  keepSecret(value: Secret): void;
  /** Ends with the process. */
  readonly signal: AbortSignal;
}

/** Answered at once, with JSON. */
export interface AnswerRoute {
  readonly kind: 'answer';
  readonly method: 'GET' | 'POST';
  /** Such as `/api/changes/try`. */
  readonly path: string;
  /** Null for a request without a body. */
  readonly request: z.ZodType | null;
  /** @throws CodedError, which becomes the answer */
  answer(request: unknown, signal: AbortSignal): Promise<unknown>;
}

/** Answered with numbered events and one result. */
export interface StreamRoute {
  readonly kind: 'stream';
  readonly path: string;
  readonly request: z.ZodType | null;
  /** Called before the response begins. @throws CodedError, which becomes the answer */
  readonly check?: ((request: unknown) => void) | undefined;
  /** @throws CodedError, which becomes the last line */
  stream(request: unknown, onEvent: (event: unknown) => void, signal: AbortSignal): Promise<unknown>;
}

export type ConsoleRoute = AnswerRoute | StreamRoute;

/** A route that answers at once. */
export function answerRoute<Q>(
  place: { readonly method: 'GET' | 'POST'; readonly path: string; readonly request: z.ZodType<Q> | null },
  answer: (request: Q, signal: AbortSignal) => Promise<unknown>,
): AnswerRoute {
  return { kind: 'answer', ...place, answer: (request, signal) => answer(request as Q, signal) };
}

/** A route that reports events. */
export function streamRoute<Q>(
  place: { readonly path: string; readonly request: z.ZodType<Q> | null; readonly check?: (request: unknown) => void },
  stream: (request: Q, onEvent: (event: unknown) => void, signal: AbortSignal) => Promise<unknown>,
): StreamRoute {
  return {
    kind: 'stream',
    ...place,
    stream: (request, onEvent, signal) => stream(request as Q, onEvent, signal),
  };
}
