// The demo as `npm start -- --once` runs it, with small packages and without the delay of its proxy, compared with the run
// that docs/demo.md quotes.

import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/reading/load.ts';
import type { LoadAgain } from '#daemon/parts.ts';
import { runDaemon } from '#daemon/run.ts';
import { type RunAgent, runDemo } from '#demo/demo.ts';
import type { RunCommand } from '#demo/demo-tools.ts';
import { DEMO_NEWS, DEMO_PACKAGES } from '#demo/packages.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { LastResort } from '#system/process/last-resort.ts';
import { eventOf, logLinesOf } from '#test/support/page-log-lines.ts';
import { runHere } from '#test/support/run-here.ts';

const SMALL = DEMO_PACKAGES.map((one) => ({ ...one, bytes: 1_000_000 }));
const page = readFileSync(new URL('../../docs/demo.md', import.meta.url), 'utf8');
const quoted = /<!-- run:begin -->\n```\n\$ [^\n]*\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

let outer: string;
let dir: string;
let printed = '';
let status: number;
const out = (line: string) => {
  printed += `${line}\n`;
};

const runAgent: RunAgent = async (file, { signal, onRound }) => {
  const known = new KnownSecrets();
  const at = (name: string) => join(dir, name);
  const places = { config: file, packagesDir: at('packages'), logsDir: at('logs'), stateDir: at('state') };
  const load: LoadAgain = () =>
    loadSettings({ file, places: { ...places, controlSocket: at('none') }, environment: {}, known });
  const loaded = await load();
  if (!loaded.ok) throw loaded.error;
  const failure = await runDaemon({
    loaded,
    load,
    known,
    version: '9.8.7',
    screen: { write: (text) => out(text.trimEnd()), tty: false, color: false, columns: () => 80 },
    form: 'text',
    once: false,
    signal,
    lastResort: new LastResort(),
    service: { notifySocket: null, watchdogMs: null },
    onRound: (failed) => onRound(failed === null ? 0 : 1),
  });
  return failure === null ? 0 : 1;
};

const runCommand: RunCommand = async (args, { terminal, signal }) => {
  const { code, out: answer, err } = await runHere(args, { signal });
  for (const line of err.split('\n').slice(0, -1)) terminal.err(line);
  for (const line of answer.split('\n').slice(0, -1)) terminal.out(line);
  return code;
};

beforeAll(async () => {
  outer = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-demo-')));
  dir = join(outer, 'demo');
  const { signal } = new AbortController();
  const terminal = { out, err: out };
  const given = { packages: SMALL, news: { ...DEMO_NEWS, bytes: 1_000_000 }, holdMs: 0 };
  status = await runDemo({ dir, once: true, signal, terminal, runAgent, runCommand, ...given });
});
afterAll(() => rmSync(outer, { recursive: true, force: true }));

/** Lines that are not log lines, without what differs between two runs. */
function otherLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => !logLinesOf(line).length && line !== '');
  return lines.map((line) =>
    line
      .replaceAll(/\/\S*\/demo(?=\/|$| )/g, 'DIR')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'RECEIPT')
      .replaceAll(/\b\d{8}-(?:[a-z2-9]{6}|[0-9a-f]{8})\b/g, 'JOB')
      .replaceAll(/\bL-[0-9a-f]{10}\b/g, 'LICENSE')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/^[A-Z0-9-]+–127/, 'HOST–127')
      .replaceAll(/\d+(?:\.\d+)? (?:KB|bytes)/g, 'SIZE')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS'),
  );
}

describe('a run of the demo', () => {
  it('demo: packages, documents, bundles and commands go through the proxy', () => {
    expect(status).toBe(0);
    expect(printed).toContain('(trust: signed)');
    expect(readFileSync(join(dir, 'packages/1602503.json'), 'utf8')).toMatch(/"trust": ?"signed"/);
    expect(printed.match(/Response via 1\.1 proxy\.example\.com\./g)?.length).toBeGreaterThan(6);
    const stored = readFileSync(join(dir, 'origin/received/analytics/documents.ndjson'), 'utf8');
    expect(stored.trimEnd().split('\n')).toHaveLength(3);
    expect(readFileSync(join(dir, 'packages/1602511.json'), 'utf8')).toMatch(/"trust": ?"signed"/);
    expect(printed).toContain('The server has the result of send-logs: done.');
    const [, bundle = ''] = /^ +(origin\/received\/support-logs\/\S+)$/m.exec(printed) ?? [];
    expect(zstdDecompressSync(readFileSync(join(dir, bundle))).toString('latin1')).toContain('configuration.yaml');
  });

  it('docs/demo.md: the quoted run prints the same lines as a real one', () => {
    expect(otherLines(quoted).length).toBeGreaterThan(20);
    expect(otherLines(quoted)).toEqual(otherLines(printed));
  });

  it('docs/demo.md: the quoted run reports the same events as a real one', () => {
    const eventsOf = (text: string) => [...new Set(logLinesOf(text).map(eventOf))].toSorted();
    expect(eventsOf(quoted)).toEqual(eventsOf(printed));
  });
});
