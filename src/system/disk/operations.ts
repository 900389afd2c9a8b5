// Runs disk operations of the real disk. Short ones run in the main thread. Every failure is a coded error
// (FILE-FAILED, DISK-FULL, or a code for a used-up resource) with `errno` as a fact.

import { setImmediate } from 'node:timers';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { getSystemErrorMessage } from 'node:util';
import { CodedError, coded, exhaustion } from '#errors/coded-error.ts';

/** The disk or our quota is full. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];
/** Operations before other tasks run: about 1 ms. */
const OPERATIONS_A_TURN = 64;

let operations = 0;

/**
 * Runs an operation in this thread: that takes about 10 µs, and another thread costs 50 µs of CPU time. After many of
 * them, other tasks run first.
 */
export async function promptly<T>(operation: () => T): Promise<T> {
  while (operations >= OPERATIONS_A_TURN) await yieldToLoop();
  if (operations === 0) {
    setImmediate(() => {
      operations = 0;
    });
  }
  operations += 1;
  return operation();
}

/** Runs an operation; the operation and the path are named in its failure. */
export async function attempt(operation: string, path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    throw failure(operation, path, thrown);
  }
}

/** The coded error of a failed operation. */
export function failure(operation: string, path: string, thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const exhausted = exhaustion(thrown, `${operation} ${path}`);
  if (exhausted !== null) return exhausted;
  const errno = errnoOf(thrown);
  const facts = { operation, path, reason: reasonOf(thrown, errno), errno };
  return FULL.includes(errno) ? coded('DISK-FULL', facts, thrown) : coded('FILE-FAILED', facts, thrown);
}

/** `ENOENT: no such file or directory`, without the path, which the sentence already has. */
function reasonOf(thrown: unknown, errno: string): string {
  const number = (thrown as { errno?: unknown } | null)?.errno;
  if (typeof number === 'number') return `${errno}: ${getSystemErrorMessage(number) ?? 'unknown'}`;
  return thrown instanceof Error ? `${errno}: ${thrown.message}` : errno;
}

/** Such as `ENOENT`. */
export function errnoOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'EUNKNOWN';
}
