// A composed daemon that sends documents to the reference origin, on a clock that runs faster.

import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';
import type { Accepted } from '#spool/segments/intake.ts';
import { type Composed, composeIn } from './composed.ts';
import { type RanHere, runHere } from './run-here.ts';
import { scaledClock } from './scaled-clock.ts';

/** How much faster the time of the daemon passes. */
export const FACTOR = 20;

export interface AnalyticsRig extends Composed {
  readonly origin: Origin;
  /** Runs `sallyport submit` with these arguments and this standard input. */
  run(args: readonly string[], piped?: string): Promise<RanHere>;
  /** The section of this rig with these changes, and other sections of the file. */
  sections(section?: object, others?: object): Record<string, unknown>;
  /** Accepts documents `{"n":...}`. */
  submit(...numbers: readonly number[]): Promise<Accepted>;
  /** The numbers that the origin has, as they came. */
  arrived(): number[];
  /** Waits until the origin has exactly these numbers. */
  untilArrived(...numbers: readonly number[]): Promise<void>;
  /** Ends the composition and composes again in the same folder. */
  restart(): Promise<AnalyticsRig>;
  close(): Promise<void>;
}

export interface AnalyticsRigOptions {
  readonly section?: object;
  readonly others?: object;
  readonly uploads?: OriginOptions['uploads'];
}

interface Place {
  readonly dir: string;
  readonly origin: Origin;
}

export async function openAnalytics(options: AnalyticsRigOptions = {}): Promise<AnalyticsRig> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-analytics-'));
  const origin = await startOrigin({ dir, ...(options.uploads === undefined ? {} : { uploads: options.uploads }) });
  return await openAt({ dir, origin }, options);
}

async function openAt(place: Place, options: AnalyticsRigOptions): Promise<AnalyticsRig> {
  const { dir, origin } = place;
  const sections = (section: object = {}, others: object = {}) => ({
    // For commands of other programs, which get only the file.
    daemon: { state_dir: join(dir, 'state'), control_socket: join(dir, 'control.sock') },
    ...options.others,
    exposure_analytics: {
      enabled: true,
      url: origin.analyticsUrl,
      batch_max_age_seconds: 1,
      ...options.section,
      ...section,
    },
    ...others,
  });
  const composed = await composeIn(sections(), 'daemon', { dir, clock: scaledClock(FACTOR) });
  const { uploads } = composed.parts;
  await uploads.start();
  const arrived = () => {
    const lines = readLines(origin.documentsFile);
    return lines.map((line) => (JSON.parse(line) as { document: { n: number } }).document.n);
  };
  return {
    ...composed,
    origin,
    run: (args, piped = '') => runHere(['submit', ...args, '-c', join(dir, 'sallyport.yaml')], { piped }),
    sections,
    submit: (...numbers) => {
      const { store } = uploads.documents;
      if (store === null) throw new Error('the store is not open');
      return store.append({ documents: numbers.map((n) => Buffer.from(JSON.stringify({ n }))) });
    },
    arrived,
    untilArrived: async (...numbers) => {
      await expect.poll(() => arrived().toSorted((a, b) => a - b), { timeout: 5_000, interval: 20 }).toEqual(numbers);
    },
    restart: async () => {
      await composed.remove();
      return await openAt(place, options);
    },
    close: async () => {
      await composed.remove();
      await origin.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

/** A drop directory as systemd-tmpfiles makes it. */
export async function makeDropDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-drop-'));
  for (const name of ['new', 'tmp', 'rejected']) {
    await mkdir(join(dir, name));
    await chmod(join(dir, name), 0o3770);
  }
  return dir;
}
