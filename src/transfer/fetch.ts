// Makes one attempt to fetch one file durably: first the journal, then the bytes into `<name>.jar.unverified`.
//
// Guarantees: no copy ever gets more bytes than the feed lists. A failed attempt keeps its bytes. After a failed resume
// the next attempt requests everything and keeps the old bytes (`copies.ts`). The result is complete, synced and hashed
// but unverified: the caller compares the hash. Relies on `checkUrl` for every hop and on `checkResume` for every
// response. A crash leaves the journal and a prefix, which the next attempt resumes.

import type { Hash } from 'node:crypto';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { followRedirects } from '#http/follow.ts';
import { Copies, type Settled } from './copies.ts';
import { SpaceWatch } from './disk-space.ts';
import type { Fetched, FetchJob, FetchPorts } from './fetch-types.ts';
import { type FetchAttempt, requestBytes } from './request-bytes.ts';
import { ResponseReader } from './response-reader.ts';
import { chooseValidator, type TransferPlan } from './resume.ts';

/** @throws CodedError of the route, the exchange, LENGTH-MISMATCH, BODY-*, RANGE-INVALID, NOT-*, DISK-FULL, FILE-* */
export async function fetchDurably(ports: FetchPorts, job: FetchJob, signal: AbortSignal): Promise<Fetched> {
  const copies = await Copies.open(ports, job);
  try {
    const space = new SpaceWatch(ports.files, copies.path, ports.reserve);
    const plan = await planWithin(space, copies, job.length);
    const { range } = plan;
    const prefix = await copies.hash(plan, signal);
    const reader = new ResponseReader({
      file: copies.continued(plan),
      fromZeroFile: copies.fromZeroFile,
      job,
      range,
      prefix,
      space,
      clock: ports.clock,
      watch: ports.watch,
    });
    if (range.kind !== 'nothing') {
      ports.watch.began(range.kind === 'rest' ? range.offset : 0);
      await fill(ports, { job, plan, range, reader, copies, isConnected: false }, signal);
    }
    await copies.finish();
    return finished(copies, job, reader, prefix);
  } finally {
    await copies.close();
  }
}

/**
 * If two copies do not fit on the disk, the copy whose rest could not be fetched is deleted.
 * @throws CodedError DISK-FULL
 */
async function planWithin(space: SpaceWatch, copies: Copies, length: number): Promise<TransferPlan> {
  const missing = (plan: TransferPlan) =>
    plan.range.kind === 'whole' ? length : length - copies.continued(plan).facts().size;
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
      visit: (url, credentials) => requestBytes(ports, attempt, { url, credentials, signal }),
    });
  } catch (thrown) {
    const { aborted } = signal;
    const blamed = !aborted && isAboutRequest(attempt, asCoded(thrown));
    ports.watch.failed(await settle(attempt, { aborted, blamed }));
    throw thrown;
  }
}

/**
 * Whether the failure may be due to the request. Failures that need another user, password or disk are not, and neither
 * is an unreachable proxy.
 */
function isAboutRequest({ isConnected }: FetchAttempt, error: CodedError): boolean {
  return isConnected && !['auth', 'system', 'config'].includes(error.entry.class);
}

async function settle(
  { reader, copies, plan }: FetchAttempt,
  why: { readonly aborted: boolean; readonly blamed: boolean },
): Promise<Settled> {
  const { head, wroteFromZero: fromZero, written, bytesWorthKeeping: keep } = reader;
  const validator =
    head === null || !fromZero ? null : chooseValidator(head.header('etag'), head.header('last-modified'));
  return await copies.settle(plan, { written, fromZero, keep, validator, ...why });
}

function finished({ path, file }: Copies, job: FetchJob, reader: ResponseReader, prefix: Hash): Fetched {
  const { head, longestSilenceMs, keptBytes } = reader;
  const { length } = job;
  if (head === null) {
    return {
      path,
      file,
      sha256: prefix.digest('hex'),
      length,
      keptBytes,
      longestSilenceMs: null,
      via: null,
      from: null,
    };
  }
  if (!reader.complete) throw coded('BODY-SHORT', { received: reader.received, expected: length, hop: reader.from });
  return {
    path,
    file,
    sha256: reader.digest(),
    length,
    keptBytes,
    longestSilenceMs,
    via: head.via,
    from: keptBytes === 0 ? reader.from : null,
  };
}
