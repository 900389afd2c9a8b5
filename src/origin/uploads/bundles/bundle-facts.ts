// Reads what the sender of a bundle of support logs says about it: in the headers of a creation or a PUT, and in the
// body of a completion. Pure.
//
// Guarantees: a job ID and a file name contain no path, because they become the names of a folder and a file.

import type { IncomingHttpHeaders } from 'node:http';
import { agentOf, headerOf, isJob, isSha256, keyOf, sha256Of } from '#origin/uploads/upload-headers.ts';

/** One bundle. */
export interface BundleFacts {
  readonly job: string;
  /** Empty when the sender does not name itself. */
  readonly agent: string;
  readonly sha256: string;
  /** Bytes. */
  readonly length: number;
  readonly filename: string;
  readonly filetype: string;
  /** The support case that it belongs to. */
  readonly case: string | null;
}

/** What the completion of an upload says. */
export interface Completion {
  readonly job: string;
  readonly sha256: string;
  readonly length: number;
  readonly case: string | null;
  readonly note: string | null;
}

/** The facts, or what is wrong with them in words. */
export type ReadFacts<T> = { readonly facts: T } | { readonly problem: string };

const FILENAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Names of our own files next to a bundle. */
const OUR_ENDINGS = /\.(?:json|new)$/i;
const FILETYPE = /^[A-Za-z0-9!#$&^_.+-]{1,64}\/[A-Za-z0-9!#$&^_.+-]{1,64}$/;
const BYTES = /^\d{1,15}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_CASE_LENGTH = 128;
const MAX_NOTE_LENGTH = 4_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Reads the head of a tus creation. */
export function readCreation(headers: IncomingHttpHeaders): ReadFacts<BundleFacts> {
  const metadata = readMetadata(headerOf(headers, 'upload-metadata') ?? '');
  if (metadata === null) return { problem: 'Upload-Metadata is missing or not valid' };
  const length = headerOf(headers, 'upload-length') ?? '';
  if (!BYTES.test(length)) return { problem: 'Upload-Length is missing; its length must be known' };
  const [job, sha256] = [metadata.get('job'), metadata.get('sha256')];
  if (keyOf(headers) !== job) return { problem: 'Idempotency-Key is not the job of Upload-Metadata' };
  return checkFacts({
    job,
    sha256,
    agent: agentOf(headers),
    length: Number(length),
    filename: metadata.get('filename'),
    filetype: metadata.get('filetype'),
    case: metadata.get('case') ?? null,
  });
}

/** Reads the head of a PUT to a file name. */
export function readPut(headers: IncomingHttpHeaders, filename: string): ReadFacts<BundleFacts> {
  const job = keyOf(headers);
  if (job === null || !filename.startsWith(`${job}.`)) {
    return { problem: 'Idempotency-Key is not the job that the file is named after' };
  }
  return checkFacts({
    job,
    filename,
    agent: agentOf(headers),
    sha256: sha256Of(headers, 'repr-digest') ?? undefined,
    length: Number(headerOf(headers, 'content-length')),
    filetype: headerOf(headers, 'content-type'),
    case: headerOf(headers, 'sallyport-case') ?? null,
  });
}

/** Reads the body of a completion. */
export function readCompletion(body: string): ReadFacts<Completion> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { problem: 'the body is not JSON' };
  }
  const fields = (typeof value === 'object' ? (value ?? {}) : {}) as Record<string, unknown>;
  const { job, sha256, length, case: case_ = null, note = null } = fields;
  if (!isJob(job)) return { problem: 'job is missing or not valid' };
  if (!isSha256(sha256)) return { problem: 'sha256 is missing or not valid' };
  if (!Number.isSafeInteger(length)) return { problem: 'length is missing or not valid' };
  if (!isCase(case_)) return { problem: 'case is not valid' };
  if (note !== null && (typeof note !== 'string' || note.length > MAX_NOTE_LENGTH))
    return { problem: 'note is not valid' };
  return { facts: { job, sha256, length: length as number, case: case_, note } };
}

/** Whether both are the same bytes of the same job. */
export function isSameBundle(one: Completion | BundleFacts, other: BundleFacts): boolean {
  return one.job === other.job && one.sha256 === other.sha256 && one.length === other.length;
}

type Unchecked = { readonly [Field in keyof BundleFacts]: BundleFacts[Field] | undefined };

function checkFacts(facts: Unchecked): ReadFacts<BundleFacts> {
  const { filename = '', filetype = '' } = facts;
  if (!isJob(facts.job)) return { problem: 'the job is missing or not valid' };
  if (!isSha256(facts.sha256)) return { problem: 'the sha256 is missing or not valid' };
  if (!FILENAME.test(filename) || OUR_ENDINGS.test(filename)) return { problem: 'the file name is not valid' };
  if (!FILETYPE.test(filetype)) return { problem: 'the file type is not valid' };
  return isCase(facts.case) ? { facts: facts as BundleFacts } : { problem: 'the case is not valid' };
}

function isCase(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= MAX_CASE_LENGTH && !CONTROL.test(value));
}

/** The pairs of a header `Upload-Metadata` (tus 1.0, creation); null when it is not valid. */
function readMetadata(header: string): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>();
  for (const pair of header.split(',')) {
    const [name = '', value = '', ...rest] = pair.trim().split(' ');
    if (name === '' || rest.length > 0 || found.has(name) || !BASE64.test(value)) return null;
    found.set(name, Buffer.from(value, 'base64').toString('utf8'));
  }
  return found;
}
