// A real `sallyport serve` that is killed with commands pending.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { hello, LinkClient, message, result } from '#test/support/link-client.ts';
import { runHere } from '#test/support/run-here.ts';
import { type SallyportProcess, startSallyport } from '#test/support/sallyport-process.ts';

const AMPLE = { timeout: 15_000 };
let dir = '';
let server: SallyportProcess | null = null;
let client: LinkClient | null = null;
afterEach(async () => {
  client?.end();
  await kill();
  await rm(dir, { recursive: true, force: true });
});

async function kill(): Promise<void> {
  server?.child.kill('SIGKILL');
  await server?.ended;
}

/** Starts the server and connects as an agent that has the commands up to `after`. */
async function connect(after: number, last: string | null = null): Promise<LinkClient> {
  server = startSallyport(['serve', dir, '--port', '0']);
  const url = (await server.said('platform.url')).replace(/^.*: http/, 'ws');
  client = await LinkClient.open(url);
  client.send(hello('agent-1', after, last));
  await expect.poll(() => client?.of('welcome').length, AMPLE).toBe(1);
  return client;
}

async function push(text: string): Promise<void> {
  const { code } = await runHere(['fleet', 'push', dir, 'agent-1', 'advice', '--from', 'Ann', '--text', text]);
  expect(code).toBe(0);
}

it('sallyport serve: kill -9 with commands pending loses none and gives each one number', async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-serve-killed-'));
  const first = await connect(0);
  await push('one');
  // Requests that wait together are carried out in any order.
  await expect.poll(() => first.of('command').length, AMPLE).toBe(1);
  await push('two');
  await expect.poll(() => first.of('command').length, AMPLE).toBe(2);
  const [one, two] = first.of('command');
  if (one === undefined || two === undefined) throw new Error('there are no commands');
  // The first has a stored result. The second is acknowledged. The third was only requested.
  first.send(message({ type: 'ack', after: 2 }), result(one.id));
  await expect.poll(() => first.of('result-ack').length, AMPLE).toBe(1);
  await kill();
  await push('three');

  const second = await connect(2, two.id);
  await expect.poll(() => second.of('command').length, AMPLE).toBe(2);
  expect(second.of('command').map((command) => [command.seq, 'text' in command ? command.text : null])).toEqual([
    [2, 'two'],
    [3, 'three'],
  ]);
  await kill();

  // The third was sent, and neither acknowledged nor answered.
  const third = await connect(2, two.id);
  await expect
    .poll(() => third.of('command').map(({ id }) => id), AMPLE)
    .toEqual(second.of('command').map(({ id }) => id));
  third.send(message({ type: 'ack', after: 3 }), ...third.of('command').map(({ id }) => result(id)));
  await expect.poll(() => third.of('result-ack').length, AMPLE).toBe(2);
  await kill();

  const fourth = await connect(3, third.of('command').at(-1)?.id ?? null);
  expect(fourth.of('welcome')).toMatchObject([{ seq: 3 }]);
  await push('four');
  await expect.poll(() => fourth.of('command').map(({ seq }) => seq), AMPLE).toEqual([4]);
}, 120_000);
