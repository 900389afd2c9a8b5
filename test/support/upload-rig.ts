// Uploads of one file over a real session to a server on loopback, with state in memory and a clock that runs faster.

import { createHash } from 'node:crypto';
import type { RequestBody } from '#http/session/body.ts';
import { Session } from '#http/session/session.ts';
import type { EventName, SallyportEvent } from '#logging/events.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import { uploadBundle } from '#uploads/transfer/bundle-upload.ts';
import { UploadPaths } from '#uploads/transfer/path-memory.ts';
import type { Bundle, UploadFacts, UploadOutcome, UploadPorts } from '#uploads/transfer/upload-types.ts';
import { CrashingFiles } from './crashing-files.ts';
import { scaledClock } from './scaled-clock.ts';
import { testSettings } from './test-settings.ts';

const CHUNK_BYTES = 65_536;

/** A frozen file whose bytes depend on its length. */
export function bundleOf(length: number, over: Partial<Bundle> = {}): Bundle & { readonly bytes: Buffer } {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4)
    bytes.writeUInt32LE((at * 2_654_435_761) % 4_294_967_296, Math.min(at, length - 4));
  const body: RequestBody = {
    length,
    async *open(offset) {
      // One buffer for all chunks, as the spool has.
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let at = offset; at < length; at += chunk.length) {
        yield await Promise.resolve(chunk.subarray(0, bytes.copy(chunk, 0, at, at + chunk.length)));
      }
    },
  };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const job = '20261130-k3f9q2';
  const names = { job, fileName: `${job}.tar.zst`, contentType: 'application/zstd' };
  return { ...names, bytes, body, sha256, sourceBytes: length * 5, case: 'C-7', note: null, ...over };
}

/** The durable facts of a job, in memory. `ops` has each write in order; `crash` may throw before or after one. */
export interface TestFacts extends UploadFacts {
  readonly ops: string[];
  location: string | null;
  otherBytes: number;
  failures: number;
  readonly confirmed: number[];
}

type Crash = (when: 'before' | 'after', op: string) => void;

export function factsOf(
  over: Partial<Pick<TestFacts, 'location' | 'otherBytes' | 'failures'>> = {},
  crash?: Crash,
): TestFacts {
  const write = async (op: string, apply: () => void) => {
    crash?.('before', op);
    await Promise.resolve();
    apply();
    facts.ops.push(op);
    crash?.('after', op);
  };
  const facts: TestFacts = {
    ops: [],
    confirmed: [],
    location: null,
    otherBytes: 0,
    failures: 0,
    ...over,
    saveLocation: (url) =>
      write('save', () => {
        facts.location = url;
      }),
    forgetLocation: (why) =>
      write(`forget ${why}`, () => {
        facts.location = null;
        if (why === 'other-bytes') facts.otherBytes += 1;
      }),
    progress: (confirmed) => void facts.confirmed.push(confirmed),
  };
  return facts;
}

export interface UploadRig {
  readonly ports: UploadPorts;
  readonly session: Session;
  readonly events: SallyportEvent[];
  readonly files: Files;
  readonly paths: UploadPaths;
  readonly timeouts: TimeoutMemory;
  /** Names of the events so far. */
  named(name: EventName): SallyportEvent[];
  upload(
    url: URL,
    bundle: Bundle,
    facts: UploadFacts,
    over?: { readonly protocol?: 'tus' | 'put'; readonly signal?: AbortSignal },
  ): Promise<UploadOutcome>;
}

export interface UploadRigOptions {
  readonly router: Router;
  /** How much faster the clock runs. */
  readonly factor?: number;
  readonly settings?: Record<string, unknown>;
  readonly files?: Files;
  readonly clock?: Clock;
}

export async function uploadRig(options: UploadRigOptions): Promise<UploadRig> {
  const { router, files = new CrashingFiles(), clock = scaledClock(options.factor ?? 50) } = options;
  await files.makeDirectory('/state', 0o700);
  const settings = testSettings('/', { retry: { attempts: 5 }, ...options.settings });
  const events: SallyportEvent[] = [];
  const report = reportOf('support_logs', (event) => events.push(event));
  const session = new Session({ router, purpose: 'support_logs', clock });
  const paths = new UploadPaths(files, '/state/upload-paths.json');
  const timeouts = new TimeoutMemory(files, '/state/upload-timeouts.json');
  await paths.load();
  await timeouts.load();
  const model = new ResponseTimeoutModel(timeoutSettings(settings), timeouts.learned);
  const ports: UploadPorts = {
    session,
    clock,
    random: () => 0,
    report,
    paths,
    model,
    timeouts,
    settings: () => settings,
    headers: () => ({ 'user-agent': 'Sallyport/test', authorization: 'Bearer token' }),
  };
  return {
    ports,
    session,
    events,
    files,
    paths,
    timeouts,
    named: (name) => events.filter((event) => event.name === name),
    upload: (url, bundle, facts, { protocol = 'tus', signal = new AbortController().signal } = {}) =>
      uploadBundle(ports, { bundle, target: { url, protocol }, facts }, signal),
  };
}
