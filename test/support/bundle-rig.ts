// Builds bundles from a real folder of sources with the real redactor. The work folder is on a disk in memory or a real
// one. The test gives the texts of the daemon and of the journal.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { type StreamedCommands, SystemCommands } from '#system/process/command.ts';
import { realFiles } from '#system/real-files.ts';
import { buildBundle, planBundle } from '#uploads/bundle/contents/build-bundle.ts';
import type {
  BundleRequest,
  ContentsPorts,
  GivenSource,
  SupportLogs,
} from '#uploads/bundle/contents/contents-types.ts';
import { type BuiltContents, readBuilt } from '#uploads/bundle/contents/work-folder.ts';
import { Pseudonymizer } from '#uploads/redaction/pseudonymizer.ts';
import { Pseudonyms } from '#uploads/redaction/pseudonyms.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';
import { BUILT_IN_RULES } from '#uploads/redaction/rules/built-in.ts';

export interface BundleRigOptions {
  readonly files?: Files;
  readonly work?: string;
  readonly secrets?: readonly string[];
  readonly commands?: StreamedCommands;
  readonly clock?: Clock;
  readonly over?: Partial<ContentsPorts>;
}

/** A host with sources below `root`. */
export interface BundleRig {
  readonly root: string;
  readonly work: string;
  readonly ports: ContentsPorts;
  /** Writes a source; the path is relative to the root. Returns the absolute one. */
  put(path: string, content: string | Uint8Array): string;
  request(settings?: Partial<SupportLogs>, over?: Partial<BundleRequest>): BundleRequest;
  build(request: BundleRequest, signal?: AbortSignal): ReturnType<typeof buildBundle>;
  plan(request: BundleRequest): ReturnType<typeof planBundle>;
  contents(): Promise<BuiltContents>;
  /** The text of a file of the finished bundle. */
  text(name: string): Promise<string>;
}

const NO_JOURNAL = '/nonexistent/journalctl';

export function bundleRig(options: BundleRigOptions = {}): BundleRig {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-bundle-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const known = new KnownSecrets();
  for (const secret of options.secrets ?? []) known.add(secret);
  const { files = realFiles, clock = systemClock } = options;
  const work = options.work ?? join(root, 'state', 'work');
  const pseudonyms = new Pseudonyms(null);
  const ports: ContentsPorts = {
    files,
    clock,
    commands: options.commands ?? new SystemCommands(clock),
    logFile: join(root, 'logs', 'sallyport.log'),
    hostName: 'web01.bank.internal',
    version: '0.1.0',
    journalctl: NO_JOURNAL,
    neverCollected: () => ({ folders: [join(root, 'state')], files: [join(root, 'sallyport.yaml')] }),
    builtIn: (name: GivenSource) => Promise.resolve(name === 'configuration' ? 'version: 2\n' : `{"${name}": true}\n`),
    redaction: ({ settings, pseudonyms: isNamed }) => {
      const pseudonymizer = isNamed
        ? new Pseudonymizer(pseudonyms, { hosts: ['web01.bank.internal'], users: ['jdoe'] })
        : null;
      return Promise.resolve({
        redactor: createBundleRedactor({ known, own: settings.redaction, pseudonymizer }),
        rules: BUILT_IN_RULES,
        pseudonymGeneration: null,
        savePseudonyms: () => Promise.resolve(),
      });
    },
    ...options.over,
  };
  const signal = () => new AbortController().signal;
  const contents = () => readBuilt(files, work);
  return {
    root,
    work,
    ports,
    put: (path, content) => {
      const full = join(root, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      return full;
    },
    request: (settings = {}, over = {}) => ({
      job: '20261130-k3f9q2',
      case: null,
      note: null,
      sinceMs: null,
      askedBy: 'admin root',
      pseudonyms: false,
      settings: {
        max_bytes: 268_435_456,
        sources: ['log'],
        archive: 'tar.zst',
        encrypt_to: [],
        redaction: [],
        ...settings,
      },
      ...over,
    }),
    build: (request, given = signal()) => buildBundle(ports, request, { work, signal: given }),
    plan: (request) => planBundle(ports, request, signal()),
    contents,
    text: async (name) => await textOf((await contents()).open(name)),
  };
}

/** All of a stream of text. */
export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts).toString();
}
