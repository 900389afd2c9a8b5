// A composed daemon that sends documents to the reference origin, on a clock that runs faster.

import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';
import type { Accepted } from '#spool/segments/intake.ts';
import type { Files } from '#system/files.ts';
import { type Composed, composeIn } from './composed.ts';
import { type RanHere, runHere } from './run-here.ts';
import { scaledClock } from './scaled-clock.ts';
import { readDocuments } from './stored-documents.ts';
import { type SwitchedRelay, startSwitchedRelay } from './switched-relay.ts';

/** How much faster the time of the daemon passes. */
const FACTOR = 20;

export interface AnalyticsRig extends Composed {
  readonly origin: Origin;
  /** In front of the origin. */
  readonly relay: SwitchedRelay;
  /** Where the daemon sends documents. */
  readonly url: string;
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
  /** Ends the composition and composes again in the same folder, with these other sections in place of the first ones. */
  restart(others?: object): Promise<AnalyticsRig>;
  close(): Promise<void>;
}

export interface AnalyticsRigOptions {
  readonly section?: object;
  readonly others?: object;
  readonly uploads?: OriginOptions['uploads'];
  /** How much faster time passes; 20 by default. */
  readonly factor?: number;
  /** In place of the disk of this machine. */
  readonly files?: Files;
}

interface Place {
  readonly dir: string;
  readonly origin: Origin;
  readonly relay: SwitchedRelay;
}

export async function openAnalytics(options: AnalyticsRigOptions = {}): Promise<AnalyticsRig> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-analytics-'));
  const origin = await startOrigin({ dir, ...(options.uploads === undefined ? {} : { uploads: options.uploads }) });
  const relay = await startSwitchedRelay(Number(new URL(origin.url).port));
  return await openAt({ dir, origin, relay }, options);
}

async function openAt(place: Place, options: AnalyticsRigOptions): Promise<AnalyticsRig> {
  const { dir, origin, relay } = place;
  const url = origin.analyticsUrl.replace(new URL(origin.url).port, String(relay.port));
  const sections = (section: object = {}, others: object = {}) => ({
    // For commands of other programs, which get only the file.
    daemon: { state_dir: join(dir, 'state'), control_socket: join(dir, 'control.sock') },
    ...options.others,
    exposure_analytics: {
      enabled: true,
      url,
      batch_max_age_seconds: 1,
      ...options.section,
      ...section,
    },
    ...others,
  });
  const composed = await composeIn(sections(), 'daemon', {
    dir,
    clock: scaledClock(options.factor ?? FACTOR),
    ...(options.files === undefined ? {} : { files: options.files }),
  });
  const { uploads } = composed.parts;
  await uploads.start();
  const arrived = () => readDocuments(origin).map(({ document }) => document.n);
  return {
    ...composed,
    origin,
    relay,
    url,
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
    restart: async (others = options.others ?? {}) => {
      await composed.remove();
      return await openAt(place, { ...options, others });
    },
    close: async () => {
      await composed.remove();
      await relay.close();
      await origin.close();
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
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
