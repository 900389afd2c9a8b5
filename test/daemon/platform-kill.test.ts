// A real process through a real Squid, and a real kill -9 in each state of the link that can be seen from outside: the next
// start links again, and each command has its effect once.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startTestPlatform, type TestPlatform, WELCOME } from '#test/platform/support/test-platform.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { type SwitchedRelay, startSwitchedRelay } from '#test/support/switched-relay.ts';

const NAME = 'kill.cells.test';
/** SIGWINCH makes the WebSocket due again. */
const LATER = fileURLToPath(new URL('../support/faults/later.ts', import.meta.url));
type Stored = { readonly advice: readonly { readonly id: string }[] };
const FEED = 'http://127.0.0.1:9/feed.json';

describeWith(['squid'], 'a killed daemon', () => {
  const ca = createCa();
  let dir: string;
  let config: string;
  let platform: TestPlatform;
  let relay: SwitchedRelay;
  let squid: RunningSquid;
  let commands = 0;
  const lines: string[] = [];
  let running: SallyportProcess | null = null;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-link-kill-'));
    platform = await startTestPlatform(ca);
    [relay, squid] = await Promise.all([startSwitchedRelay(platform.port), startSquid({ hosts: [NAME] })]);
    await writeFile(join(dir, 'ca.pem'), ca.cert);
    const url = platform.url(NAME, relay.port).href;
    config = await writeConfig(dir, {
      updates: { feed_url: FEED },
      proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
      platform: { enabled: true, url, ca_file: join(dir, 'ca.pem') },
    });
  });
  afterEach(() => running?.child.kill('SIGKILL'));
  afterAll(async () => {
    await Promise.all([squid.stop(), relay.close(), platform.close()]);
    await rm(dir, { recursive: true, force: true });
  });

  /** A platform that sends its command again after each hello. */
  function sendNextCommand(): string {
    commands += 1;
    const id = `advice-${commands}`;
    const command = { v: 1, type: 'command', id, seq: commands, command: 'advice', from: id, text: 'sallyport status' };
    platform.greeting = [WELCOME, command];
    return id;
  }

  async function killedWhen(condition: (process: SallyportProcess) => Promise<unknown>): Promise<void> {
    const started = startSallyport(['--config', config, 'run'], { execArgv: ['--import', LATER] });
    running = started;
    await Promise.race([condition(started), started.ended]);
    started.child.kill('SIGKILL');
    expect(await started.ended).toBe('SIGKILL');
    lines.push(...started.lines);
  }

  /** Answers as a proxy does that removes `Upgrade`. */
  const blocked = (socket: Duplex) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  };
  const resultsOf = (id: string) =>
    platform.received.filter(
      (message) => message.type === 'result' && message.command === id && message.outcome === 'done',
    );

  /** Starts it with a platform that works, and waits for the result of the command. */
  async function recovered(id: string): Promise<void> {
    relay.mode = 'pass';
    platform.onUpgrade = null;
    await killedWhen(() => until(() => resultsOf(id).length > 0));
    const stored = JSON.parse(await readFile(join(dir, 'state', 'platform-advice.json'), 'utf8')) as Stored;
    expect(stored.advice.filter((one) => one.id === id)).toHaveLength(1);
    // A line is logged again if the process was killed between the line and the result.
    expect(lines.some((line) => line.includes(`advice from ${id}`))).toBe(true);
  }

  it.each<readonly [string, (process: SallyportProcess) => Promise<unknown>, () => void]>([
    ['connecting', () => until(() => relay.sockets.size > 0), () => (relay.mode = 'hold')],
    [
      'upgrading',
      () => until(() => platform.upgrades.length > 0),
      () => {
        platform.onUpgrade = () => undefined;
      },
    ],
    ['waiting', (process) => process.said('Cannot connect to the platform; trying again'), () => (relay.mode = 'down')],
    ['connected, as hello arrives', () => until(() => platform.received.length > 0), () => undefined],
    [
      'connected, as the command is acknowledged',
      () => until(() => platform.received.some(({ type }) => type === 'ack')),
      () => undefined,
    ],
    [
      'polling',
      () => until(() => platform.polls.length > 1),
      () => {
        platform.onUpgrade = blocked;
      },
    ],
    [
      'probing',
      async (process) => {
        await until(() => platform.held > 0);
        const before = platform.upgrades.length;
        platform.onUpgrade = () => undefined;
        process.child.kill('SIGWINCH');
        // The WebSocket is tried between two polls.
        await until(() => {
          platform.release();
          return platform.upgrades.length > before;
        });
      },
      () => {
        platform.onUpgrade = blocked;
      },
    ],
  ])(
    'link: kill -9 while %s loses no command and does none twice',
    async (_state, reached, prepare) => {
      const id = sendNextCommand();
      platform.received.length = 0;
      platform.polls.length = 0;
      platform.upgrades.length = 0;
      prepare();
      await killedWhen(reached);
      await recovered(id);
    },
    60_000,
  );
});
