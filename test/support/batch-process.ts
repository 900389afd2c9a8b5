// Runs commands of the program in a separate process that the test starts and ends (`batch.ts`).

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { FourPurposes } from './four-purposes.ts';
import type { RanHere } from './run-here.ts';
import type { SocketRequest, SocketResult } from './socket-request.ts';

export class BatchProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** Commands run one after another, also those that a test requests at the same time. */
  #last: Promise<unknown> = Promise.resolve();

  /** `command` starts Node with `builtBatch()`. */
  constructor([program, ...args]: readonly [string, ...string[]], env: NodeJS.ProcessEnv) {
    this.#child = spawn(program, args, { cwd: '/', env, stdio: ['pipe', 'pipe', 'inherit'] });
    const output = this.#child.stdout;
    if (output === null) throw new Error('the process has no pipe');
    this.#lines = createInterface({ input: output })[Symbol.asyncIterator]();
  }

  /** Runs a command to its end; `environment` is its whole environment. */
  run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<RanHere> {
    return this.#do({ args, environment }) as Promise<RanHere>;
  }

  /** Sends a request to a control socket. */
  send(request: SocketRequest): Promise<SocketResult> {
    return this.#do(request) as Promise<SocketResult>;
  }

  /** Sends requests for all four purposes; the process keeps the lock of the state folder until it is closed. */
  reachForAll(request: FourPurposes): Promise<string[]> {
    return this.#do(request) as Promise<string[]>;
  }

  #do(what: object): Promise<unknown> {
    const text = JSON.stringify(what);
    const result = this.#last.then(async () => {
      this.#child.stdin?.write(`${text}\n`);
      const { done, value } = await this.#lines.next();
      if (done === true) throw new Error(`the process ended during: ${text}`);
      return JSON.parse(value) as unknown;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Kills the process with SIGKILL. */
  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.kill('SIGKILL')) await gone;
  }
}
