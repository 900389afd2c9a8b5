// A signed repository that is spread over two servers: the token and the headers go only to the server of its metadata.

import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Secret } from '#redaction/secret.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { mirrorRepository } from '#updates/medium/mirror.ts';

const DIR = '/data';
const ROOT = '/etc/root.json';
const JAR = makeJar('u1', 4_000);
/** Above the size up to which a mirror reads targets into memory. */
const LARGE = Buffer.alloc(4_194_305, 'a manual');
const OWN = ['Bearer token-of-updates', 'key-of-updates'];

let vendor: SignedOrigin;
let other: SignedOrigin;
/** What each server received: the path, and the headers with secrets. */
let received: { vendor: Map<string, unknown[]>; other: Map<string, unknown[]> };

beforeEach(async () => {
  vendor = await SignedOrigin.start();
  other = await SignedOrigin.start();
  vendor.offer([{ item: itemFor('u1', JAR), bytes: JAR }]);
  vendor.repository.addTarget('targets', 'manual.pdf', LARGE);
  vendor.repository.publishAll();
  other.repository.metadata = (request) => vendor.repository.metadata(request);
  other.repository.target = (request) => vendor.repository.target(request);
  received = { vendor: new Map(), other: new Map() };
  vendor.intercept = ({ url, headers }) => note(received.vendor, url, headers);
  other.intercept = ({ url, headers }) => note(received.other, url, headers);
});
afterEach(async () => {
  await vendor.close();
  await other.close();
});

function note(by: Map<string, unknown[]>, url: string | undefined, headers: IncomingHttpHeaders): false {
  by.set(url ?? '', [headers.authorization, headers['x-key']]);
  return false;
}

async function rig(tuf: Record<string, unknown>): Promise<Rig> {
  const files = new CrashingFiles();
  files.plantFile(ROOT, vendor.repository.initialRoot);
  const settings = testSettings(DIR, {
    updates: { ...vendor.settings(ROOT, tuf), allowed_origins: [other.url] },
  });
  settings.updates.bearer_token = new Secret('token-of-updates');
  settings.updates.headers = { 'X-Key': new Secret('key-of-updates') };
  return await openRig({ files, dir: DIR, settings, clock: SIGNED_CLOCK });
}

/** Every request for a file of this name had these headers, and there was one. */
function expectSent(by: Map<string, unknown[]>, ending: string, headers: readonly unknown[]): void {
  const sent = [...by].filter(([path]) => path.endsWith(ending)).map(([, values]) => values);
  expect(new Set(sent), ending).toEqual(new Set([headers]));
}

const NONE = [undefined, undefined];

it('secrets: stay with the metadata if the files are on another server', async () => {
  const run = await rig({ targets_url: `${other.url}/targets/` });
  expect(await run.round()).toMatchObject({ error: null, published: ['u1'] });
  expectSent(received.vendor, 'timestamp.json', OWN);
  for (const ending of ['.feed.json', '.u1.jar']) expectSent(received.other, ending, NONE);
});

it('secrets: go with the files to the server of the metadata, and not where it redirects to', async () => {
  vendor.intercept = ({ url = '', headers }, response) => {
    note(received.vendor, url, headers);
    response.writeHead(307, { location: `${other.url}${url}` }).end();
    return true;
  };
  const run = await rig({});
  expect(await run.round()).toMatchObject({ error: null, published: ['u1'] });
  for (const ending of ['timestamp.json', '.feed.json', '.u1.jar']) {
    expectSent(received.vendor, ending, OWN);
    expectSent(received.other, ending, NONE);
  }
});

it('secrets: reach no mirror, neither with its metadata nor with its files', async () => {
  const run = await rig({ mirrors: [{ metadata_url: `${other.url}/metadata/` }] });
  expect(await run.round()).toMatchObject({ error: null, published: ['u1'] });
  for (const ending of ['timestamp.json', '.feed.json', '.u1.jar']) expectSent(received.other, ending, NONE);
});

it('secrets: of a host that makes a mirror stay with the metadata as well', async () => {
  const { ports } = await rig({ targets_url: `${other.url}/targets/` });
  await mirrorRepository(ports, '/srv/mirror', new AbortController().signal);
  expectSent(received.vendor, 'timestamp.json', OWN);
  for (const ending of ['.feed.json', '.u1.jar', '.manual.pdf']) expectSent(received.other, ending, NONE);
});

it('secrets: of a host that makes a mirror go with the files to the server of the metadata', async () => {
  const { ports } = await rig({});
  await mirrorRepository(ports, '/srv/mirror', new AbortController().signal);
  for (const ending of ['.feed.json', '.manual.pdf']) expectSent(received.vendor, ending, OWN);
});
