// A reference platform for tests of agents: the origin of `src/origin` with its link to agents. Its port stays the same
// when it is restarted or killed.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlatformFaults } from '#origin/platform/link/faults.ts';
import type { AgentRecord } from '#origin/platform/link/fleet.ts';
import type { PushedCommand } from '#origin/platform/link/wire.ts';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';

export class PlatformRig {
  /** The served folder; `received/platform` has the state of the platform. */
  readonly dir: string;
  readonly #options: Partial<OriginOptions>;
  #origin: Origin;
  #port: number;
  #isRunning = true;

  private constructor(dir: string, options: Partial<OriginOptions>, origin: Origin) {
    this.dir = dir;
    this.#options = options;
    this.#origin = origin;
    this.#port = Number(new URL(origin.url).port);
  }

  static async start(options: Partial<OriginOptions> = {}): Promise<PlatformRig> {
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'sallyport-platform-')));
    return new PlatformRig(dir, options, await startOrigin({ ...options, dir }));
  }

  /** The running server. */
  get origin(): Origin {
    return this.#origin;
  }

  /** `http://127.0.0.1:PORT/link`, for `platform.url`. */
  get url(): string {
    return this.#origin.linkUrl;
  }

  /** `ws://127.0.0.1:PORT/link`. */
  get webSocketUrl(): string {
    return this.url.replace(/^http/, 'ws');
  }

  get agents(): readonly AgentRecord[] {
    return this.#origin.platform.agents;
  }

  /** The record of an agent; undefined until its first `hello`. */
  agent(id: string): AgentRecord | undefined {
    return this.agents.find((one) => one.id === id);
  }

  /** Pushes a command to one agent or to all; returns the ids. */
  push(to: string | 'all', command: PushedCommand): Promise<readonly string[]> {
    return this.#origin.platform.push(to, command);
  }

  /** Turns on faults; the others stay as they are. `clearFaults` turns all off. */
  setFaults(faults: Partial<PlatformFaults>): void {
    this.#origin.platform.faults.set(faults);
  }

  clearFaults(): void {
    this.#origin.platform.faults.clear();
  }

  /** Stops as a service does: WebSockets are closed with 1012, and held polls are answered with 503. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#origin.close();
  }

  /** Ends as a killed process does: connections end without a word, and nothing listens. What is on disk stays. */
  async kill(): Promise<void> {
    this.#isRunning = false;
    this.#origin.platform.abortLinks();
    await this.#origin.close();
  }

  /** Listens on the same port again, after `stop` or `kill`. Faults are off. */
  async startAgain(): Promise<void> {
    this.#origin = await startOrigin({ ...this.#options, dir: this.dir, port: this.#port });
    this.#isRunning = true;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.startAgain();
  }

  /** Copies the state. The returned function stops the server, puts the copy back, and starts again. */
  async backup(): Promise<() => Promise<void>> {
    const state = join(this.dir, 'received/platform');
    const copy = await mkdtemp(join(tmpdir(), 'sallyport-platform-copy-'));
    await cp(state, copy, { recursive: true });
    return async () => {
      await this.stop();
      await rm(state, { recursive: true });
      await cp(copy, state, { recursive: true });
      await this.startAgain();
    };
  }

  async close(): Promise<void> {
    if (this.#isRunning) await this.stop();
    if (this.#options.dir === undefined) await rm(this.dir, { recursive: true, force: true });
  }
}
