// What a running Sallyport adds to a bundle of support logs: its own reports as files. It also provides a function that
// masks every secret of this process, and the list of files that must not be collected.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { explainSettings } from '#config/reading/show.ts';
import type { Diagnosis, DiagnosisRequest, Status } from '#control/control.ts';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import type { LogsOrder, LogsPlan } from '#control/uploads/send-logs.ts';
import type { Parts } from '#daemon/parts.ts';
import type { BundleContents } from '#daemon/uploads/bundle-contents.ts';
import { coded } from '#errors/coded-error.ts';
import { redactDeep } from '#redaction/redact.ts';
import { SystemCommands } from '#system/process/command.ts';
import { buildBundle, planBundle } from '#uploads/bundle/contents/build-bundle.ts';
import type {
  BuiltBundle,
  BundleRedaction,
  BundleRequest,
  ContentsPorts,
  GivenSource,
} from '#uploads/bundle/contents/contents-types.ts';
import type { ManifestFile } from '#uploads/bundle/contents/manifest.ts';
import { readBuilt } from '#uploads/bundle/contents/work-folder.ts';
import { requesterWords } from '#uploads/bundle/jobs/bundle-jobs.ts';
import { inspectBundle } from '#uploads/bundle/jobs/inspect.ts';
import type { BuiltFile, Job } from '#uploads/bundle/jobs/job-record.ts';
import { openPseudonyms, peekPseudonyms } from '#uploads/redaction/pseudonym-store.ts';
import { Pseudonymizer } from '#uploads/redaction/pseudonymizer.ts';
import type { Pseudonyms } from '#uploads/redaction/pseudonyms.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';
import { BUILT_IN_RULES } from '#uploads/redaction/rules/built-in.ts';

const JOURNALCTL = '/usr/bin/journalctl';
/** Where systemd puts the credentials of services. */
const CREDENTIALS = '/run/credentials';

/** A plan is requested by a person. */
const BY_COMMAND = { requested_by: { how: 'command', user: null, request: null } } as const;

/** The part of the daemon that describes its state. */
interface Describer {
  status(): Promise<Status>;
  diagnose(request: DiagnosisRequest, signal: AbortSignal): Promise<Diagnosis>;
  explainTimeout(size: number | null): Promise<TimeoutExplanation>;
}

/** The contents of bundles of this process. */
export function bundleContents(parts: Parts, agent: Describer): BundleContents {
  const { files, ports } = parts;
  const contents = contentsPorts(parts, agent);
  const section = () => ports.settings().support_logs;
  return {
    build: async (job, work, signal) => {
      const request = { ...orderOf(job), settings: section(), pseudonyms: usesPseudonyms(section().pseudonyms, job) };
      return builtFile(await buildBundle(contents, request, { work, signal }));
    },
    plan: async (order, signal) => {
      const pseudonyms = usesPseudonyms(section().pseudonyms, BY_COMMAND);
      const request = { ...plannedOrder(order), settings: section(), pseudonyms };
      return await planOf({ ...contents, redaction: (given) => plannedRedaction(parts, given) }, request, signal);
    },
    read: async (work, name) => {
      const built = await readBuilt(files, work);
      const file = built.bundle.manifest.files.find((one) => one.name === name);
      if (file === undefined) throw coded('BUNDLE-NO-FILE', { name });
      return { length: file.bytes, open: (offset) => from(built.open(name), offset) };
    },
    check: async (path, _job, signal) => await inspectBundle(files, path, signal),
  };
}

function contentsPorts(parts: Parts, agent: Describer): ContentsPorts {
  const { files, clock, ports, config, logFile } = parts;
  return {
    files,
    clock,
    commands: new SystemCommands(clock),
    logFile,
    hostName: hostname(),
    version: ports.agent.version,
    journalctl: JOURNALCTL,
    neverCollected: () => ({
      folders: [ports.settings().daemon.state_dir, ports.store.dir, CREDENTIALS],
      files: config.loaded.files,
    }),
    builtIn: (name, signal) => givenText(parts, agent, { source: name, signal }),
    redaction: (request) => redactionFor(parts, request),
  };
}

/** @throws CodedError of the diagnosis; the reason of the signal */
async function givenText(
  parts: Parts,
  agent: Describer,
  { source, signal }: { readonly source: GivenSource; readonly signal: AbortSignal },
): Promise<string> {
  switch (source) {
    case 'configuration':
      return configurationText(parts);
    case 'status':
      return json(await agent.status());
    case 'diagnosis':
      return json(await agent.diagnose({ purposes: null, shell: {}, candidate: null, through: null }, signal));
    case 'timeouts':
      return json(await agent.explainTimeout(null));
    case 'versions':
      return json({
        sallyport: parts.ports.agent.version,
        node: process.versions,
        platform: process.platform,
        arch: process.arch,
      });
  }
}

/** One key a line, as YAML, with the line of the file. Secrets are `***`. */
function configurationText({ config, redactor }: Parts): string {
  const rows = redactDeep(explainSettings(config.loaded), redactor);
  return rows
    .map(
      ({ key, value, line }) =>
        `${JSON.stringify(key)}: ${JSON.stringify(value)}${line === null ? '' : `  # line ${line}`}\n`,
    )
    .join('');
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function redactionFor(parts: Parts, request: BundleRequest): Promise<BundleRedaction> {
  const { files, ports } = parts;
  const store = request.pseudonyms ? await openPseudonyms(files, pseudonymsFile(parts)) : null;
  if (store !== null && store.problem !== null) ports.report({ name: 'state-set-aside', error: store.problem });
  return {
    redactor: redactorFor(parts, request, store?.pseudonyms ?? null),
    rules: BUILT_IN_RULES,
    pseudonymGeneration: store?.pseudonyms.generation ?? null,
    savePseudonyms: async () => await store?.save(),
  };
}

/** As for a bundle, but no name is kept. */
async function plannedRedaction(parts: Parts, request: BundleRequest): Promise<BundleRedaction> {
  const pseudonyms = request.pseudonyms ? await peekPseudonyms(parts.files, pseudonymsFile(parts)) : null;
  const savePseudonyms = () => Promise.resolve();
  const redactor = redactorFor(parts, request, pseudonyms);
  return { redactor, rules: BUILT_IN_RULES, pseudonymGeneration: pseudonyms?.generation ?? null, savePseudonyms };
}

function redactorFor({ known, config }: Parts, { settings }: BundleRequest, pseudonyms: Pseudonyms | null) {
  const users = config.loaded.settings.proxies.flatMap(({ user }) => (user === undefined ? [] : [user]));
  const names = { hosts: [hostname()], users };
  const pseudonymizer = pseudonyms === null ? null : new Pseudonymizer(pseudonyms, names);
  return createBundleRedactor({ known, own: settings.redaction, pseudonymizer });
}

function pseudonymsFile({ ports }: Parts): string {
  return join(ports.settings().daemon.state_dir, 'pseudonyms.json');
}

/** `auto`: in bundles that no person at this host requested. */
function usesPseudonyms(
  setting: 'auto' | 'always' | 'never',
  { requested_by: by }: Pick<Job, 'requested_by'>,
): boolean {
  return setting === 'auto' ? by.how !== 'command' : setting === 'always';
}

function orderOf({ id, case: number, note, since, requested_by: by }: Job) {
  return { job: id, case: number, note, sinceMs: since, askedBy: requesterWords(by) };
}

function plannedOrder({ case: number, note, since }: LogsOrder) {
  const sinceMs = since === null ? null : Date.parse(since);
  return { job: 'dry-run', case: number, note, sinceMs, askedBy: 'dry run' };
}

async function planOf(contents: ContentsPorts, request: BundleRequest, signal: AbortSignal): Promise<LogsPlan> {
  const { sourceBytes, files, leftOut } = await planBundle(contents, request, signal);
  const missing = leftOut.map(({ name, reason }) => ({ name, reason }));
  return { source_bytes: sourceBytes, files: files.map(listedFile), left_out: missing };
}

function builtFile({ fileName, contentType, length, sha256, sourceBytes, manifest }: BuiltBundle): BuiltFile {
  return {
    name: fileName,
    content_type: contentType,
    length,
    sha256,
    source_bytes: sourceBytes,
    files: manifest.files.map(listedFile),
    left_out: manifest.left_out,
  };
}

function listedFile({ name, bytes, masked }: ManifestFile) {
  return { name, bytes, masked: Object.fromEntries(masked.map(({ rule, count }) => [rule, count])) };
}

/** The bytes of a stream from an offset. */
async function* from(chunks: AsyncIterable<Uint8Array>, offset: number): AsyncGenerator<Uint8Array> {
  let skip = offset;
  for await (const chunk of chunks) {
    if (chunk.length > skip) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}
