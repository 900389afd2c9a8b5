// The end that always comes: once a stop was asked for, the process is gone within a limit, whatever hangs: a connection
// that does not close, a write that a dead disk never answers.
//
// Guarantees: what was still at work is named (STOP-FORCED) before; the timer itself keeps no process alive. Relies on the
// event loop turning; where it does not, the service manager's own limit ends us. What it leaves is what a kill -9
// leaves, and every module can continue from that.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';

/** Under the 10 s that are promised, with a reserve for the last words. */
const LIMIT_MS = 9_000;

/** Somebody who knows what is at work, and can say a last word. */
export interface Witness {
  /** In words, such as `a round`; empty when nothing is. */
  still(): readonly string[];
  /** Called right before the end; must not wait. */
  lastWords(error: CodedError): void;
}

export interface LastResortOptions {
  readonly limitMs: number;
  /** Kinds of what keeps the process alive, as Node names them. */
  readonly resources: () => readonly string[];
  /** Ends the process; does not return, but in tests. */
  readonly end: (resources: readonly string[]) => void;
}

const REAL: LastResortOptions = { limitMs: LIMIT_MS, resources: () => process.getActiveResourcesInfo(), end: endNow };

/** Counts down from the moment that it is armed. */
export class LastResort {
  readonly #options: LastResortOptions;
  readonly #witnesses = new Set<Witness>();
  #armed = false;

  constructor(options: LastResortOptions = REAL) {
    this.#options = options;
  }

  /** Adds a witness; the function returned takes it away. */
  call(witness: Witness): () => void {
    this.#witnesses.add(witness);
    return () => void this.#witnesses.delete(witness);
  }

  /** From now on the process has so long; arming twice changes nothing. */
  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setTimeout(() => this.#force(), this.#options.limitMs).unref();
  }

  /** Has everybody say a last word, at once; one who cannot keeps nobody else from it. */
  notifyWitnesses(error: CodedError): void {
    for (const witness of this.#witnesses) {
      try {
        witness.lastWords(error);
      } catch {
        // The end is near, and nobody is left to hear of it.
      }
    }
  }

  #force(): void {
    const { limitMs, resources, end } = this.#options;
    const alive = resources();
    try {
      const named = [...this.#witnesses].flatMap((witness) => witness.still());
      this.notifyWitnesses(coded('STOP-FORCED', { limit: limitMs, still: named.length > 0 ? named : inWords(alive) }));
    } catch {
      // The end is what was promised.
    }
    end(alive);
  }
}

/**
 * Dies of a signal as if nobody had listened to it. Not `process.exit`: that waits for every thread of libuv's pool, so a
 * stuck write or name lookup would hold it for ever.
 */
export function dieOf(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void {
  if (signal !== 'SIGKILL') process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** With the exit status of the failure, where neither a thread nor a terminal that takes nothing can hold the process. */
function endNow(resources: readonly string[]): void {
  const isStuck = resources.includes('TTYWrap') || !resources.every((name) => HARMLESS.has(name));
  if (!isStuck) process.exit(EXIT_STATUS.system);
  dieOf('SIGKILL');
}

/** What stands for no thread of libuv's pool, with what it is to people. */
const HARMLESS: ReadonlyMap<string, string> = new Map([
  ['TCPSocketWrap', 'an open connection'],
  ['TCPConnectWrap', 'a connection attempt'],
  ['TCPServerWrap', 'a listening port'],
  ['TLSWrap', 'a TLS connection'],
  ['PipeWrap', 'a pipe'],
  ['PipeConnectWrap', 'a pipe'],
  ['PipeServerWrap', 'the control socket'],
  ['TTYWrap', 'the terminal'],
  ['ShutdownWrap', 'a closing connection'],
  ['WriteWrap', 'a send'],
  ['ProcessWrap', 'another process'],
  ['Timeout', 'a timer'],
  ['Immediate', 'a callback'],
]);

function inWords(resources: readonly string[]): string[] {
  const kinds = resources.map((name) => {
    if (name.startsWith('FSReq')) return 'a file operation';
    if (name.startsWith('GetAddrInfo')) return 'a name lookup';
    return HARMLESS.get(name) ?? 'an unnamed resource';
  });
  return [...new Set(kinds)];
}
