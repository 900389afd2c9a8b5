// Makes one attempt to download one file durably: first the journal, then the bytes into `<name>.jar.unverified`.
//
// Guarantees: no copy ever gets more bytes than the feed lists. A failed attempt keeps its bytes. After a failed
// resume, the next attempt requests the whole file and keeps the old bytes (`copies.ts`). The result is complete and
// synced (unless the job has `syncsLater`), and its digest is known, but the caller has to compare it. Relies on
// `checkUrl` for every hop and on `checkResume` for every response. A crash leaves the journal and the first part of
// the file, which the next attempt resumes.

import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { followRedirects } from '#http/follow.ts';
import { isFromCache } from '#http/headers.ts';
import type { HashAnswer, RunningDigest } from '#system/hashing/running-digest.ts';
import { Copies, type Settled } from './copies.ts';
import { SpaceWatch } from './disk-space.ts';
import type { FetchAttempt } from './fetch-attempt.ts';
import type { Fetched, FetchJob, FetchPorts } from './fetch-types.ts';
import { requestMissing } from './request-missing.ts';
import { ResponseReader } from './response-reader.ts';
import type { TransferPlan } from './resume.ts';
import { RunningTransfers } from './running-transfers.ts';

/** @throws CodedError of the route, the exchange, LENGTH-MISMATCH, BODY-*, RANGE-INVALID, NOT-*, DISK-FULL, FILE-* */
export async function fetchDurably(ports: FetchPorts, job: FetchJob, signal: AbortSignal): Promise<Fetched> {
  const { running = new RunningTransfers() } = ports;
  const copies = await Copies.open(ports, job);
  const transfer = running.begin();
  let kept: RunningDigest | null = null;
  try {
    const space = new SpaceWatch(ports, copies.path, { running, transfer });
    const plan = await planWithin(space, copies);
    const { range } = plan;
    kept = await copies.digest(plan, signal);
    const reader = new ResponseReader({
      file: copies.continued(plan),
      fromZeroFile: copies.fromZeroFile,
      job,
      length: copies.length,
      identify: (shown) => {
        copies.identify(shown);
        ports.watch.announced?.(shown.length);
      },
      range,
      digest: kept,
      space,
      clock: ports.clock,
      watch: ports.watch,
    });
    const attempt = {
      job,
      plan,
      reader,
      copies,
      kept,
      transfer,
      isConnected: false,
      needsNewConnection: false,
      isInParts: false,
      isTooBig: false,
      route: null,
    };
    if (range.kind !== 'nothing') {
      if (job.length === null) ports.watch.announced?.(copies.length);
      ports.watch.began(range.kind === 'rest' ? range.offset : 0);
      await fill(ports, attempt, signal);
    }
    const digests = await reader.digest.end();
    await copies.finish();
    return finished(attempt, digests);
  } finally {
    running.end(transfer);
    // A thread that still reads a copy must end before it is closed.
    await kept?.stop();
    await copies.close();
  }
}

/**
 * If two copies do not fit on the disk, the copy whose rest could not be fetched is deleted.
 * @throws CodedError DISK-FULL
 */
async function planWithin(space: SpaceWatch, copies: Copies): Promise<TransferPlan> {
  const missing = (plan: TransferPlan) => {
    // Where the length is unknown, the space is checked while the bytes arrive.
    if (copies.length === null) return 0;
    return plan.range.kind === 'whole' ? copies.length : copies.length - copies.continued(plan).facts().size;
  };
  const plan = copies.plan();
  try {
    await space.ensure(missing(plan));
    return plan;
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || thrown.code !== 'DISK-FULL' || !(await copies.giveUpKept())) throw thrown;
  }
  const alone = copies.plan();
  await space.ensure(missing(alone));
  return alone;
}

async function fill(ports: FetchPorts, attempt: FetchAttempt, signal: AbortSignal): Promise<void> {
  try {
    await followRedirects({
      start: attempt.job.url,
      context: { configured: ports.configured, allowedOrigins: ports.allowedOrigins },
      report: ports.report,
      led: (to) => ports.watch.led(to),
      visit: (url, credentials) => requestMissing(ports, attempt, { url, credentials, signal }),
    });
  } catch (thrown) {
    const { aborted } = signal;
    await attempt.kept.stop();
    const blamed = !aborted && isAboutRequest(attempt, asCoded(thrown));
    ports.watch.failed(await settle(attempt, { aborted, blamed }));
    throw thrown;
  }
}

/**
 * Whether the failure may be due to the request. Failures that need another user, password or disk are not, and neither
 * is an unreachable or dead proxy.
 */
function isAboutRequest({ isConnected }: FetchAttempt, error: CodedError): boolean {
  return isConnected && error.code !== 'PROXY-GONE' && !['auth', 'system', 'config'].includes(error.entry.class);
}

async function settle(
  { reader, copies, plan }: FetchAttempt,
  why: { readonly aborted: boolean; readonly blamed: boolean },
): Promise<Settled> {
  if (reader.hasChanged) {
    await copies.forget();
    return { madeProgress: false, nextRequestsWhole: true };
  }
  const { wroteFromZero: fromZero, written, validator, bytesWorthKeeping: keep } = reader;
  return await copies.settle(plan, { written, fromZero, keep, validator, ...why });
}

function finished(attempt: FetchAttempt, { prefix, sha256 }: HashAnswer): Fetched {
  const { reader, copies, route } = attempt;
  const { path, file } = copies;
  const { head, longestSilenceMs, keptBytes, received: length } = reader;
  const keptSha256 = keptBytes === 0 ? null : prefix;
  const usedRanges = keptBytes > 0 || attempt.isInParts;
  const isSynced = attempt.job.syncsLater !== true;
  const what = { isSynced, path, file, sha256, length, keptBytes, keptSha256, usedRanges };
  if (head === null) return { ...what, longestSilenceMs: null, via: null, from: null, source: null };
  if (!reader.complete) throw coded('BODY-SHORT', { received: length, expected: reader.length, hop: reader.from });
  const source = route === null ? null : { route, cached: isFromCache(head) };
  return { ...what, longestSilenceMs, via: head.via, from: keptBytes === 0 ? reader.from : null, source };
}
