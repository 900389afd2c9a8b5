/**
 * The whole program behind a proxy of a test, and the command `sallyport diagnose`: its text, JSON and exit status. The origin
 * is an HTTPS server with a feed and one package.
 */

import { writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { diagnoseCommand } from '#cli/diagnose.ts';
import { loadSettings } from '#config/reading/load.ts';
import type { Diagnosis, DiagnosisRequest } from '#control/control.ts';
import { runDiagnosis } from '#daemon/trial/diagnosis.ts';
import { undiagnosed } from '#daemon/trial/undiagnosed.ts';
import { diagnosisSchema } from '#diagnose/report.ts';
import { createRedactor } from '#redaction/redact.ts';
import { WatchedClock } from '#system/time/watched-clock.ts';
import { createCa, type KeyPair } from './certificates.ts';
import { type Around, composeIn } from './composed.ts';
import { ConfigFolder, TEST_PLACES } from './config-file.ts';
import { fakeControl } from './fake-control.ts';
import { fakeTerminal } from './fake-terminal.ts';
import { feedOf, itemFor, makeJar } from './jars.ts';
import { testRouter } from './test-router.ts';
import { startTlsOrigin, type TlsOrigin } from './tls-origin.ts';
import { yamlOf } from './yaml-of.ts';

const JAR = makeJar('1602503', 200_000);
const NEVER = new AbortController().signal;

/** Nothing of the shell, everything of the settings. */
const ASKED: DiagnosisRequest = { purposes: null, shell: {}, candidate: null, through: null };

export const ca = createCa();
const TRUST = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

/** Answers with the feed and its package; a range as an honest server, or all of it. */
function feedServer(options: { ranges?: boolean; date?: string; page?: boolean } = {}): RequestListener {
  const { ranges = true, date, page = false } = options;
  return (request, response) => {
    if (date !== undefined) response.setHeader('date', date);
    if (request.url === '/feed.json') {
      response.setHeader('content-type', 'application/json');
      response.end(feedOf([itemFor('1602503', JAR)]));
      return;
    }
    if (request.url !== '/1602503.jar') {
      response.writeHead(404).end('no such thing');
      return;
    }
    if (page) {
      response.setHeader('content-type', 'text/html');
      response.end('<html><title>Blocked: downloads of software</title></html>');
      return;
    }
    const range = /^bytes=0-(\d+)$/.exec(request.headers.range ?? '');
    response.setHeader('etag', '"v1"');
    if (range === null || !ranges) {
      response.end(JAR);
      return;
    }
    const last = Number(range[1]);
    response.writeHead(206, { 'content-range': `bytes 0-${last}/${JAR.length}` });
    response.end(JAR.subarray(0, last + 1));
  };
}

export async function startFeedOrigin(
  options: Parameters<typeof feedServer>[0] & { pair?: KeyPair } = {},
): Promise<TlsOrigin> {
  return await startTlsOrigin(options.pair ?? ca.issue(), { answer: feedServer(options) });
}

/** Settings of an agent whose feed is at this https origin, by this name. */
export async function feedSettings(port: number, host = 'localhost'): Promise<Record<string, unknown>> {
  const file = join(tmpdir(), `sallyport-diagnosis-ca-${process.pid}.pem`);
  await writeFile(file, ca.cert);
  return { updates: { feed_url: `https://${host}:${port}/feed.json`, ca_file: file } };
}

export interface DiagnosisOutput {
  /** The first line of the answer. */
  readonly first: string;
  readonly lines: readonly string[];
  readonly status: number;
  readonly diagnosis: Diagnosis;
}

export interface DiagnosisSetup extends Around {
  readonly sections: Readonly<Record<string, unknown>>;
  readonly asked?: Partial<DiagnosisRequest>;
  readonly mode?: 'daemon' | 'command';
  /** Our CA is trusted for every purpose, whatever the settings say. */
  readonly trustsEverywhere?: boolean;
}

/** Diagnoses a file that the program has rejected. */
export async function printRefusedFile(sections: Readonly<Record<string, unknown>>): Promise<DiagnosisOutput> {
  const folder = await ConfigFolder.make();
  try {
    const file = await folder.write('sallyport.yaml', yamlOf({ version: 2, ...sections }), 0o600);
    const loaded = await loadSettings({ file, places: TEST_PLACES, environment: {}, known: folder.known });
    if (loaded.ok) throw new Error('the file was taken');
    const about = { file, version: '9.8.7', nowMs: 0, shell: {}, redactor: createRedactor(folder.known) };
    return await printBoth(Promise.resolve(undiagnosed(loaded, about)), ASKED);
  } finally {
    await folder.remove();
  }
}

/** Tells one diagnosis twice: for people, and as JSON. */
export async function printDiagnosis(setup: DiagnosisSetup): Promise<DiagnosisOutput> {
  const { sections, mode = 'daemon', asked = {}, trustsEverywhere = false, clock, ...around } = setup;
  const composed = await composeIn(sections, mode, clock === undefined ? around : { ...around, clock });
  const { parts } = composed;
  try {
    const request = { ...ASKED, ...asked, authority: 'admin' as const };
    const routerFor: typeof parts.routerFor = (settings) => Promise.resolve(testRouter({ settings, trust: TRUST }));
    const changed = {
      ...(trustsEverywhere ? { routerFor } : {}),
      ...(clock === undefined ? {} : { clock: new WatchedClock(clock) }),
    };
    const once =
      Object.keys(changed).length > 0
        ? runDiagnosis({ ...parts, ...changed }, request, NEVER)
        : composed.agent.diagnose(request, NEVER);
    return await printBoth(once, request);
  } finally {
    await composed.remove();
  }
}

async function printBoth(once: Promise<Diagnosis>, request: DiagnosisRequest): Promise<DiagnosisOutput> {
  const control = fakeControl({ diagnose: () => once });
  const options = { request, retryCredential: false, signal: NEVER };
  const terminal = fakeTerminal();
  const status = await diagnoseCommand(control, terminal, { ...options, json: false });
  const machine = fakeTerminal();
  expect(await diagnoseCommand(control, machine, { ...options, json: true })).toBe(status);
  const printed: unknown = JSON.parse(machine.printed.join('\n'));
  const diagnosis = diagnosisSchema.parse(printed);
  // Nothing that the schema does not have.
  expect(printed).toEqual(diagnosis);
  return { first: terminal.printed[diagnosis.as.service ? 0 : 1] ?? '', lines: terminal.printed, status, diagnosis };
}
