import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { DEFAULT_UPLOAD_LIMITS } from '#origin/uploads/upload-options.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { CODINGS } from '#uploads/analytics/batch-request.ts';
import { classifyAnswer } from '#uploads/analytics/receipt.ts';

const run = promisify(execFile);
const page = await readFile(new URL('../../../docs/protocol-uploads.md', import.meta.url), 'utf8');
const GIB = 1_073_741_824;

/** The commands of the page, which a vendor can copy. */
function commandsOf(name: string): string {
  return new RegExp(`try:begin ${name} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? 'exit 9';
}

describeWith(['curl', 'openssl'], 'docs/protocol-uploads.md: commands to try', () => {
  let dir = '';
  let origin: Origin;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-protocol-'));
    origin = await startOrigin({ dir });
  });

  afterAll(async () => {
    await origin.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function attempt(name: string): Promise<string> {
    const env = {
      PATH: process.env['PATH'],
      ANALYTICS_URL: origin.analyticsUrl,
      SUPPORT_LOGS_URL: origin.supportLogsUrl,
    };
    const { stdout } = await run('sh', ['-eu', '-c', commandsOf(name)], { cwd: dir, env });
    return stdout;
  }

  it('protocol-uploads: the batch gets a receipt with 201, and the same one with 200', async () => {
    const first = await attempt('analytics');
    expect(first).toMatch(/"durable":true[\s\S]*201\n$/);
    expect(await attempt('analytics')).toBe(first.replace(/201\n$/, '200\n'));
    expect(origin.record.documents).toBe(1);
  });

  it('protocol-uploads: the bundle arrives by tus, is completed and has a receipt', async () => {
    expect(await attempt('support-logs')).toMatch(/^204\n\{"job":"job-1".*"durable":true[\s\S]*201\n$/);
    expect(origin.record.bundles).toMatchObject([{ job: 'job-1', filename: 'job-1.zip', by: 'tus' }]);
  });

  it('protocol-uploads: the bundle arrives by PUT', async () => {
    expect(await attempt('put')).toMatch(/"job":"job-2".*"durable":true[\s\S]*201\n$/);
    expect(origin.record.bundles).toMatchObject([{ job: 'job-1' }, { job: 'job-2', by: 'put' }]);
  });

  it('protocol-uploads: the test object is read and stored nowhere', async () => {
    expect(await attempt('test-object')).toMatch(/"test":true,"length":1024[\s\S]*200\n$/);
    expect(origin.record.documents).toBe(1);
  });
});

it('protocol-uploads: the limits of the reference server are the ones that it enforces', () => {
  const { batchBytes, batchDocuments, storedDocuments, storedBytes, bundleBytes } = DEFAULT_UPLOAD_LIMITS;
  const { bundles, bundlesBytes, unfinishedBytes, unfinishedMs, testBytes } = DEFAULT_UPLOAD_LIMITS;
  const rows = [
    `| Size of a batch | ${batchDocuments.toLocaleString('en')} documents, and ${batchBytes / 1_048_576} MiB both before and after content coding |`,
    `| Size of a bundle, of a test object | ${bundleBytes / GIB} GiB, ${testBytes / 1_048_576} MiB |`,
    `| Documents that are stored | ${storedDocuments.toLocaleString('en')}, and ${storedBytes / GIB} GiB |`,
    `| Bundles that are stored | ${bundles.toLocaleString('en')}, and ${bundlesBytes / GIB} GiB |`,
    `| Unfinished uploads | ${unfinishedBytes / GIB} GiB together, each at most ${unfinishedMs / 86_400_000} days old |`,
  ];
  expect(rows.filter((row) => !page.includes(row))).toEqual([]);
});

it('protocol-uploads: the agent tries the content codings in the order of the page', () => {
  expect(page).toContain('First `zstd`. After a response 415, the agent tries `gzip`, and then no content coding.');
  expect(CODINGS).toEqual(['zstd', 'gzip', 'identity']);
});

it('protocol-uploads: the agent accepts the receipt and the refusal of the page', () => {
  const [, receipt = ''] = /### The receipt of a batch[\s\S]*?```json\n([\s\S]*?)```/.exec(page) ?? [];
  const [, problem = ''] = /application\/problem\+json\n\n(\{.*\})/.exec(page) ?? [];
  const sent = { batch: '01JDWZ3M7Q-0', sha256: '5420af8551008725033…', documents: 2 };
  const answer = (status: number, type: string, text: string) =>
    classifyAnswer({ status, contentType: type, body: Buffer.from(text) }, sent);
  expect(answer(201, 'application/json', receipt)).toMatchObject({ means: 'receipt', rejected: [{}] });
  expect(answer(422, 'application/problem+json', problem)).toEqual({
    means: 'refused',
    reason: 'Line 2 has no asset.',
  });
});
