// Receives a bundle of support logs that was made on another host. The bytes arrive in parts. Then the file is checked.
//
// Guarantees: the caller opens the file with its own rights, and the daemon gets only the bytes. Nothing is sent before
// all bytes were checked. A crash leaves a job that the next start deletes.

import { join } from 'node:path';
import type { RequestBytes } from '#control/verb.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { digestFile } from '#system/digest.ts';
import { publishFile } from '#system/durable.ts';
import { type Files, writeAll } from '#system/files.ts';
import type { BuiltFile, Job } from '#uploads/bundle/jobs/job-record.ts';
import type { JobStore } from '#uploads/bundle/jobs/job-store.ts';

const INCOMING = 'incoming';
const FROZEN_MODE = 0o400;
/** As large as a bundle of this host can be. */
const MAX_IMPORT_BYTES = 2_147_483_648;

/** @throws CodedError JOB-UNKNOWN, JOB-STATE, CONTROL-REQUEST, DISK-FULL, FILE-* */
export async function importPart(
  files: Files,
  store: JobStore,
  { job: id, offset, bytes }: { readonly job: string; readonly offset: number; readonly bytes: RequestBytes },
): Promise<void> {
  const path = join(store.workOf(requireImport(store, id).id), INCOMING);
  const exists = (await files.facts(path)) !== null;
  const file = exists ? await files.openToWrite(path) : await files.create(path, 0o600);
  try {
    if (file.facts().size !== offset) throw coded('CONTROL-REQUEST', { reason: 'offset is not the end of the bundle' });
    let end = offset;
    for await (const chunk of bytes) {
      if (end + chunk.length > MAX_IMPORT_BYTES) throw coded('CONTROL-REQUEST', { reason: 'the bundle is too large' });
      writeAll(file, chunk, end);
      end += chunk.length;
    }
  } finally {
    await file.close();
  }
}

/** Sends it. @throws CodedError JOB-UNKNOWN, JOB-STATE, BUNDLE-FOREIGN, FILE-*; the job is then deleted */
export async function importEnd({ files, uploads }: Parts, id: string, signal: AbortSignal): Promise<Job> {
  const { bundles } = uploads;
  const { store, jobs } = await bundles.require();
  requireImport(store, id);
  const work = store.workOf(id);
  const incoming = join(work, INCOMING);
  try {
    const { ending, type } = await (await bundles.contents()).check(incoming, id, signal);
    const name = `${id}.${ending}`;
    const frozen = await freeze(files, incoming, signal);
    await publishFile(files, incoming, join(work, name));
    const unknown = { source_bytes: null, files: [], left_out: [] };
    const built: BuiltFile = { name, content_type: type, ...frozen, ...unknown };
    return await jobs.imported(id, built);
  } catch (thrown) {
    if (store.get(id)?.state === 'building') await store.remove(id).catch(asCoded);
    throw thrown;
  }
}

async function freeze(files: Files, path: string, signal: AbortSignal): Promise<Pick<BuiltFile, 'length' | 'sha256'>> {
  const file = await files.openToWrite(path);
  try {
    const { size: length, owner, group } = file.facts();
    await file.sync();
    await files.give(path, { owner, group, mode: FROZEN_MODE });
    return { length, sha256: await digestFile(file, signal) };
  } finally {
    await file.close();
  }
}

function requireImport(store: JobStore, id: string): Job {
  const job = store.known(id);
  if (job.origin === 'imported' && job.state === 'building') return job;
  throw coded('JOB-STATE', { job: id, state: job.state, wanted: 'new' });
}
