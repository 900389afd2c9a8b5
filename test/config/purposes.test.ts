// A purpose is a row of the table and a file with its section. This test adds a fifth one to a copy of the source.
// Every part that lists purposes must then include it.

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const MODULE = `import { purposeSection, uploadUrl } from './purpose-section.ts';

export const fieldReports = purposeSection(
  {
    name: 'field_reports',
    title: 'Field reports',
    sends: 'field reports are sent to',
    enables: 'field reports may be sent',
    traffic: 'field reports',
    url: uploadUrl('https://reports.example.com/'),
  },
  {},
);
`;
const ROW = `  {
    ...SENDS_ONLY,
    name: 'field_reports',
    title: 'field reports',
    traffic: 'field reports use',
    thread: 'Reports',
    section: fieldReports,
    uses: { field_reports: ['GET'] },
  },
`;
const CONFIG = `version: 2
proxies: [{name: corp, address: proxy.example.com, default: true}]
use_proxy_for: {field_reports: none}
field_reports:
  enabled: true
  url: https://reports.example.com/in
  bearer_token: "a-long-enough-token"
  pins: [sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=, sha256/BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=]
`;

/** Prints what each part that lists purposes returns for the fifth. */
const PROBE = `import { makeExample } from '#config/generate/example.ts';
import { makeJsonSchema } from '#config/generate/json-schema.ts';
import { loadSettings } from '#config/reading/load.ts';
import { endpointListSchema } from '#control/endpoints.ts';
import { listEndpoints } from '#daemon/answers/endpoints.ts';
import { probesFor } from '#daemon/trial/probes.ts';
import { readTrusts } from '#daemon/reload/read-trust.ts';
import { describeRoutes } from '#daemon/answers/routes.ts';
import { diagnosisRequestSchema } from '#diagnose/report.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { chooseProxy } from '#proxy/choosing/choice.ts';
import { proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';

const place = (name) => import.meta.dirname + '/' + name;
const places = { config: place('sallyport.yaml'), packagesDir: place('p'), logsDir: place('l'), stateDir: place('s'), controlSocket: place('c.sock') };
const loaded = await loadSettings({ file: place('sallyport.yaml'), places, environment: {}, known: new KnownSecrets() });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { settings } = loaded;
const purpose = 'field_reports';
const ports = { agent: { version: '1' }, tokens: { check: () => undefined } };
const router = { route: (of, target) => ({ how: 'direct', target, proxy: null, reasons: [] }) };
const asked = { settings, observedHosts: [], now: 0, version: '1', config: '', source: 'file', placeOf: () => null };
const list = endpointListSchema.parse(listEndpoints(asked));
process.stdout.write(JSON.stringify({
  example: makeExample().includes('#url: https://reports.example.com/'),
  schema: Object.keys(JSON.parse(makeJsonSchema()).properties.field_reports.properties),
  choice: chooseProxy(purpose, { host: 'reports.example.com', port: 443 }, settings).proxy,
  kept: purpose in proxiesByPurpose(settings),
  route: describeRoutes(router, settings).find((row) => row.purpose === purpose),
  endpoint: list.endpoints.find((row) => row.purpose === purpose)?.from,
  pins: (await readTrusts(settings)).purposes[purpose].pins.length,
  headers: purposeHeaders(purpose, settings, { ...ports, credentials: true }).authorization,
  probe: probesFor(ports, settings).find((probe) => probe.purpose === purpose)?.target,
  diagnosis: diagnosisRequestSchema.shape.purposes.parse([purpose]),
}));
`;

let dir: string;
let said: Record<string, unknown>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-fifth-'));
  await cp(join(ROOT, 'src'), join(dir, 'src'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(dir, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  await writeFile(join(dir, 'sallyport.yaml'), CONFIG, { mode: 0o600 });
  await writeFile(join(dir, 'probe.ts'), PROBE);
  // A new purpose changes only these two files.
  await writeFile(join(dir, 'src/config/schema/field-reports.ts'), MODULE);
  const table = await readFile(join(dir, 'src/config/purposes.ts'), 'utf8');
  const withRow = table
    .replace('] as const satisfies', `${ROW}] as const satisfies`)
    .replace('import { platform }', "import { fieldReports } from './schema/field-reports.ts';\nimport { platform }");
  await writeFile(join(dir, 'src/config/purposes.ts'), withRow);
  const { stdout } = await run(process.execPath, [join(dir, 'probe.ts')]);
  said = JSON.parse(stdout) as Record<string, unknown>;
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('a fifth purpose', () => {
  it('has a section in the configuration, the schema and the example', () => {
    expect(said).toMatchObject({ example: true });
    expect(said['schema']).toEqual(
      expect.arrayContaining(['enabled', 'url', 'headers', 'bearer_token', 'client_certificate', 'ca_file', 'pins']),
    );
  });

  it('has a route, and the path memory keeps it', () => {
    expect(said).toMatchObject({
      choice: null,
      kept: true,
      route: { purpose: 'field_reports', how: 'direct', enabled: true, target: 'https://reports.example.com/in' },
    });
  });

  it('has its own trust and credentials', () => {
    expect(said).toMatchObject({ pins: 2, headers: 'Bearer a-long-enough-token' });
  });

  it('is diagnosed and listed as an endpoint', () => {
    expect(said).toMatchObject({
      probe: 'https://reports.example.com/in',
      diagnosis: ['field_reports'],
      endpoint: ['field_reports.url (not set in the file)'],
    });
  });

  it('is a choice on the command line', async () => {
    const { stdout } = await run(process.execPath, [join(dir, 'src/main.ts'), 'diagnose', '--help']);

    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `${PURPOSES.map((name) => `"${name}"`).join(', ')}, "field_reports"`,
    );
  });
});
