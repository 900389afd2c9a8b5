// Answers the requests of `sallyport send-logs` and `sallyport sent`. Secrets in a response are masked here or by the
// control server.

import type { Verbs } from '#control/control.ts';
import { type LogsJob, type LogsOrder, PART_BYTES, type SEND_LOGS_VERBS } from '#control/uploads/send-logs.ts';
import type { Caller, HandlersOf } from '#control/verb.ts';
import type { Parts } from '#daemon/parts.ts';
import { coded } from '#errors/coded-error.ts';
import { redactDeep } from '#redaction/redact.ts';
import { attachmentBody } from '#spool/attachment.ts';
import { onAbort } from '#system/abort.ts';
import { userWords } from '#system/network/peer.ts';
import { isEnded, type Job } from '#uploads/bundle/jobs/job-record.ts';
import type { JobStore } from '#uploads/bundle/jobs/job-store.ts';
import { importEnd, importPart } from './logs-import.ts';
import { describeDetail, describeJob, describeRequest, type JobContext } from './logs-job.ts';

/** The verbs of this file. */
type SendLogsVerbs = Pick<Verbs, keyof typeof SEND_LOGS_VERBS>;

export function sendLogsHandlers(parts: Parts): HandlersOf<SendLogsVerbs> {
  const { uploads, redactor, mode } = parts;
  const { bundles, sent } = uploads;
  const by = (caller: Caller) => requesterOf(parts, caller);
  const shown = (job: Job) => redactDeep(describeJob(job, contextOf(parts, job)), redactor);
  const known = (id: string) => requireStore(parts).known(id);
  return {
    sendLogs: async ({ request, ...caller }) => {
      const { jobs } = await bundles.require();
      const { job, joined } = await jobs.request({ requestedBy: by(caller), ...orderOf(request) });
      return { job: shown(job), joined, daemon: mode === 'daemon' };
    },
    followLogs: async ({ request, onEvent, signal }) => await followJob(parts, request, { onEvent, signal }),
    listLogs: () => (bundles.opened?.store.all ?? []).map(shown),
    showLogs: ({ request }) => {
      const job = known(request);
      return redactDeep(describeDetail(job, contextOf(parts, job)), redactor);
    },
    readLogs: async ({ request }) => await readPart(parts, request),
    approveLogs: async ({ request, ...caller }) => {
      const { jobs } = await bundles.require();
      const { user } = by(caller);
      return shown(await jobs.approve(request.job, { sha256: request.sha256, by: user }));
    },
    deleteLogs: async ({ request }) => {
      known(request);
      await bundles.opened?.jobs.discard(request);
    },
    planLogs: async ({ request, signal }) => await (await bundles.contents()).plan(request, signal),
    beginImport: async ({ request, ...caller }) => {
      const { jobs } = await bundles.require();
      return shown(await jobs.importFrom(by(caller), request));
    },
    importPart: async ({ request }) => {
      await importPart(parts.files, requireStore(parts), request);
    },
    endImport: async ({ request, signal }) => shown(await importEnd(parts, request, signal)),
    listLogsRequests: async () => {
      const requests = await (await bundles.requests()).list();
      return redactDeep(requests.map(describeRequest), redactor);
    },
    decideLogsRequest: async ({ request: { id, approve }, ...caller }) => {
      const requests = await bundles.requests();
      const decided = await requests.decide(id, { approve, by: by(caller).user });
      parts.platform.service?.requestDecided();
      return describeRequest(decided);
    },
    listSent: async ({ request }) => redactDeep(await sent.read(request), redactor),
  };
}

/** The user as the kernel reports it; in this process, its own. */
function requesterOf({ mode, files }: Parts, { peer }: Caller) {
  const user = mode === 'command' ? userWords({ uid: files.self }) : userWords(peer);
  return { how: 'command', user, request: null } as const;
}

function orderOf({ case: number, note, since, prepare }: LogsOrder) {
  return { case: number, note, sinceMs: since === null ? null : Date.parse(since), prepare };
}

/** @throws CodedError JOB-UNKNOWN without jobs */
function requireStore({ uploads }: Parts): JobStore {
  const store = uploads.bundles.opened?.store;
  if (store === undefined) throw coded('JOB-UNKNOWN', { job: '-' });
  return store;
}

function contextOf({ uploads }: Parts, { id }: Job): JobContext {
  const { opened, uploading } = uploads.bundles;
  const confirmed = uploading?.id === id ? uploading.received : null;
  return { head: opened?.spool.find(id) ?? null, confirmed };
}

/**
 * Reports each change of a job until nothing more happens soon. Without a daemon, this process does the work.
 * @throws CodedError JOB-UNKNOWN; the reason of the signal
 */
async function followJob(
  parts: Parts,
  id: string,
  { onEvent, signal }: { readonly onEvent: (job: LogsJob) => void; readonly signal: AbortSignal },
): Promise<LogsJob> {
  const { uploads, redactor, mode } = parts;
  const { bundles } = uploads;
  const store = requireStore(parts);
  const failuresBefore = store.known(id).upload.failures;
  const view = () => {
    const job = store.known(id);
    return redactDeep(describeJob(job, contextOf(parts, job)), redactor);
  };
  const { promise, resolve, reject } = Promise.withResolvers<LogsJob>();
  const look = () => {
    try {
      const job = view();
      onEvent(job);
      // The time of the next try is known only when the entry is postponed.
      const isFailing = job.state === 'queued' && job.failures > failuresBefore && job.next_try !== null;
      if (isFailing || OVER.has(job.state)) resolve(job);
    } catch (thrown) {
      // It was dropped.
      reject(thrown);
    }
  };
  const stopWatching = bundles.watch((changed) => changed === id && look());
  const stopListening = onAbort(signal, () => reject(signal.reason as Error));
  try {
    look();
    // Without a daemon, nothing more happens then.
    if (mode === 'command')
      void bundles
        .sendNow(id)
        .then(() => resolve(view()))
        .catch(reject);
    return await promise;
  } finally {
    stopWatching();
    stopListening();
  }
}

const OVER: ReadonlySet<LogsJob['state']> = new Set<LogsJob['state']>(['prepared', 'held', 'sent', 'failed']);

/** @throws CodedError JOB-UNKNOWN, JOB-STATE, BUNDLE-NO-FILE, FILE-* */
async function readPart(
  parts: Parts,
  { job: id, file, offset }: { readonly job: string; readonly file: string | null; readonly offset: number },
): Promise<{ data: string; length: number }> {
  const store = requireStore(parts);
  const job = store.known(id);
  const { built, file_deleted: isDeleted, state } = job;
  if (built === null || isDeleted) throw coded('JOB-STATE', { job: id, state, wanted: 'built, and its file kept' });
  if (file !== null && job.origin === 'imported') throw coded('BUNDLE-NO-FILE', { name: file });
  // Only the archive is kept then.
  if (file !== null && isEnded(job)) throw coded('JOB-STATE', { job: id, state, wanted: 'prepared or queued' });
  const content =
    file === null
      ? attachmentBody(parts.files, store.fileOf(job), built)
      : await (await parts.uploads.bundles.contents()).read(store.workOf(id), file);
  const chunks: Buffer[] = [];
  let length = 0;
  if (offset < content.length) {
    for await (const chunk of content.open(offset)) {
      const part = Buffer.from(chunk.subarray(0, PART_BYTES - length));
      chunks.push(part);
      length += part.length;
      if (length >= PART_BYTES) break;
    }
  }
  return { data: Buffer.concat(chunks).toString('base64'), length: content.length };
}
