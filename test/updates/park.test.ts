// What a stop in the middle of a download leaves, also when the power fails right after it.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const JAR = makeJar('u1', 200_000);
const HALF = 60_000;
const STAGED = '/d/packages/.staging/u1.jar.unverified';

let origin: ScriptedOrigin;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
});
afterEach(() => origin.close());

it('stop: a partial download survives a power cut, and the next round resumes it', async () => {
  const settings = testSettings('/d', { updates: { feed_url: `${origin.url}/feed.json` } });
  const files = new CrashingFiles();
  const { ports, round } = await openRig({ files, dir: '/d', settings });
  origin.on('/u1.jar', (_request, response) => {
    response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
    response.write(JAR.subarray(0, HALF));
  });
  const stop = new AbortController();
  const stopped = round(stop.signal).catch(() => undefined);
  await expect.poll(async () => (await ports.files.facts(STAGED))?.size, { interval: 2, timeout: 10_000 }).toBe(HALF);
  stop.abort(new Error('stop'));
  await stopped;

  const after = files.afterCrash('power-lost');
  expect((await after.facts(STAGED))?.size).toBe(HALF);
  origin.serve('/u1.jar', JAR);
  const next = await openRig({ files: after, dir: '/d', settings });
  await next.round();
  expect(next.events).toContainEqual({ name: 'resuming', id: 'u1', offset: HALF, length: JAR.length });
  expect(next.events.map(({ name }) => name)).toContain('published');
});
