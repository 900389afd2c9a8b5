// Seeded sequences of everything that can happen to a download: it ends with the right bytes or a true error, and what is
// fetched is what was missing or lost, plus one restart for each thing that makes kept bytes useless.
//
// 1,000 sequences. SALLYPORT_TEST_ROUNDS=20 runs 20,000; SALLYPORT_TEST_SEED continues a search.

import type { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { NO_ADVICE, type PathAdvice } from '#path/advice.ts';
import { CRASH_MODES, CrashError, CrashingFiles, seeded } from '#test/support/crashing-files.ts';
import { attemptOver, SECOND_COPY, STAGED } from '#test/support/fetch-rig.ts';
import { makeJar } from '#test/support/jars.ts';
import { memoryRouter } from '#test/support/memory-router.ts';
import { seeds } from '#test/support/rounds.ts';
import { progressBytes } from '#transfer/resume.ts';

const JAR = makeJar('u1', 20_000);
const OTHER = Buffer.concat([JAR.subarray(0, 4), Buffer.alloc(JAR.length - 4, 7)]);
const { length: LENGTH } = JAR;
const URL_OF_IT = new URL('http://127.0.0.1/u1.jar');
const MAX_STEPS = 7;
/** After the last fault, a resume, a restart and one more attempt are enough. */
const HEALING_ATTEMPTS = 4;

const WRONG_RANGES = 'http://c:1';
/** What each proxy is known to do. */
const PATHS: Readonly<Record<string, PathAdvice>> = {
  'http://a:1': NO_ADVICE,
  'http://b:1': { ...NO_ADVICE, rangeBytes: 3_000, evidence: 'it cuts' },
  [WRONG_RANGES]: { ...NO_ADVICE, ranges: false, evidence: 'it answers ranges wrongly' },
};
const PROXIES = Object.keys(PATHS);

const STEPS = ['serve', 'cut', 'cut', 'cut', 'crash', 'restart', 'change', 'proxy', 'full', 'flip'] as const;

/** One host, its disk, and the server. */
class World {
  readonly #random: () => number;
  readonly #log: string[] = [];
  files = new CrashingFiles();
  #bytes: Buffer = JAR;
  #etag = 1;
  #proxy = PROXIES[0] ?? '';
  /** Bytes of bodies that the server sent. */
  fetched = 0;
  /** Bytes that were fetched and are not on disk any more, or never got there. */
  lost = 0;
  /** Events that make kept bytes useless. */
  restarts = 0;
  /** The bytes on disk, or those of the server, may be wrong. */
  #isSpoiled = false;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  get story(): string {
    return this.#log.join(', ');
  }

  get kept(): number {
    const size = (path: string) => this.files.content(path)?.length ?? 0;
    return Math.max(size(STAGED), size(SECOND_COPY));
  }

  /** Makes one random step. Returns true once the package is complete. */
  async step(): Promise<boolean> {
    const what = STEPS[this.#below(STEPS.length)] ?? 'serve';
    this.#log.push(what);
    switch (what) {
      case 'serve':
        return await this.#attempt({});
      case 'cut':
        return await this.#attempt({ cutAfter: this.#below(LENGTH) });
      case 'crash':
        return await this.#crashing();
      case 'full':
        return await this.#attempt({ fullAfter: this.#below(2 * LENGTH) });
      case 'restart':
        this.#reboot('killed');
        return false;
      case 'change':
        this.#bytes = this.#bytes === JAR ? OTHER : JAR;
        this.#etag += 1;
        this.#spoil();
        return false;
      case 'proxy':
        this.#proxy = PROXIES[this.#below(PROXIES.length)] ?? '';
        return false;
      case 'flip':
        this.#flip();
        return false;
    }
  }

  /** Without any fault: the package arrives. */
  async heal(): Promise<void> {
    this.#bytes = JAR;
    this.#etag += 1;
    this.#spoil();
    this.#proxy = PROXIES[0] ?? '';
    for (let n = 0; n < HEALING_ATTEMPTS; n += 1) if (await this.#attempt({})) return;
    expect.fail('the package did not arrive');
  }

  async #attempt(faults: { readonly cutAfter?: number; readonly fullAfter?: number }): Promise<boolean> {
    this.files.arm(faults.fullAfter === undefined ? {} : { fullAfterBytes: faults.fullAfter });
    const [before, fetched] = [this.kept, this.fetched];
    const { fetched: result, error } = await this.#request(faults.cutAfter ?? null);
    this.files.arm({});
    const sent = this.fetched - fetched;
    if (result !== null) {
      expect(this.files.content(STAGED)?.equals(JAR)).toBe(true);
      expect(result.sha256).toBeDefined();
      this.lost += this.#proxy === WRONG_RANGES ? Math.max(0, sent - (LENGTH - before)) : 0;
      return true;
    }
    const code = error instanceof CodedError ? error.code : String(error);
    expect(this.#possible(faults)).toContain(code);
    // A wrong file is deleted, and a full disk takes no more bytes.
    const isExcused = code === 'DIGEST-MISMATCH' || code === 'DISK-FULL' || this.#proxy === WRONG_RANGES;
    this.#noteTiny(before);
    this.lost += isExcused ? Math.max(0, before + sent - this.kept) : Math.max(0, before - this.kept);
    return false;
  }

  async #crashing(): Promise<boolean> {
    this.files.arm({ crashAfter: 1 + this.#below(40) });
    const [before, fetched] = [this.kept, this.fetched];
    const { fetched: result, error } = await this.#request(null);
    if (!this.files.crashed) {
      this.files.arm({});
      if (result !== null) return true;
      expect(this.#possible({})).toContain(error instanceof CodedError ? error.code : String(error));
      this.lost += Math.max(0, before + this.fetched - fetched - this.kept);
      return false;
    }
    if (error !== null && !(error instanceof CodedError)) expect(error).toBeInstanceOf(CrashError);
    this.#reboot(CRASH_MODES[this.#below(CRASH_MODES.length)] ?? 'killed');
    this.#noteTiny(before);
    this.lost += Math.max(0, before + this.fetched - fetched - this.kept);
    return false;
  }

  #reboot(mode: (typeof CRASH_MODES)[number]): void {
    this.files = this.files.afterCrash(mode, 1 + this.#below(1_000));
    // Bytes that were not synced may be zero.
    if (mode === 'torn') this.#spoil();
  }

  /** After a resume that brought next to nothing, the whole file is requested once. */
  #noteTiny(before: number): void {
    if (this.kept - before < progressBytes(LENGTH)) this.restarts += 1;
  }

  #flip(): void {
    const content = this.files.content(STAGED);
    if (content === null || content.length === 0) return;
    const changed = Buffer.from(content);
    const at = this.#below(changed.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << this.#below(8));
    this.files.plantFile(STAGED, changed);
    this.#spoil();
  }

  #spoil(): void {
    this.#isSpoiled = true;
    this.restarts += 1;
  }

  /** Every failure that is true after these faults. */
  #possible({ cutAfter, fullAfter }: { readonly cutAfter?: number; readonly fullAfter?: number }): string[] {
    return [
      ...(cutAfter === undefined ? [] : ['CONNECTION-LOST']),
      ...(fullAfter === undefined ? [] : ['DISK-FULL']),
      ...(this.#isSpoiled ? ['DIGEST-MISMATCH', 'RANGE-INVALID'] : []),
    ];
  }

  async #request(cutAfter: number | null) {
    const router = memoryRouter((socket, head) => this.#answer(socket, head, cutAfter), this.#proxy);
    const advice = PATHS[this.#proxy] ?? NO_ADVICE;
    return await attemptOver(this.files, { url: URL_OF_IT, router, right: JAR, advice });
  }

  #answer(socket: Duplex, head: string, cutAfter: number | null): void {
    const etag = `"${this.#etag}"`;
    const asked = /^range: bytes=(\d+)-(\d*)/im.exec(head);
    const condition = /^if-range: (.*)$/im.exec(head)?.[1]?.trim();
    const isPart = asked !== null && (condition === undefined || condition === etag);
    const first = isPart ? Number(asked[1]) : 0;
    const last = isPart && asked[2] !== '' ? Math.min(Number(asked[2]), LENGTH - 1) : LENGTH - 1;
    const lines = isPart
      ? ['HTTP/1.1 206 Partial Content', `Content-Range: bytes ${first}-${last}/${LENGTH}`]
      : ['HTTP/1.1 200 OK'];
    const body = this.#bytes.subarray(first, Math.min(last + 1, first + (cutAfter ?? LENGTH)));
    this.fetched += body.length;
    socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${last - first + 1}\r\nETag: ${etag}\r\n\r\n`);
    socket.end(body);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

it('transfer: 1,000 random histories end with the right bytes and fetch nothing needlessly', async () => {
  for (const seed of seeds(1_000)) {
    const world = new World(seed);
    try {
      let isComplete = false;
      for (let n = 0; n < MAX_STEPS && !isComplete; n += 1) isComplete = await world.step();
      if (!isComplete) await world.heal();
      expect(world.fetched).toBeLessThanOrEqual(LENGTH + world.lost + world.restarts * LENGTH);
    } catch (thrown) {
      throw new Error(`seed ${seed}: ${world.story}`, { cause: thrown });
    }
  }
}, 600_000);
