// The hours of updates.window in the composed program: reloaded into a running download, shown by status, and put aside
// by a user who does not want to wait.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectControl } from '#control/client.ts';
import { VERBS } from '#control/control.ts';
import { serveSockets } from '#daemon/service/control-sockets.ts';
import { systemClock } from '#system/clock.ts';
import { userWords } from '#system/network/peer.ts';
import { realFiles } from '#system/real-files.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const JAR = makeJar('u1', 200_000);
const HALF = 60_000;
const NEVER = new AbortController().signal;

let origin: ScriptedOrigin;
let program: Composed;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
  origin.serve('/u1.jar', JAR);
});
afterEach(async () => {
  await program.remove();
  await origin.close();
});

/** Hours that begin in about half a day. */
function later(): string {
  const hour = String((new Date().getUTCHours() + 12) % 24).padStart(2, '0');
  return `${hour}:00-${hour}:30`;
}

function sections(window?: Record<string, unknown>) {
  const updates = { feed_url: `${origin.url}/feed.json`, ...(window === undefined ? {} : { window }) };
  return { time_zone: 'UTC', updates };
}

describe('window: the composed program', () => {
  it('parks and resumes a download when settings change its hours', async () => {
    program = await composeIn(sections());
    origin.on('/u1.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
      response.write(JAR.subarray(0, HALF));
    });
    const round = program.agent.round();
    await expect.poll(() => program.events.some(({ received }) => received === HALF), { interval: 5 }).toBe(true);
    await program.reload(sections({ download: [later()] }));
    expect(await round).toMatchObject({ parked: ['u1'], failed: [], retry_at: null });

    const { updates } = await program.agent.status();
    expect(updates).toMatchObject({ transfer: null, transfers: [], failing: [], ready: [] });
    expect(updates.window).toMatchObject({ parked: ['u1'], publish_opens_at: null });
    expect(Date.parse(updates.window?.download_opens_at ?? '')).toBeGreaterThan(Date.now());

    const ranges: (string | undefined)[] = [];
    origin.on('/u1.jar', (request, response) => {
      ranges.push(request.headers.range);
      const range = { 'content-range': `bytes ${HALF}-${JAR.length - 1}/${JAR.length}`, etag: '"v1"' };
      response.writeHead(206, { 'content-length': JAR.length - HALF, ...range });
      response.end(JAR.subarray(HALF));
    });
    await program.reload(sections({ download: ['00:00-24:00'] }));
    expect(await program.agent.round()).toMatchObject({ published: ['u1'], parked: [] });
    expect(ranges).toEqual([`bytes=${HALF}-`]);
  });

  it('records who requests a check outside the hours', async () => {
    program = await composeIn(sections({ download: [later()], publish: [later()] }));
    const { parts, agent, dir } = program;
    expect(await agent.round()).toMatchObject({ parked: ['u1'] });
    const server = await serveSockets(parts, agent, parts.ports.settings());
    const path = join(dir, 'operate.sock');
    const sockets = { admin: path, operate: path, look: path, control: path, stateDir: dir };
    const self = { clock: systemClock, files: realFiles, self: realFiles.self };
    const control = (await connectControl(sockets, self, VERBS))?.methods;
    const heard: string[] = [];
    const result = await control?.checkNow(({ name }) => heard.push(name), NEVER);
    await control?.close();
    await server.close();

    expect(result).toMatchObject({ published: ['u1'], parked: [], ready: [] });
    expect(program.events).toContainEqual({ name: 'window-ignored', by: userWords({ uid: realFiles.self }) });
    expect(heard.indexOf('window-ignored')).toBe(0);
    expect(heard).toContain('published');
  });
});
