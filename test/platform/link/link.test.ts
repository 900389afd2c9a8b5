import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { HELLO, type LinkRig, linkRig } from '#test/platform/support/link-rig.ts';
import { startTestPlatform, type TestPlatform, WELCOME } from '#test/platform/support/test-platform.ts';
import { testRouter } from '#test/support/test-router.ts';

const COMMAND = { v: 1, type: 'command', id: 'c-1', seq: 1, command: 'update-available' };
const RESULT = { v: 1, type: 'result', id: 'r-1', command: 'c-1', outcome: 'done', code: null, job: null } as const;
const REPORT = {
  v: 1,
  type: 'report',
  id: 'p-1',
  report: { v: 1, level: 'basic', agent: { id: 'a', version: '1' }, at: '2026-11-30T00:00:00Z', purposes: {} },
} as const;
const ACK = { v: 1, type: 'ack', id: 'a-1', after: 1 } as const;

let platform: TestPlatform;
let rig: LinkRig;
beforeEach(async () => {
  platform = await startTestPlatform();
  rig = linkRig(platform.url(), testRouter({ trust: platform.trust }));
});
afterEach(async () => {
  await rig.link.stop();
  await platform.close();
});

/** Starts the link and waits until it is up. */
async function connected(): Promise<void> {
  rig.link.start();
  await rig.until('connected');
}

describe('link over a WebSocket', () => {
  it('link: hello is the first message, and answers go out after they are durable', async () => {
    let durable = () => undefined as unknown;
    rig.receive = ({ type }) =>
      type === 'command' ? new Promise((resolve) => (durable = () => resolve([ACK]))) : Promise.resolve([]);
    await connected();
    expect(rig.states).toEqual([
      'connecting connecting',
      'connecting upgrading',
      'connecting connected',
      'connected websocket',
    ]);
    expect(platform.received).toEqual([HELLO]);
    platform.push(COMMAND);
    await rig.until(() => rig.messages.length === 2);
    expect(platform.received).toHaveLength(1);
    durable();
    await rig.until(() => platform.received.length === 2);
    expect(platform.received[1]).toEqual(ACK);
  });

  it('link: the state has the local address, and the upgrade the subprotocol and no extension', async () => {
    await connected();
    expect(rig.link.state).toMatchObject({ over: 'websocket', localAddress: '127.0.0.1', proxy: null, blocked: null });
    expect(platform.upgrades[0]).toMatchObject({
      'sec-websocket-protocol': 'sallyport.link.v1',
      'user-agent': 'Sallyport/test',
    });
    expect(platform.upgrades[0]).not.toHaveProperty('sec-websocket-extensions');
  });

  it('link: a message that cannot be kept ends the link, so that it is sent again', async () => {
    await connected();
    rig.receive = () =>
      Promise.reject(coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'ENOSPC', errno: 'ENOSPC' }));
    platform.push(COMMAND);
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'DISK-FULL' } });
    rig.receive = () => Promise.resolve([]);
    rig.retry();
    await rig.until('connected');
    expect(rig.said()).toEqual(['platform-connected', 'platform-failed', 'platform-connected']);
  });

  it.each([
    ['a binary message', Buffer.from('{}'), 1_003],
    ['a message above 1 MiB', `"${'x'.repeat(1_048_576)}"`, 1_009],
    ['text that is not JSON', 'hello', 1_007],
    ['JSON that is not a message', '[]', 1_002],
    ['a command without a number', JSON.stringify({ ...COMMAND, seq: 0 }), 1_002],
  ])('link: %s ends it with LINK-PROTOCOL and its close code', async (_what, sent, code) => {
    const codes: number[] = [];
    platform.onSocket = (socket) => socket.on('close', (closed) => codes.push(closed));
    await connected();
    for (const socket of platform.sockets) socket.send(sent);
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'LINK-PROTOCOL' } });
    await rig.until(() => codes.length === 1);
    expect(codes).toEqual([code]);
  });

  it('link: a message in fragments without an end is limited like any other', async () => {
    await connected();
    for (const socket of platform.sockets) {
      for (let at = 0; at < 40; at += 1) socket.send('x'.repeat(65_536), { fin: false });
    }
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'LINK-PROTOCOL' } });
  });

  it('link: other versions are ignored and said once, unknown types are ignored', async () => {
    await connected();
    for (let at = 0; at < 3; at += 1) platform.push({ v: 2, type: 'command', id: 'x' });
    platform.push({ v: 1, type: 'tomorrow', id: 'y' });
    platform.push(COMMAND);
    await rig.until(() => rig.messages.length === 2);
    expect(rig.said()).toEqual(['platform-connected', 'platform-other-version']);
  });

  it('link: a flood of messages is read only as fast as it is handled', async () => {
    let handled = 0;
    await connected();
    const [socket] = platform.sockets;
    if (socket === undefined) throw new Error('no socket');
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    rig.receive = async () => {
      await gate;
      handled += 1;
      return [];
    };
    const big = JSON.stringify({ ...COMMAND, command: 'advice', from: 'x', text: 'y', padding: 'z'.repeat(100_000) });
    for (let at = 0; at < 150; at += 1) socket.send(big);
    await rig.until(() => rig.messages.length === 2);
    // The sender keeps what the kernel and the agent do not take: most of 15 MB.
    for (let at = 0; at < 50; at += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(socket.bufferedAmount).toBeGreaterThan(8_000_000);
    release();
    await rig.until(() => handled === 150);
  });

  it('link: a platform that sends more than 3,000 messages a minute is left, and said once', async () => {
    await connected();
    const [socket] = platform.sockets;
    if (socket === undefined) throw new Error('no socket');
    let closedWith = 0;
    socket.on('close', (code: number) => {
      closedWith = code;
    });
    const ack = JSON.stringify({ v: 1, type: 'result-ack', id: 'r', command: 'none' });
    // The welcome is the first message.
    for (let at = 1; at < 3_000; at += 1) socket.send(ack);
    await rig.until(() => rig.messages.length === 3_000);
    expect(rig.link.state.kind).toBe('connected');
    socket.send(ack);
    const state = await rig.until('waiting');
    await rig.until(() => closedWith !== 0);
    expect(closedWith).toBe(1_008);
    expect(state).toMatchObject({ failure: { code: 'LINK-PROTOCOL' } });
    expect(rig.messages).toHaveLength(3_000);
    expect(rig.said()).toEqual(['platform-connected', 'platform-failed']);

    rig.clock.advance(60_000);
    await rig.until('connected');
    expect(rig.said()).toEqual(['platform-connected', 'platform-failed', 'platform-connected']);
  });

  it('link: a platform without pongs is left after two pings, within three intervals', async () => {
    platform.pongs = false;
    await connected();
    for (let at = 0; at < 2; at += 1) {
      rig.clock.advance(21_875);
      expect(rig.link.state.kind).toBe('connected');
    }
    rig.clock.advance(21_875);
    expect(rig.link.state).toMatchObject({ kind: 'waiting', failure: { code: 'LINK-SILENT' } });
  });

  it('link: pongs keep it for as long as they come', async () => {
    await connected();
    let pings = 0;
    for (const socket of platform.sockets) socket.on('ping', () => (pings += 1));
    for (let at = 1; at <= 20; at += 1) {
      rig.clock.advance(21_875);
      await rig.until(() => pings === at);
      // The pong is on its way back.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(rig.link.state.kind).toBe('connected');
  });

  it.each([1_000, 1_001, 1_012, 1_013])(
    'link: close code %i after a stable minute is an end without a failure',
    async (code) => {
      await connected();
      await rig.live(61_000, platform.push);
      for (const socket of platform.sockets) socket.close(code, 'restart');
      expect(await rig.until('waiting')).toMatchObject({ failure: null });
      expect(rig.said()).toEqual(['platform-connected', 'platform-ended']);
    },
  );

  it('link: nothing is sent before hello', async () => {
    let greet: (hello: typeof HELLO) => void = () => undefined;
    const hello = () => new Promise<typeof HELLO>((resolve) => (greet = resolve));
    rig = linkRig(platform.url(), testRouter({ trust: platform.trust }), { hello });
    rig.link.start();
    await rig.until(() => platform.sockets.size === 1 && rig.states.includes('connecting connected'));
    rig.link.send(ACK);
    greet(HELLO);
    await rig.until('connected');
    rig.link.send(ACK);
    await rig.until(() => platform.received.length === 2);
    expect(platform.received).toEqual([HELLO, ACK]);
  });

  it('link: a restart before an acknowledgement leads to hello, without it', async () => {
    let durable: (answers: readonly [typeof ACK]) => void = () => undefined;
    await connected();
    rig.receive = ({ type }) =>
      type === 'command' ? new Promise((resolve) => (durable = resolve)) : Promise.resolve([]);
    platform.push(COMMAND);
    await rig.until(() => rig.messages.length === 2);
    for (const socket of platform.sockets) socket.terminate();
    await rig.until('waiting');
    durable([ACK]);
    rig.retry();
    await rig.until('connected');
    expect(platform.received).toEqual([HELLO, HELLO]);
  });

  it('link: stop ends everything, and the platform gets a close frame', async () => {
    const codes: number[] = [];
    platform.onSocket = (socket) => socket.on('close', (code) => codes.push(code));
    await connected();
    await rig.link.stop();
    await rig.until(() => codes.length === 1);
    expect([codes, rig.clock.pending, rig.link.state.kind]).toEqual([[1_001], 0, 'off']);
  });

  it('link: new settings take effect at once, in place of the old connection', async () => {
    await connected();
    rig.settings = { ...rig.settings, mode: 'poll' };
    rig.link.settingsChanged();
    await rig.until(() => rig.states.at(-1) === 'connected poll');
    await rig.until(() => platform.sockets.size === 0);
    rig.settings = { ...rig.settings, url: null };
    rig.link.settingsChanged();
    expect(rig.link.state.kind).toBe('off');
  });

  it.each(['websocket', 'poll'] as const)(
    'link: over %s, a new token does not go to the previous URL',
    async (mode) => {
      const sentTo: string[] = [];
      rig = linkRig(platform.url(), testRouter({ trust: platform.trust }), {
        mode,
        headers: ({ host }) => {
          sentTo.push(host);
          return {};
        },
      });
      platform.greeting = [];
      platform.onPoll = (response) => {
        response.writeHead(503).end();
        return true;
      };
      rig.link.start();
      if (mode === 'websocket') await rig.until(() => platform.received.length === 1);
      else await rig.until('waiting');
      rig.clock.advance(mode === 'websocket' ? 30_000 : 0);
      expect(sentTo).toEqual([platform.url().host]);
      // Nothing listens there. The link does not know yet that the settings have changed.
      rig.settings = { ...rig.settings, url: new URL('wss://127.0.0.1:1/') };
      rig.retry();
      await rig.until(() => rig.states.at(-1) === 'waiting TCP-REFUSED');
      expect(sentTo.slice(1).filter((host) => host !== '127.0.0.1:1')).toEqual([]);
      expect(platform.upgrades.length + platform.polls.length).toBe(1);
    },
  );

  it('link: a failure between upgrade and greeting is one of the link', async () => {
    platform.greeting = [];
    rig.link.start();
    await rig.until(() => platform.received.length === 1);
    expect(rig.link.state.kind).toBe('connecting');
    rig.clock.advance(30_000);
    expect(rig.link.state).toMatchObject({ kind: 'waiting', failure: { code: 'LINK-SILENT' } });
  });
});

describe('link by long polling', () => {
  const answerUpgrade = (head: string) => {
    platform.onUpgrade = (socket) => socket.end(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  };

  it.each(['200 OK', '403 Forbidden', '404 Not Found', '426 Upgrade Required', '501 Not Implemented'])(
    'link: an upgrade answered with %s leads to polls, and WS-BLOCKED is said once',
    async (head) => {
      answerUpgrade(head);
      await connected();
      expect(rig.link.state).toMatchObject({ over: 'poll', blocked: { code: 'WS-BLOCKED' } });
      expect(rig.said()).toEqual(['platform-blocked', 'platform-connected']);
    },
  );

  it.each(['401 Unauthorized', '503 Service Unavailable'])(
    'link: an upgrade answered with %s is the answer of the platform: no polls',
    async (head) => {
      answerUpgrade(`${head}\r\nRetry-After: 100`);
      rig.link.start();
      const state = await rig.until('waiting');
      expect(state).toMatchObject({ failure: { code: head.startsWith('4') ? 'ORIGIN-REFUSED' : 'ORIGIN-STATUS' } });
      expect(state.kind === 'waiting' && state.untilMs - rig.clock.now()).toBeGreaterThanOrEqual(101_000);
      expect(platform.polls).toEqual([]);
    },
  );

  it('link: polls carry messages both ways, and WebSocket is tried again between two polls', async () => {
    answerUpgrade('200 OK');
    rig.receive = ({ type }) => Promise.resolve(type === 'command' ? [ACK] : []);
    await connected();
    await rig.until(() => platform.polls.length === 2);
    platform.push(COMMAND);
    await rig.until(() => platform.polls.length === 3);
    expect(platform.polls.map(({ waitSeconds }) => waitSeconds)).toEqual([0, 60, 60]);
    expect(platform.polls.map(({ messages }) => messages)).toEqual([[HELLO], [], [ACK]]);
    platform.onUpgrade = null;
    rig.clock.advance(50_000);
    platform.release();
    await rig.until(() => platform.polls.length === 4);
    expect(platform.sockets.size).toBe(0);
    rig.clock.advance(50_000);
    platform.release();
    await rig.until(() => platform.polls.length === 5);
  });

  it('link: in mode poll each poll has its own connection, and no upgrade is requested', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    await connected();
    for (let at = 2; at < 6; at += 1) {
      await rig.until(() => platform.polls.length === at);
      rig.clock.advance(50_000);
      platform.release();
    }
    await rig.until(() => platform.polls.length === 6);
    expect([platform.upgrades.length, platform.connections]).toEqual([0, 6]);
    expect(rig.said()).toEqual(['platform-connected']);
  });

  it('link: a result does not wait for the end of a held poll, a report does', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    await connected();
    await rig.until(() => platform.held === 1);
    expect(rig.link.send(REPORT)).toBe(true);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(platform.polls).toHaveLength(2);
    // The platform answers the held poll when the second one arrives, and this one because it has a result.
    platform.onPoll = (response, { messages }) => {
      if (messages.length === 0) return false;
      platform.release();
      response.end(JSON.stringify({ v: 1, messages: [{ v: 1, type: 'result-ack', id: 'r-1', command: 'c-1' }] }));
      return true;
    };
    rig.link.send(RESULT);
    await rig.until(() => platform.polls.length === 4 && platform.held === 1);
    expect(platform.polls.map(({ messages }) => messages)).toEqual([[HELLO], [], [REPORT, RESULT], []]);
    expect(rig.messages).toEqual([expect.anything(), expect.objectContaining({ type: 'result-ack' })]);
    expect([rig.states, platform.connections]).toEqual([['connecting polling', 'connected poll'], 4]);
  });

  it('link: a result that is ready while WebSocket is tried again goes with the next poll', async () => {
    answerUpgrade('200 OK');
    await connected();
    await rig.until(() => platform.held === 1);
    let refuse: () => void = () => undefined;
    platform.onUpgrade = (socket) => {
      refuse = () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    };
    rig.clock.advance(15 * 60_000);
    platform.release();
    await rig.until(() => platform.upgrades.length === 2);
    expect(rig.link.state).toMatchObject({ phase: 'probing' });
    expect(rig.link.send(RESULT)).toBe(true);
    refuse();
    await rig.until(() => platform.received.length === 2);
    expect(platform.received).toEqual([HELLO, RESULT]);
  });

  it('link: a poll refused with 429 or 503 waits as long as Retry-After says', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    platform.onPoll = (response) => {
      response.writeHead(503, { 'retry-after': '200' }).end();
      return true;
    };
    rig.link.start();
    const state = await rig.until('waiting');
    expect(state).toMatchObject({ failure: { code: 'ORIGIN-STATUS' } });
    expect(state.kind === 'waiting' && state.untilMs - rig.clock.now()).toBeGreaterThanOrEqual(201_000);
  });

  it('link: a delay in the response to a poll postpones the next one', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    platform.greeting = [WELCOME, { v: 1, type: 'delay', id: 'd', seconds: 300 }];
    await connected();
    rig.clock.advance(299_000);
    expect(platform.polls).toHaveLength(1);
    rig.clock.advance(2_000);
    await rig.until(() => platform.polls.length === 2);
  });

  it('link: a response that is not of the protocol is LINK-PROTOCOL', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    platform.onPoll = (response) => {
      response.end('<html>Login</html>');
      return true;
    };
    rig.link.start();
    expect(await rig.until('waiting')).toMatchObject({ failure: { code: 'LINK-PROTOCOL' } });
  });

  it('link: a poll that nothing answers ends after its wait and the response timeout', async () => {
    rig.settings = { ...rig.settings, mode: 'poll' };
    await connected();
    await rig.until(() => platform.polls.length === 2);
    rig.clock.advance(89_000);
    expect(rig.link.state.kind).toBe('connected');
    rig.clock.advance(1_500);
    await rig.until('waiting');
  });
});
