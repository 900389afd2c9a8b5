import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { makeKeys } from '#origin/platform/licenses/new-keys.ts';
import { RequestFolder, waitingRequests, writeRequest } from '#origin/platform/requests.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { hello, LinkClient, poll } from '#test/support/link-client.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';

let rig: PlatformRig;
let client: LinkClient | null = null;
afterEach(async () => {
  client?.end();
  await rig.close();
});

const AT = '2026-11-30T00:00:00Z';
const stateOf = () => join(rig.dir, 'received/platform');

it('vendor requests: a push in the folder reaches agents, even if it waited for a server', async () => {
  rig = await PlatformRig.start();
  client = await LinkClient.open(rig.webSocketUrl);
  client.send(hello('r1'));
  await expect.poll(() => client?.of('welcome').length).toBe(1);
  await poll(rig.url, 'r2', [hello('r2')]);
  const id = await writeRequest(
    realFiles,
    stateOf(),
    { request: 'push', to: 'all', command: { command: 'update-available' } },
    AT,
  );
  await expect.poll(() => client?.of('command'), { timeout: 3_000 }).toMatchObject([{ id: `${id}-1` }]);
  await expect.poll(() => waitingRequests(realFiles, stateOf())).toEqual([]);
  expect((await poll(rig.url, 'r2')).messages).toMatchObject([{ id: `${id}-2` }]);

  await rig.stop();
  const command = { command: 'send-logs', case: 'C-1' } as const;
  await writeRequest(realFiles, stateOf(), { request: 'push', to: 'r2', command }, AT);
  await rig.startAgain();
  await expect.poll(() => rig.agent('r2')?.seq, { timeout: 3_000 }).toBe(2);
});

it('vendor requests: a request that was carried out before a crash is not carried out again', async () => {
  rig = await PlatformRig.start();
  await poll(rig.url, 'r3', [hello('r3')]);
  const request = JSON.stringify({ request: 'push', to: 'r3', command: { command: 'activation-changed' } });
  const put = () => writeFileSync(join(stateOf(), 'requests/20261130-aa.request'), request);
  for (let time = 0; time < 2; time += 1) {
    put();
    await expect.poll(() => waitingRequests(realFiles, stateOf()), { timeout: 3_000 }).toEqual([]);
  }
  expect(rig.agent('r3')?.commands.map(({ id }) => id)).toEqual(['20261130-aa']);
});

it('vendor requests: requests that wait are carried out in the order of their writing', async () => {
  rig = await PlatformRig.start();
  await poll(rig.url, 'r5', [hello('r5')]);
  await rig.stop();
  const cases = Array.from({ length: 12 }, (_, at) => `C-${at}`);
  for (const [at, name] of cases.entries()) {
    const command = { command: 'send-logs', case: name } as const;
    // The clock of the writer is set back each time.
    const time = `2026-11-${30 - at}T00:00:00Z`;
    await writeRequest(realFiles, stateOf(), { request: 'push', to: 'r5', command }, time);
  }
  await rig.startAgain();
  await expect.poll(() => rig.agent('r5')?.seq, { timeout: 3_000 }).toBe(12);
  const commands = rig.agent('r5')?.commands ?? [];
  expect(commands.map(({ command }) => 'case' in command && command.case)).toEqual(cases);
  expect(commands[0]?.id).toMatch(/^20261130-[0-9a-f]{8}$/);
});

it('vendor requests: one that fails holds back later ones; one that cannot be read does not', async () => {
  rig = await PlatformRig.start();
  await rig.stop();
  const command = { command: 'activation-changed' } as const;
  for (const to of ['first', 'second', 'third']) {
    await writeRequest(realFiles, stateOf(), { request: 'push', to, command }, AT);
  }
  const folder = join(stateOf(), 'requests');
  const [first] = (await waitingRequests(realFiles, stateOf())).toSorted();
  rmSync(join(folder, first ?? ''));
  mkdirSync(join(folder, first ?? ''));
  const taken: string[] = [];
  let isFull = true;
  const clock = new FakeClock();
  const requests = await RequestFolder.open(realFiles, stateOf(), {
    clock,
    carryOut: async (request) => {
      if (request.request === 'push') taken.push(request.to);
      if (isFull) throw coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'ENOSPC', errno: 'ENOSPC' });
    },
  });
  await requests.look();
  expect(taken).toEqual(['second']);
  isFull = false;
  await requests.look();
  await requests.close();
  expect(taken).toEqual(['second', 'second', 'third']);
  expect(await waitingRequests(realFiles, stateOf())).toEqual([first]);
});

it('vendor requests: new keys are added, and a file that is not a request is set aside', async () => {
  rig = await PlatformRig.start();
  const made = makeKeys({ count: 3, expires: '2099-01-01T00:00:00Z', features: [] });
  await writeRequest(realFiles, stateOf(), { request: 'keys', keys: made.map(({ key }) => key) }, AT);
  writeFileSync(join(stateOf(), 'requests/0.request'), '{"request":"erase"}');
  await expect.poll(() => rig.origin.platform.keys.length, { timeout: 3_000 }).toBe(3);
  expect(readdirSync(join(stateOf(), 'requests'))).toEqual(['0.refused']);
  expect(new Set(made.map(({ text }) => text)).size).toBe(3);
});

it('release watch: another serial is announced once, also if it changed while no server ran', async () => {
  rig = await PlatformRig.start();
  const release = (serial: number) => writeFileSync(join(rig.dir, 'feed.json'), JSON.stringify({ format: 1, serial }));
  const announced = () => rig.agent('r4')?.commands.map(({ command }) => command.command) ?? [];
  release(1);
  await poll(rig.url, 'r4', [hello('r4')]);
  // The first release is recorded without a command, so wait for its record.
  await expect.poll(() => fleetLog(), { timeout: 3_000 }).toContain('"kind":"feed"');
  expect(announced()).toEqual([]);
  release(2);
  await expect.poll(announced, { timeout: 3_000 }).toEqual(['update-available']);
  await poll(rig.url, 'r4', [{ v: 1, id: 'a', type: 'ack', after: 1 }]);
  await rig.stop();
  release(3);
  await rig.startAgain();
  await expect.poll(announced, { timeout: 3_000 }).toEqual(['update-available', 'update-available']);
});

async function fleetLog(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return await readFile(join(stateOf(), 'fleet.jsonl'), 'utf8');
}
