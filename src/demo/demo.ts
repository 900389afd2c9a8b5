// `npm start`: an update server, a forward proxy, and a Sallyport that downloads, uploads and carries out commands
// through them, on this host.
//
// Guarantees: all files are in the folder of the demo and are made again at each start. The admin's configuration,
// packages and logs are not touched. Only loopback is used. A crash leaves the folder, which the next start empties.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { asCoded, coded } from '#errors/coded-error.ts';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type DemoFolder, prepareFolder } from './demo-folder.ts';
import { showPlatform } from './demo-platform.ts';
import type { DemoTerminal, RunCommand } from './demo-tools.ts';
import { printArrived, sendUploads } from './demo-uploads.ts';
import { type ForwardProxy, PROXY_VIA, startForwardProxy } from './forward-proxy.ts';
import { DEMO_NEWS, DEMO_PACKAGES, type DemoPackage, writePackages } from './packages.ts';
import { signFeed } from './signed-feed.ts';

/**
 * Runs the daemon with a configuration until the signal, and calls `onRound` with the exit status of each round that
 * ended. Resolves with the exit status of the daemon.
 */
export type RunAgent = (
  configFile: string,
  options: { readonly signal: AbortSignal; onRound(status: number): void },
) => Promise<number>;

export interface DemoOptions {
  /** The folder of the demo, which is emptied. */
  readonly dir: string;
  /** Whether the demo ends after one round and the uploads; otherwise it runs until the signal. */
  readonly once: boolean;
  readonly signal: AbortSignal;
  readonly terminal: DemoTerminal;
  readonly runAgent: RunAgent;
  readonly runCommand: RunCommand;
  readonly packages?: readonly DemoPackage[];
  /** The package that is published while the demo runs. */
  readonly news?: DemoPackage;
  /** How long the proxy delays a package, in milliseconds; 3000 by default. */
  readonly holdMs?: number;
}

/** What this folder has. The journal of the system is not the demo's. */
const BUNDLE_SOURCES = ['log', 'configuration', 'status', 'timeouts', 'versions'] as const;
/** The root of the signed feed, next to the configuration. */
const ROOT_FILE = 'root.json';
/** The path of a unix socket has at most 107 bytes on Linux and 103 on other systems. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Runs the demo and resolves with an exit status.
 * @throws CodedError DEMO-FOLDER, DEMO-UNWRITABLE, LOCK-HELD, SERVE-FAILED, FEED-*, and the errors of `runAgent`
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await writingDemo(async () => {
    // The configuration has these paths, where a relative one would begin at the folder of the configuration.
    const made = await prepareFolder(resolve(options.dir), cleanup);
    await writePackages(made.origin, options.packages ?? DEMO_PACKAGES);
    const rootFile = join(made.config, ROOT_FILE);
    return { ...made, publish: await signFeed(made.origin, { keysDir: join(made.root, 'keys'), rootFile }) };
  });
  const licenseSigner = signerWithKey(generateKeyPairSync('ed25519').privateKey);
  const origin = await startOrigin({ dir: folder.origin, platform: { licenseSigner } });
  cleanup.defer(() => origin.close());
  const { holdMs } = options;
  const proxy = await startForwardProxy({ originUrl: origin.url, ...(holdMs === undefined ? {} : { holdMs }) });
  cleanup.defer(() => proxy.close());
  const socketDir = await findSocketDir(folder, cleanup);
  const configFile = join(folder.config, 'sallyport.yaml');
  await writeFile(
    configFile,
    describeConfig(folder, { origin, proxy, socketDir, licenseKey: licenseSigner.publicKey }),
    { mode: 0o600 },
  );
  if (options.signal.aborted) return 0;
  printPlaces(options, { folder, origin, proxy, configFile });
  const status = await runBoth(options, { folder, origin, proxy, configFile }, folder.publish);
  printNextSteps(options, folder, status);
  return status;
}

/** Runs the daemon, and after its first successful round the uploads. Resolves with the exit status of the demo. */
async function runBoth(
  options: DemoOptions,
  { folder, origin, configFile }: Places,
  publish: () => Promise<void>,
): Promise<number> {
  const { once, terminal, runCommand } = options;
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const end = () => ending.abort(coded('INTERRUPTED', { reason: 'the demo is over' }));
  const tools = { dir: folder.root, origin, configFile, terminal, runCommand, signal };
  const show = async () => {
    const sent = await sendUploads(tools);
    if (sent !== 0) return sent;
    const news = options.news ?? DEMO_NEWS;
    const status = await showPlatform({ ...tools, served: folder.origin, news, publish });
    if (status === 0) printArrived(tools);
    return status;
  };
  const upload = async () => {
    try {
      const status = await show();
      if (once) end();
      return status;
    } catch (thrown) {
      end();
      throw thrown;
    }
  };
  const ended: { roundStatus: number; uploading: Promise<number> | null } = { roundStatus: 0, uploading: null };
  const onRound = (status: number) => {
    ended.roundStatus = status;
    if (status === 0) {
      ended.uploading ??= upload();
      // It is awaited when the daemon has ended.
      ended.uploading.catch(() => undefined);
    } else if (once) end();
  };
  const status = await options.runAgent(configFile, { signal, onRound });
  const uploadStatus = options.signal.aborted || ended.uploading === null ? 0 : await ended.uploading;
  return once ? status || ended.roundStatus || uploadStatus : status;
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

function metadataUrl({ url, signed }: Origin): string {
  return signed?.metadataUrl ?? url;
}

interface Parts {
  readonly origin: Origin;
  readonly proxy: ForwardProxy;
  readonly socketDir: string;
  readonly licenseKey: string;
}

function describeConfig(folder: DemoFolder, { origin, proxy, socketDir, licenseKey }: Parts): string {
  const head = [
    '# Made by the demo at each start; changes to this file are lost.',
    '# Your own configuration is config/sallyport.yaml; config/sallyport.example.yaml shows every key.',
    '# exposure_analytics, support_logs and platform send nothing unless they are enabled. Here they are.',
  ];
  const settings = {
    version: 2,
    updates: {
      trust: 'tuf',
      tuf: { metadata_url: metadataUrl(origin), root_file: join(folder.config, ROOT_FILE) },
      acknowledge_url: origin.acknowledgeUrl,
      schedule: '*/5 * * * *',
      jitter_seconds: 0,
      packages_dir: folder.packages,
    },
    exposure_analytics: { enabled: true, url: origin.analyticsUrl, batch_max_age_seconds: 1 },
    support_logs: {
      enabled: true,
      url: origin.supportLogsUrl,
      sources: [...BUNDLE_SOURCES],
      on_platform_request: 'allow',
    },
    platform: { enabled: true, url: origin.linkUrl.replace(/^http/, 'ws'), report: 'basic' },
    activation: { url: origin.activationUrl, license_keys: [licenseKey] },
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
  const { root } = folder;
  const lines = [
    'The Sallyport demo: an update server, a forward proxy and Sallyport, all on',
    'this host. Sallyport downloads packages through the proxy, uploads data, is',
    'activated, and carries out commands of the server.',
    `  Folder         ${root}`,
    `  Configuration  ${relative(root, configFile)}`,
    `  Packages       ${relative(root, folder.packages)}/`,
    `  Log            ${relative(root, join(folder.logs, 'sallyport.log'))}`,
    `  Signed feed    ${metadataUrl(origin)}`,
    `  Trusted root   ${relative(root, join(folder.config, ROOT_FILE))}`,
    `  Proxy          ${proxy.host}:${proxy.port} (Via: ${PROXY_VIA}), which holds`,
    '                 each package for a while, as a virus scanner does',
    '  Uploads, link  enabled in this demo; off by default elsewhere',
    ...(once ? ['  Ends           after the last step'] : consoleLines(configFile)),
    '',
  ];
  for (const line of lines) terminal.out(line);
}

/** The pages need a running daemon, so only the demo that keeps running has them. */
function consoleLines(configFile: string): string[] {
  return [
    '  Pages          in your browser; run in another terminal:',
    `    npm run -s sallyport -- console -c ${relative(process.cwd(), configFile)}`,
    '  Ends           with Ctrl-C',
  ];
}

function printNextSteps({ terminal }: DemoOptions, folder: DemoFolder, status: number): void {
  terminal.out('');
  if (status !== 0) {
    terminal.err(`The demo ended with status ${status}; the log is ${join(folder.logs, 'sallyport.log')}.`);
    return;
  }
  const lines = [
    'To use your own proxy and feed, copy config/sallyport.example.yaml to',
    'config/sallyport.yaml, set updates.feed_url and proxies in it, and run:',
    '  npm run -s sallyport -- run',
  ];
  for (const line of lines) terminal.out(line);
}
