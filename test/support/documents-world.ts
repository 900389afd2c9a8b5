// A host in memory whose daemon sends documents to a real reference origin, with faults that a seed decides: crashes and
// power cuts, a full disk, outages of the proxy, restarts of the server, and responses that are lost. It knows for each
// document whether it was accepted, so that a test can compare that with what arrived.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asCoded } from '#errors/coded-error.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type Composed, composeIn } from './composed.ts';
import { CRASH_MODES, CrashingFiles } from './crashing-files.ts';
import { scaledClock } from './scaled-clock.ts';
import { readDocuments } from './stored-documents.ts';
import { type RelayMode, type SwitchedRelay, startSwitchedRelay } from './switched-relay.ts';

/** How much faster the time of the daemon passes. */
const FACTOR = 200;
const MODES: readonly RelayMode[] = ['pass', 'down', 'lose', 'pass'];
/** Numbers that this divides are rejected by the collector. */
const REJECTED = 13;
/** In the files in memory. */
const DROP = '/drop';
const PAUSE_MS = 20;
/** Operations of the disk until a crash, at most. */
const CRASH_WITHIN = 120;
/** Answers of a process that died before it had one. */
const DIED = new Set(['INTERNAL', 'INTERRUPTED']);
/** Long for the daemon, because its time passes fast and the machine may be busy. */
const LIMITS = { connect_timeout_ms: 400_000, tunnel_timeout_ms: 400_000, tls_timeout_ms: 400_000, base_ms: 600_000 };

/** Documents that were handed in together: all are accepted, or none. */
export interface HandedIn {
  readonly numbers: readonly number[];
  readonly result: 'accepted' | 'refused' | 'unknown';
}

export class DocumentsWorld {
  readonly handedIn: HandedIn[] = [];
  /** How often each fault happened. */
  readonly faults: Record<string, number> = {};
  readonly #random: (below: number) => number;
  readonly #dir: string;
  readonly #relay: SwitchedRelay;
  #files = new CrashingFiles();
  #clock = scaledClock(FACTOR);
  #origin: Origin;
  #host: Composed | null = null;
  #next = 1;

  private constructor(seed: number, { dir, origin, relay }: { dir: string; origin: Origin; relay: SwitchedRelay }) {
    this.#random = randomOf(seed);
    this.#dir = dir;
    this.#origin = origin;
    this.#relay = relay;
  }

  static async make(seed: number): Promise<DocumentsWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-world-'));
    const origin = await openOrigin(dir);
    const relay = await startSwitchedRelay(portOf(origin));
    const world = new DocumentsWorld(seed, { dir, origin, relay });
    for (const path of [DROP, ...['new', 'tmp', 'rejected'].map((name) => join(DROP, name))]) {
      world.#files.plantFolder(path, { mode: 0o3770 });
    }
    await world.#start();
    return world;
  }

  /** Numbers of documents that the collector has, as they came. */
  get stored(): number[] {
    return readDocuments(this.#origin).map(({ document }) => document.n);
  }

  /** Ids of documents that the collector has, as they came. */
  get storedIds(): string[] {
    return readDocuments(this.#origin).map(({ id }) => id);
  }

  /** Ids of documents that the collector has rejected. */
  get rejectedIds(): string[] {
    return this.#origin.record.batches.flatMap(({ rejected }) => rejected.map(({ id }) => id));
  }

  /** Documents that wait on this host: in the spool and in the drop directory. */
  get waiting(): { readonly spooled: number | null; readonly dropped: number } {
    const spooled = this.#host?.parts.uploads.documents.store?.waiting.documents ?? null;
    return { spooled, dropped: this.#files.names().filter((name) => name.startsWith(join(DROP, 'new'))).length };
  }

  /** Does one thing by chance. */
  async step(): Promise<void> {
    const actions: readonly (() => Promise<void> | void)[] = [
      () => this.#submit(),
      () => this.#submit(),
      () => this.#drop(),
      () => this.#switchRelay(),
      () => this.#restart(),
      () => this.#restartOrigin(),
      () => this.#arm('crash', { crashBefore: 1 + this.#random(CRASH_WITHIN) }),
      () => this.#arm('full disk', { fullAfterBytes: 0, freeBytes: 0 }),
      () => this.#arm('no fault', {}),
    ];
    await actions[this.#random(actions.length)]?.();
    await pause(this.#random(PAUSE_MS));
    if (this.#files.crashed) await this.#revive();
    else if (this.#host === null) await this.#start();
  }

  /** Ends all faults, so that everything can be sent. */
  async calm(): Promise<void> {
    this.#files.arm({});
    this.#relay.mode = 'pass';
    if (this.#files.crashed) await this.#revive();
    else if (this.#host === null) await this.#start();
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#relay.close();
    await this.#origin.close();
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  }

  async #start(): Promise<void> {
    const url = this.#origin.analyticsUrl.replace(String(portOf(this.#origin)), String(this.#relay.port));
    const section = { enabled: true, url, drop_dir: DROP, batch_max_age_seconds: 1, batch_max_documents: 5 };
    const sections = { retry: { max_delay_seconds: 1 }, response_timeout: LIMITS, exposure_analytics: section };
    const around = { dir: this.#dir, clock: this.#clock, files: this.#files };
    try {
      this.#host = await composeIn(sections, 'daemon', around);
      await this.#host.parts.uploads.start();
    } catch (thrown) {
      // It starts again in the next step.
      if (!this.#files.crashed && asCoded(thrown).code !== 'DISK-FULL') throw thrown;
      this.#count('start that failed');
    }
  }

  async #end(): Promise<void> {
    const host = this.#host;
    this.#host = null;
    // A process on a crashed disk cannot end in order.
    await host?.remove().catch(asCoded);
  }

  async #submit(): Promise<void> {
    const store = this.#host?.parts.uploads.documents.store ?? null;
    if (store === null) return;
    const numbers = this.#take();
    const documents = numbers.map((n) => Buffer.from(JSON.stringify({ n })));
    try {
      await store.append({ documents });
      this.handedIn.push({ numbers, result: 'accepted' });
    } catch (thrown) {
      const died = this.#files.crashed || DIED.has(asCoded(thrown).code);
      this.handedIn.push({ numbers, result: died ? 'unknown' : 'refused' });
    }
  }

  /** Another program renames a file to `new/`. */
  #drop(): void {
    const numbers = this.#take();
    const text = numbers.map((n) => JSON.stringify({ n })).join('\n');
    this.#files.plantFile(join(DROP, 'new', `file-${numbers[0]}`), text);
    this.handedIn.push({ numbers, result: 'accepted' });
  }

  #take(): number[] {
    return Array.from({ length: 1 + this.#random(12) }, () => this.#next++);
  }

  #switchRelay(): void {
    this.#relay.mode = MODES[this.#random(MODES.length)] ?? 'pass';
    this.#count(`relay ${this.#relay.mode}`);
  }

  /** With the same clock, or after a step of it to the past. */
  async #restart(): Promise<void> {
    this.#count('restart');
    await this.#end();
    if (this.#files.crashed) return;
    if (this.#random(2) === 0) this.#clock = scaledClock(FACTOR);
    await this.#start();
  }

  async #restartOrigin(): Promise<void> {
    this.#count('restart of the server');
    await this.#origin.close();
    this.#origin = await openOrigin(this.#dir);
    this.#relay.target = portOf(this.#origin);
  }

  #arm(what: string, faults: Parameters<CrashingFiles['arm']>[0]): void {
    this.#count(what);
    this.#files.arm(faults);
  }

  /** The host starts again on what its disk has kept. */
  async #revive(): Promise<void> {
    await this.#end();
    const mode = CRASH_MODES[this.#random(CRASH_MODES.length)] ?? 'killed';
    this.#count(mode);
    this.#files = this.#files.afterCrash(mode, 1 + this.#random(1_000));
    await this.#start();
  }

  #count(what: string): void {
    this.faults[what] = (this.faults[what] ?? 0) + 1;
  }
}

/** Whether the collector rejects this document. */
export function isRejected(n: number): boolean {
  return n % REJECTED === 0;
}

function openOrigin(dir: string): Promise<Origin> {
  const reject = (document: unknown) => (isRejected((document as { n: number }).n) ? 'divisible' : null);
  return startOrigin({ dir, uploads: { batches: { reject } } });
}

function portOf({ url }: Origin): number {
  return Number(new URL(url).port);
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

/** A generator of the numbers of one seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
