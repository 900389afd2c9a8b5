// A round over real TLS on a real disk, and a real program that is run for what it published.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#system/clock.ts';
import { SystemCommands } from '#system/process/command.ts';
import { realFiles } from '#system/real-files.ts';
import { createCa } from '#test/support/certificates.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { HookQueue } from '#updates/hook/hook.ts';

const ca = createCa();
const jars = new Map(['u1', 'tool2'].map((id) => [id, makeJar(id, 3_000)]));
let dir: string;
let origin: TlsOrigin;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-hook-'));
  const item = (id: string, over: object) => itemFor(id, jars.get(id) ?? Buffer.alloc(0), { package: id, ...over });
  const feed = feedOf([item('u1', { requires: ['tool2'] }), item('tool2', {})]);
  origin = await startTlsOrigin(ca.issue(), {
    answer: (request, response) => {
      const body = request.url === '/feed.json' ? Buffer.from(feed) : jars.get((request.url ?? '').slice(1, -4));
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' });
      response.end(body);
    },
  });
});
afterEach(async () => {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

async function roundWith(command: string, given: string[]): Promise<{ rig: Rig; queue: HookQueue }> {
  const settings = testSettings(dir, {
    updates: {
      feed_url: new URL('feed.json', origin.url).href,
      on_published: { command, arguments: given },
      hook_trust: 'tls',
      reserve_bytes: 0,
    },
  });
  const updatesTls = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
  const rig = await openRig({ files: realFiles, dir, settings, updatesTls });
  const queue = new HookQueue(rig.ports, new SystemCommands(systemClock));
  queue.start();
  expect((await rig.round()).published).toEqual(['tool2', 'u1']);
  await queue.idle();
  return { rig, queue };
}

describe('hook: a real program', () => {
  it('is run for each update in order, and its output is logged', async () => {
    const { rig, queue } = await roundWith('/bin/sh', [
      '-c',
      'echo "$SALLYPORT_ID $SALLYPORT_TRUST $(sha256sum < "$SALLYPORT_PATH" | cut -c1-64) $SALLYPORT_SHA256"',
    ]);

    const wrote = rig.events.flatMap((event) => (event.name === 'hook-output' ? [String(event.line)] : []));
    expect(wrote.map((line) => line.split(' ').slice(0, 2))).toEqual([
      ['tool2', 'tls'],
      ['u1', 'tls'],
    ]);
    for (const line of wrote) expect(line.split(' ')[2]).toBe(line.split(' ')[3]);
    expect(queue.state).toMatchObject({ waiting: [], failed: [], problem: null });
  });

  it('is not run if others can write a folder above it, which is named', async () => {
    const hook = join(dir, 'hook');
    await writeFile(hook, '#!/bin/sh\nexit 0\n', { mode: 0o777 });
    const { queue } = await roundWith(hook, []);

    expect(queue.state.waiting).toHaveLength(2);
    expect(queue.state.problem?.code).toBe('HOOK-UNSAFE');
    await queue.stop();
  });
});
