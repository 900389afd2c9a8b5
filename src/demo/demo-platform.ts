// The platform part of the demo. The server activates this Sallyport, announces a new package, and requests support
// logs, each through the demo's proxy.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showDuration } from '#errors/template.ts';
import { systemClock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { type DemoTools, runShown, waitUntil } from './demo-tools.ts';
import { isQueueEmpty } from './demo-uploads.ts';
import { type DemoPackage, writePackages } from './packages.ts';

export interface DemoPlatform extends DemoTools {
  /** The folder that the server serves. */
  readonly served: string;
  /** The package that is published during the demo. */
  readonly news: DemoPackage;
  /** Signs a feed with the packages of the folder. */
  publish(): Promise<void>;
}

const KEY_FILE = 'activation-key.txt';
const CASE = 'DEMO-2';
/** In the next year, so that the license never ends during a demo. */
const LICENSE_MS = 366 * 86_400_000;
/** The proxy holds the package, then each command has its result at once. */
const MAX_WAIT_MS = 60_000;

/** Shows them one after the other. Resolves with the exit status of what failed first. @throws the reason of the signal */
export async function showPlatform(platform: DemoPlatform): Promise<number> {
  const { terminal } = platform;
  terminal.out('');
  terminal.out('Next: the server activates this host, and sends it commands over a link that');
  terminal.out('goes through the same proxy.');
  const activated = await activate(platform);
  if (activated !== EXIT_OK) return activated;
  const updated = await announcePackage(platform);
  return updated === EXIT_OK ? await requestLogs(platform) : updated;
}

async function activate(platform: DemoPlatform): Promise<number> {
  const { dir, origin } = platform;
  const expires = utcTime(systemClock.now() + LICENSE_MS);
  const [key = ''] = await origin.platform.addKeys({ count: 1, expires, features: [] });
  const file = join(dir, KEY_FILE);
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return await runShown(platform, {
    shown: `activate --key-file ${KEY_FILE}`,
    args: ['activate', '--key-file', file],
  });
}

async function announcePackage(platform: DemoPlatform): Promise<number> {
  const { served, news, publish, terminal } = platform;
  terminal.out('');
  terminal.out(`The server publishes package ${news.id} and sends update-available.`);
  await writePackages(served, [news]);
  await publish();
  return await awaitResult(platform, 'update-available');
}

async function requestLogs(platform: DemoPlatform): Promise<number> {
  const { origin, served } = platform;
  const before = origin.record.bundles.length;
  const pushed = await runShown(platform, {
    shown: `fleet push origin all send-logs --case ${CASE}`,
    args: ['fleet', 'push', served, 'all', 'send-logs', '--case', CASE],
  });
  if (pushed !== EXIT_OK) return pushed;
  const status = await awaitResult(platform, 'send-logs');
  if (status !== EXIT_OK) return status;
  const hasArrived = async () => origin.record.bundles.length > before && (await isQueueEmpty(platform));
  return (await waitUntil(platform, MAX_WAIT_MS, hasArrived)) ? EXIT_OK : late(platform);
}

/** Waits for the result of a command, and prints it. */
async function awaitResult(platform: DemoPlatform, command: string): Promise<number> {
  const { origin, terminal } = platform;
  const find = () =>
    origin.platform.agents.flatMap(({ commands }) => commands).find((one) => one.command.command === command)?.result;
  const isFinal = () => ![undefined, 'waiting'].includes(find()?.outcome);
  if (!(await waitUntil(platform, MAX_WAIT_MS, isFinal))) return late(platform);
  const { outcome = '', code = null } = find() ?? {};
  terminal.out(`The server has the result of ${command}: ${code === null ? outcome : `${outcome} (${code})`}.`);
  return outcome === 'done' ? EXIT_OK : EXIT_STATUS.internal;
}

function late({ terminal }: DemoPlatform): number {
  terminal.err(`The server got no result within ${showDuration(MAX_WAIT_MS)}; the log shows why.`);
  return EXIT_STATUS.timeout;
}
