// A sender of uploads for the tests of the reference server: heads as an agent makes them, over fetch and tus-js-client.

import { createHash } from 'node:crypto';
import { Upload } from 'tus-js-client';
import type { Origin } from '#origin/server.ts';

export const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A bundle as an agent describes it. */
export interface TestBundle {
  readonly job: string;
  readonly bytes: Buffer;
  readonly agent?: string;
  readonly filename?: string;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function send(url: string, init: RequestInit): Promise<TestAnswer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  const body = isJson ? (JSON.parse(text) as TestAnswer['body']) : { text };
  return { status: response.status, headers: response.headers, body };
}

function creationHead({
  job,
  bytes,
  agent = 'agent-1',
  filename = `${job}.tar.zst`,
}: TestBundle): Record<string, string> {
  return {
    'tus-resumable': '1.0.0',
    'upload-length': String(bytes.length),
    'upload-metadata':
      `job ${base64(job)},sha256 ${base64(sha256(bytes))},filename ${base64(filename)},` +
      `filetype ${base64('application/zstd')},case ${base64('C-17')}`,
    'idempotency-key': job,
    'sallyport-agent': agent,
  };
}

/** Creates an upload; the headers replace those of an agent. */
export function create(origin: Origin, bundle: TestBundle, headers: Record<string, string> = {}): Promise<TestAnswer> {
  return send(origin.supportLogsUrl, { method: 'POST', headers: { ...creationHead(bundle), ...headers } });
}

/** The whole URL of an upload that was created. */
export const uploadUrl = (origin: Origin, { headers }: TestAnswer) =>
  new URL(headers.get('location') ?? '', origin.supportLogsUrl).href;

export function patch(
  url: string,
  chunk: Buffer,
  offset: number,
  headers: Record<string, string> = {},
): Promise<TestAnswer> {
  return send(url, {
    method: 'PATCH',
    headers: {
      'tus-resumable': '1.0.0',
      'upload-offset': String(offset),
      'content-type': 'application/offset+octet-stream',
      ...headers,
    },
    body: new Uint8Array(chunk),
  });
}

export const head = (url: string) => send(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });

export function complete(
  url: string,
  { job, bytes }: TestBundle,
  more: Record<string, unknown> = {},
): Promise<TestAnswer> {
  return send(`${url}/complete`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sallyport-agent': 'agent-1' },
    body: JSON.stringify({ job, sha256: sha256(bytes), length: bytes.length, ...more }),
  });
}

export function put(origin: Origin, bundle: TestBundle, headers: Record<string, string> = {}): Promise<TestAnswer> {
  const { job, bytes, agent = 'agent-1', filename = `${job}.zip` } = bundle;
  return send(`${origin.supportLogsUrl}/${filename}`, {
    method: 'PUT',
    headers: {
      'content-type': 'application/zip',
      'repr-digest': `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`,
      'idempotency-key': job,
      'sallyport-agent': agent,
      ...headers,
    },
    body: new Uint8Array(bytes),
  });
}

/** Uploads with tus-js-client to an existing URL, as an agent does; rejects when it fails. */
export function uploadByTus(url: string, bytes: Buffer, options: { overridePatch?: boolean } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(bytes, {
      uploadUrl: url,
      chunkSize: 100_000,
      retryDelays: [],
      overridePatchMethod: options.overridePatch ?? false,
      onSuccess: () => resolve(),
      onError: reject,
    });
    upload.start();
  });
}
