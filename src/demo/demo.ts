// `npm start`: an update server, a forward proxy, and a Sallyport that downloads through them, all on this host.
//
// Guarantees: all files are in the folder of the demo and are made again at each start. The admin's configuration,
// packages and logs are not touched. Only loopback is used. A crash leaves the folder, which the next start empties.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { asCoded, coded } from '#errors/coded-error.ts';
import { buildFeed } from '#origin/feed-builder.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type DemoFolder, prepareFolder } from './demo-folder.ts';
import { type ForwardProxy, PROXY_VIA, startForwardProxy } from './forward-proxy.ts';
import { DEMO_PACKAGES, type DemoPackage, writePackages } from './packages.ts';

/** The output of the demo. */
interface DemoTerminal {
  out(line: string): void;
  err(line: string): void;
}

/** Runs Sallyport with a configuration, for one round or until the signal. Resolves with its exit status. */
export type RunAgent = (
  configFile: string,
  options: { readonly once: boolean; readonly signal: AbortSignal },
) => Promise<number>;

export interface DemoOptions {
  /** The folder of the demo, which is emptied. */
  readonly dir: string;
  /** Whether the demo ends after one round; otherwise it runs until the signal. */
  readonly once: boolean;
  readonly signal: AbortSignal;
  readonly terminal: DemoTerminal;
  readonly runAgent: RunAgent;
  readonly packages?: readonly DemoPackage[];
  /** How long the proxy delays a package, in milliseconds; 3000 by default. */
  readonly holdMs?: number;
}

/** The path of a unix socket has at most 107 bytes on Linux and 103 on other systems. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Runs the demo and resolves with an exit status.
 * @throws CodedError DEMO-FOLDER, DEMO-UNWRITABLE, LOCK-HELD, SERVE-FAILED, FEED-*, and the errors of `runAgent`
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await writingDemo(async () => {
    const made = await prepareFolder(options.dir, cleanup);
    await writePackages(made.origin, options.packages ?? DEMO_PACKAGES);
    await buildFeed(made.origin);
    return made;
  });
  const origin = await startOrigin({ dir: folder.origin });
  cleanup.defer(() => origin.close());
  const { holdMs } = options;
  const proxy = await startForwardProxy({ originUrl: origin.url, ...(holdMs === undefined ? {} : { holdMs }) });
  cleanup.defer(() => proxy.close());
  const socketDir = await findSocketDir(folder, cleanup);
  const configFile = join(folder.config, 'sallyport.yaml');
  await writeFile(configFile, describeConfig(folder, { origin, proxy, socketDir }), { mode: 0o600 });
  if (options.signal.aborted) return 0;
  printPlaces(options, { folder, origin, proxy, configFile });
  const status = await options.runAgent(configFile, { once: options.once, signal: options.signal });
  printNextSteps(options, folder, status);
  return status;
}

/** If a folder is not writable, the error names it and says how to choose another. */
async function writingDemo<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = asCoded(thrown);
    if (error.code !== 'FILE-FAILED' && error.code !== 'DISK-FULL') throw error;
    const { operation, path, reason } = error.facts;
    throw coded('DEMO-UNWRITABLE', { operation, path, reason }, thrown);
  }
}

interface Parts {
  readonly origin: Origin;
  readonly proxy: ForwardProxy;
  readonly socketDir: string;
}

function describeConfig(folder: DemoFolder, { origin, proxy, socketDir }: Parts): string {
  const head = [
    '# Made by the demo at each start; changes to this file are lost.',
    '# Your own configuration is config/sallyport.yaml; config/sallyport.example.yaml shows every key.',
  ];
  const settings = {
    version: 2,
    updates: {
      feed_url: origin.feedUrl,
      acknowledge_url: origin.acknowledgeUrl,
      schedule: '*/5 * * * *',
      jitter_seconds: 0,
      packages_dir: folder.packages,
    },
    proxies: [{ name: 'demo', address: proxy.host, port: proxy.port, default: true }],
    logging: { dir: folder.logs },
    daemon: { state_dir: folder.state, control_socket: join(socketDir, 'control.sock') },
  };
  return `${head.join('\n')}\n${stringify(settings, { lineWidth: 0 })}`;
}

/** Usually the state folder. If its path is too long for a socket, a temporary folder with a random name. */
async function findSocketDir(folder: DemoFolder, cleanup: AsyncDisposableStack): Promise<string> {
  if (Buffer.byteLength(join(folder.state, 'control.sock')) <= MAX_SOCKET_PATH_BYTES) return folder.state;
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
  cleanup.defer(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

interface Places {
  readonly folder: DemoFolder;
  readonly origin: Origin;
  readonly proxy: ForwardProxy;
  readonly configFile: string;
}

function printPlaces({ terminal, once }: DemoOptions, { folder, origin, proxy, configFile }: Places): void {
  const lines = [
    'The Sallyport demo: an update server and a forward proxy on this host, and Sallyport that downloads through them.',
    `  Configuration  ${configFile}`,
    `  Packages       ${folder.packages}`,
    `  Log            ${join(folder.logs, 'sallyport.log')}`,
    `  Feed           ${origin.feedUrl}`,
    `  Proxy          ${proxy.host}:${proxy.port} (Via: ${PROXY_VIA}; delays each package at first, as virus scanners do)`,
    once ? '  Ends           after one round' : '  Ends           with Ctrl-C',
    '',
  ];
  for (const line of lines) terminal.out(line);
}

function printNextSteps({ terminal }: DemoOptions, folder: DemoFolder, status: number): void {
  terminal.out('');
  if (status !== 0) {
    terminal.err(`The demo ended with status ${status}; the log is ${join(folder.logs, 'sallyport.log')}.`);
    return;
  }
  terminal.out(
    'To use your own proxy and feed, copy config/sallyport.example.yaml to config/sallyport.yaml, set updates.feed_url ' +
      'and proxies in it, and run: npm run -s sallyport -- run',
  );
}
