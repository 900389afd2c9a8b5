import { EventEmitter } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FaultSwitches } from '#origin/platform/link/faults.ts';
import type { LinkParts } from '#origin/platform/link/link-parts.ts';
import { PollLinks } from '#origin/platform/link/poll.ts';
import type { ServedExchange } from '#origin/reply.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { hello, LinkClient, message, poll, result } from '#test/support/link-client.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';

let rig: PlatformRig;
const clients: LinkClient[] = [];

beforeAll(async () => {
  rig = await PlatformRig.start();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end();
  rig.clearFaults();
});
afterAll(async () => {
  await rig.close();
});

async function connect(
  agent: string | null,
  after: number | { after: number; last: string } = 0,
  headers: Record<string, string> = {},
): Promise<LinkClient> {
  const client = await LinkClient.open(rig.webSocketUrl, headers);
  clients.push(client);
  const { after: number, last = null } = typeof after === 'number' ? { after } : after;
  if (agent !== null) client.send(hello(agent, number, last));
  return client;
}

const sequenceOf = (client: LinkClient) => client.of('command').map(({ seq }) => seq);

describe('platform over WebSocket', () => {
  it('websocket link: a hello gets a welcome, and a pushed command arrives', async () => {
    const client = await connect('w1');
    await expect.poll(() => client.of('welcome')).toMatchObject([{ v: 1, activation: 'unactivated', seq: 0 }]);
    const [id] = await rig.push('w1', { command: 'send-logs', case: 'C-7' });
    await expect
      .poll(() => client.of('command'))
      .toEqual([{ v: 1, type: 'command', id, seq: 1, command: 'send-logs', case: 'C-7' }]);
    expect(rig.agent('w1')).toMatchObject({ version: '1.0.0', over: 'websocket', seq: 1, acked: 0 });
  });

  it('websocket link: a command is sent again until its result has arrived', async () => {
    const first = await connect('w2');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    const [one = ''] = await rig.push('w2', { command: 'update-available' });
    const [two = ''] = await rig.push('w2', { command: 'send-logs', case: null });
    first.send(message({ type: 'ack', after: 1 }), result(one));
    await expect.poll(() => first.of('result-ack')).toMatchObject([{ command: one }]);
    first.end();

    const second = await connect('w2', 0);
    await expect.poll(() => sequenceOf(second)).toEqual([2]);
    second.send(message({ type: 'ack', after: 2 }), result(two, 'waiting'));
    await expect.poll(() => second.of('result-ack').length).toBe(1);
    expect(second.of('welcome')).toMatchObject([{ seq: 2 }]);
    second.end();

    const third = await connect('w2', 0);
    await expect.poll(() => sequenceOf(third)).toEqual([2]);
    third.send(result(two, 'done'));
    await expect
      .poll(() => rig.agent('w2')?.commands.map((command) => command.result?.outcome))
      .toEqual(['done', 'done']);
  });

  it('websocket link: an acknowledged command without a result is sent on the next connection', async () => {
    const first = await connect('w9');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    const [id = ''] = await rig.push('w9', { command: 'update-available' });
    first.send(message({ type: 'ack', after: 1 }));
    await expect.poll(() => rig.agent('w9')?.acked).toBe(1);
    first.end();
    const second = await connect('w9', { after: 1, last: id });
    await expect.poll(() => second.of('command')).toMatchObject([{ id, seq: 1 }]);
    expect(rig.agent('w9')?.acked).toBe(1);
  });

  it('websocket link: numbers that a restored platform gave again are noticed by hello.last', async () => {
    const first = await connect('w10');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    const restore = await rig.backup();
    const [lost = ''] = await rig.push('w10', { command: 'send-logs', case: null });
    first.send(message({ type: 'ack', after: 1 }));
    await expect.poll(() => rig.agent('w10')?.acked).toBe(1);
    await restore();
    const [id] = await rig.push('w10', { command: 'activation-changed' });
    const second = await connect('w10', { after: 1, last: lost });
    await expect.poll(() => second.of('command')).toMatchObject([{ id, seq: 1 }]);
    expect(rig.agent('w10')?.acked).toBe(0);
  });

  it('websocket link: a result of an unknown command is acknowledged', async () => {
    const client = await connect('w3');
    client.send(result('never-sent'));
    await expect.poll(() => client.of('result-ack')).toMatchObject([{ command: 'never-sent' }]);
  });

  it('websocket link: a new connection of an agent ends the previous one', async () => {
    const first = await connect('w4');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    const second = await connect('w4');
    expect(await first.closed).toBe(4000);
    await rig.push('w4', { command: 'activation-changed' });
    await expect.poll(() => sequenceOf(second)).toEqual([1]);
    expect(rig.agent('w4')?.over).toBe('websocket');
  });

  it.each<[string, string | Buffer, number]>([
    ['a binary frame', Buffer.from('{}'), 1003],
    ['no JSON', '{"v":1', 1007],
    ['a message with a wrong field', JSON.stringify(message({ type: 'ack', after: -1 })), 1002],
    ['a message before the hello', JSON.stringify(message({ type: 'ack', after: 1 })), 1002],
    ['a message of more than 1 MiB', JSON.stringify(message({ type: 'x', text: 'x'.repeat(1_048_576) })), 1009],
  ])('websocket link: %s closes the connection', async (_what, sent, code) => {
    const client = await connect(null);
    client.socket.send(sent);
    expect(await client.closed).toBe(code);
  });

  it('websocket link: unknown types, keys and versions are ignored', async () => {
    const client = await connect(null);
    client.send(message({ type: 'tomorrow' }), { ...hello('w5'), v: 2 }, { ...hello('w5'), more: true });
    await expect.poll(() => client.of('welcome').length).toBe(1);
  });

  it('websocket link: a hello of another agent than the request names is refused', async () => {
    const client = await connect('w6', 0, { 'sallyport-agent': 'somebody-else' });
    expect(await client.closed).toBe(1008);
    expect(rig.agent('w6')).toBeUndefined();
  });

  it('websocket link: a handshake without the subprotocol is refused, and a GET gets 426', async () => {
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(rig.webSocketUrl);
    const status = await new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
    });
    expect(status).toBe(400);
    const got = await fetch(rig.url);
    expect([got.status, got.headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it('websocket link: after a restart commands and numbers continue', async () => {
    const first = await connect('w7');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    const [id] = await rig.push('w7', { command: 'advice', from: 'Support', text: 'sallyport diagnose' });
    await rig.restart();
    expect(await first.closed).toBe(1012);
    await rig.push('w7', { command: 'update-available' });
    const second = await connect('w7', 0);
    await expect
      .poll(() => second.of('command'))
      .toMatchObject([{ id, seq: 1, text: 'sallyport diagnose' }, { seq: 2 }]);
  });

  it('websocket link: a restored backup has lower numbers, and new commands still arrive', async () => {
    const restore = await rig.backup();
    const first = await connect('w8');
    await expect.poll(() => first.of('welcome').length).toBe(1);
    await rig.push('w8', { command: 'update-available' });
    await restore();
    const second = await connect('w8', 5);
    await expect.poll(() => second.of('welcome')).toMatchObject([{ seq: 0 }]);
    await rig.push('w8', { command: 'update-available' });
    await expect.poll(() => sequenceOf(second)).toEqual([1]);
  });
});

describe('platform over long polling', () => {
  it('poll link: a hello is answered at once, and the next poll is held until a push', async () => {
    const first = await poll(rig.url, 'p1', [hello('p1')], 60);
    expect(first).toMatchObject({ status: 200, messages: [{ type: 'welcome', seq: 0 }] });
    const held = poll(rig.url, 'p1', [], 60);
    await expect.poll(() => rig.agent('p1')?.over).toBe('poll');
    const [id] = await rig.push('p1', { command: 'update-available' });
    expect(await held).toMatchObject({ messages: [{ type: 'command', id, seq: 1, command: 'update-available' }] });
  });

  it('poll link: a command is repeated until it is acknowledged, and a result is acknowledged', async () => {
    await poll(rig.url, 'p2', [hello('p2')]);
    const [id = ''] = await rig.push('p2', { command: 'update-available' });
    expect((await poll(rig.url, 'p2')).messages).toMatchObject([{ seq: 1 }]);
    expect((await poll(rig.url, 'p2')).messages).toMatchObject([{ seq: 1 }]);
    expect((await poll(rig.url, 'p2', [message({ type: 'ack', after: 1 })])).messages).toEqual([]);
    expect((await poll(rig.url, 'p2', [result(id)])).messages).toMatchObject([{ type: 'result-ack', command: id }]);
  });

  it('poll link: an acknowledged command without a result is sent in the next session', async () => {
    await poll(rig.url, 'p9', [hello('p9')]);
    const [id = ''] = await rig.push('p9', { command: 'update-available' });
    await poll(rig.url, 'p9');
    expect((await poll(rig.url, 'p9', [message({ type: 'ack', after: 1 })])).messages).toEqual([]);
    expect((await poll(rig.url, 'p9', [hello('p9', 1, id)])).messages).toMatchObject([{ type: 'welcome' }, { id }]);
    expect((await poll(rig.url, 'p9', [message({ type: 'ack', after: 1 })])).messages).toEqual([]);
  });

  it('poll link: a second poll of the same agent ends the first', async () => {
    await poll(rig.url, 'p3', [hello('p3')]);
    const held = poll(rig.url, 'p3', [], 60);
    await expect.poll(() => rig.origin.record.requests.filter(({ status }) => status === null).length).toBe(1);
    await poll(rig.url, 'p3');
    expect((await held).messages).toEqual([]);
  });

  it('poll link: of two polls that arrive together, one is answered at once and one is held', async () => {
    const written = Promise.withResolvers<void>();
    const sessions = {
      accepts: () => true,
      knows: () => true,
      adopt: () => written.promise,
      commandsAfter: () => [],
      leave: () => Promise.resolve(),
    };
    const clock = new FakeClock();
    const faults = new FaultSwitches();
    const parts = { sessions, clock, faults, nextMessageId: () => 'm', needsSignature: () => false };
    const polls = new PollLinks(parts as unknown as LinkParts);
    const exchange = () => ({
      request: { headers: { 'content-type': 'application/json', 'sallyport-agent': 'p10' } },
      response: new EventEmitter(),
    });
    const body = JSON.stringify({ v: 1, wait_seconds: 60, messages: [] });
    const answered: number[] = [];
    const both = [0, 1].map((at) =>
      polls.answer(exchange() as unknown as ServedExchange, body, null).then(() => answered.push(at)),
    );
    // Both arrived before the first one could be held.
    written.resolve();
    await both[0];
    expect(answered).toEqual([0]);
    await clock.advanceAsync(60_000);
    await both[1];
    expect(answered).toEqual([0, 1]);
  });

  it('poll link: bad bodies, a missing agent and an unknown agent are refused', async () => {
    const post = async (body: string, headers: Record<string, string> = {}) =>
      (await fetch(rig.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }))
        .status;
    const empty = JSON.stringify({ v: 1, wait_seconds: 0, messages: [] });
    expect(await post('{')).toBe(400);
    expect(await post(JSON.stringify({ v: 1, wait_seconds: 61, messages: [] }))).toBe(400);
    expect(await post(empty)).toBe(400);
    expect(await post(empty, { 'sallyport-agent': 'unknown' })).toBe(409);
    expect(await post(empty, { 'content-type': 'text/plain' })).toBe(415);
    expect(await post('x'.repeat(1_048_577))).toBe(413);
  });

  it('poll link: a WebSocket ends the polls of the same agent', async () => {
    await poll(rig.url, 'p4', [hello('p4')]);
    const held = poll(rig.url, 'p4', [], 60);
    await expect.poll(() => rig.origin.record.requests.filter(({ status }) => status === null).length).toBe(1);
    const client = await connect('p4');
    expect((await held).messages).toEqual([]);
    await rig.push('p4', { command: 'update-available' });
    await expect.poll(() => sequenceOf(client)).toEqual([1]);
  });

  it('poll link: a stopping server answers held polls with 503', async () => {
    await poll(rig.url, 'p5', [hello('p5')]);
    const held = poll(rig.url, 'p5', [], 60);
    await expect.poll(() => rig.origin.record.requests.filter(({ status }) => status === null).length).toBe(1);
    await rig.restart();
    expect(await held).toMatchObject({ status: 503 });
    expect((await held).headers.get('retry-after')).toBe('5');
  });
});

describe('platform with faults', () => {
  it('platform faults: upgrades and polls are refused with a status and Retry-After', async () => {
    rig.setFaults({ refuseUpgrade: { status: 200 }, refusePoll: { status: 429, retryAfterSeconds: 7 } });
    await expect(LinkClient.open(rig.webSocketUrl)).rejects.toThrow('200');
    const refused = await poll(rig.url, 'f1', [hello('f1')]);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
  });

  it('platform faults: commands are repeated and reordered, and results are forgotten', async () => {
    await poll(rig.url, 'f2', [hello('f2')]);
    for (let n = 0; n < 2; n += 1) await rig.push('f2', { command: 'send-logs', case: null });
    rig.setFaults({ copies: 2, reorder: true, forgetResults: true });
    const client = await connect('f2');
    await expect.poll(() => sequenceOf(client)).toEqual([2, 2, 1, 1]);
    client.send(result(client.of('command')[0]?.id ?? ''), message({ type: 'ack', after: 2 }));
    await expect.poll(() => rig.agent('f2')?.acked).toBe(2);
    expect(client.of('result-ack')).toEqual([]);
  });

  it('platform faults: silence, closing, raw frames and delays', async () => {
    rig.setFaults({ delaySeconds: 3, raw: '{"v":', silentAfter: 2 });
    const odd = await connect(null);
    odd.socket.removeAllListeners('message');
    const frames: string[] = [];
    odd.socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
    odd.send(hello('f3'));
    await expect.poll(() => frames.length).toBe(3);
    expect(frames[1]).toContain('"type":"delay","seconds":3');
    expect(frames[2]).toBe('{"v":');
    await rig.push('f3', { command: 'update-available' });
    rig.clearFaults();
    rig.setFaults({ closeAfter: { messages: 1, code: 1013 }, noPong: true });
    const closed = await connect('f3');
    expect(await closed.closed).toBe(1013);
    expect(frames.length).toBe(3);
  });
});
