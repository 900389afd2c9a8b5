// The commands `sallyport fleet` and those of `sallyport license` that work on a served folder. They read the state of
// the reference platform from its folder, and write requests there, which its server carries out.

import { resolve } from 'node:path';
import type { NewKeysArguments, PushArguments } from '#cli/program/program-vendor.ts';
import { printJson } from '#cli/terminal/json.ts';
import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { formatTable } from '#control/text/table.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { applyText, type EventModel } from '#origin/event-log.ts';
import { fleetFile, licensesFile, platformFolder } from '#origin/platform/folder.ts';
import { LicenseBook, type LicenseKey } from '#origin/platform/licenses/license-book.ts';
import { makeKeys } from '#origin/platform/licenses/new-keys.ts';
import { type AgentRecord, Fleet, type KeptCommand } from '#origin/platform/link/fleet.ts';
import { commandSchema } from '#origin/platform/link/wire.ts';
import { type VendorRequest, waitingRequests, writeRequest } from '#origin/platform/requests.ts';
import { systemClock } from '#system/clock.ts';
import { readWhole } from '#system/durable.ts';
import { utcTime } from '#system/moment.ts';
import { realFiles } from '#system/real-files.ts';

const MAX_STATE_BYTES = 1024 * 1024 * 1024;
const ALL = 'all';

export async function fleetList(terminal: Terminal, dir: string, { json }: { json: boolean }): Promise<number> {
  const { agents } = await readFleet(dir);
  if (json) {
    printJson(terminal, agents);
    return EXIT_OK;
  }
  if (agents.length === 0) terminal.out('No agent has connected yet.');
  else {
    const heads = ['AGENT', 'VERSION', 'ACTIVATION', 'CONNECTED', 'OPEN COMMANDS'];
    for (const line of formatTable(heads, agents.map(rowOf), widthOf(terminal.screen))) terminal.out(line);
  }
  await printWaiting(terminal, dir);
  return EXIT_OK;
}

export async function fleetShow(
  terminal: Terminal,
  { dir, agent: id }: { dir: string; agent: string },
  { json }: { json: boolean },
): Promise<number> {
  const agent = requireAgent(await readFleet(dir), id);
  if (json) {
    printJson(terminal, agent);
    return EXIT_OK;
  }
  terminal.out(`Agent ${showForeign(agent.id)}, version ${showForeign(agent.version)}, ${agent.activation}`);
  terminal.out(`  ${connectionOf(agent)}`);
  const report = agent.report === null ? 'none' : showForeign(JSON.stringify(agent.report));
  terminal.out(`  last report: ${report}`);
  if (agent.commands.length === 0) return EXIT_OK;
  const heads = ['COMMAND', 'ID', 'SENT', 'RESULT'];
  for (const line of formatTable(heads, agent.commands.map(commandRow), widthOf(terminal.screen))) terminal.out(line);
  return EXIT_OK;
}

export async function fleetPush(
  terminal: Terminal,
  { dir, agent, command: name }: { dir: string; agent: string; command: string },
  { case: supportCase, from, text }: PushArguments,
): Promise<number> {
  const command = commandSchema.safeParse({ command: name, case: supportCase ?? null, from, text });
  if (!command.success) throw new UsageError(usageOf(name));
  const fleet = await readFleet(dir);
  if (agent !== ALL) requireAgent(fleet, agent);
  const count = agent === ALL ? fleet.size : 1;
  if (count === 0) throw new UsageError('No agent has connected yet.');
  const id = await request(dir, { request: 'push', to: agent, command: command.data });
  terminal.out(`Requested ${name} for ${count} ${count === 1 ? 'agent' : 'agents'}: ${id}.`);
  return EXIT_OK;
}

export async function licenseAdd(terminal: Terminal, dir: string, options: NewKeysArguments): Promise<number> {
  const { count, expires, feature: features = [] } = options;
  const made = makeKeys({ count, expires, features });
  await request(dir, { request: 'keys', keys: made.map(({ key }) => key) });
  for (const { text } of made) terminal.out(text);
  return EXIT_OK;
}

export async function licenseList(terminal: Terminal, dir: string, { json }: { json: boolean }): Promise<number> {
  const { keys } = await readBook(dir);
  if (json) printJson(terminal, keys);
  else if (keys.length === 0) terminal.out('There are no activation keys yet.');
  else {
    const heads = ['ID', 'EXPIRES', 'STATE', 'HOST'];
    const rows = keys.map((key) => [key.id, key.expires, stateOf(key), hostOf(key)]);
    for (const line of formatTable(heads, rows, widthOf(terminal.screen))) terminal.out(line);
  }
  if (!json) await printWaiting(terminal, dir);
  return EXIT_OK;
}

export async function licenseRevoke(terminal: Terminal, dir: string, id: string): Promise<number> {
  await requireKey(dir, id);
  await request(dir, { request: 'revoke', key: id });
  terminal.out(`Requested: revoke ${id}.`);
  return EXIT_OK;
}

export async function licenseExtend(
  terminal: Terminal,
  dir: string,
  key: { id: string; expires: string },
): Promise<number> {
  await requireKey(dir, key.id);
  await request(dir, { request: 'extend', key: key.id, expires: key.expires });
  terminal.out(`Requested: ${key.id} expires at ${key.expires}.`);
  return EXIT_OK;
}

async function request(dir: string, made: VendorRequest): Promise<string> {
  return await writeRequest(realFiles, await stateFolder(dir), made, utcTime(systemClock.now()));
}

async function readFleet(dir: string): Promise<Fleet> {
  return await readModel(new Fleet(), fleetFile(await stateFolder(dir)));
}

async function readBook(dir: string): Promise<LicenseBook> {
  return await readModel(new LicenseBook(), licensesFile(await stateFolder(dir)));
}

async function readModel<Event, Model extends EventModel<Event>>(
  model: Model & EventModel<Event>,
  path: string,
): Promise<Model> {
  const bytes = await readWhole(realFiles, path, MAX_STATE_BYTES);
  applyText(Buffer.from(bytes).toString('utf8'), { model, path });
  return model;
}

/** Where the state of a served folder is. @throws UsageError if the folder was never served */
async function stateFolder(dir: string): Promise<string> {
  const state = platformFolder(resolve(dir));
  if ((await realFiles.facts(state)) !== null) return state;
  throw new UsageError(`${dir} was not served yet: run sallyport serve ${dir} first.`);
}

function requireAgent(fleet: Fleet, id: string): AgentRecord {
  const agent = fleet.find(id);
  if (agent === null) throw new UsageError(`No agent ${showForeign(id)} has connected; see sallyport fleet list.`);
  return agent;
}

async function requireKey(dir: string, id: string): Promise<void> {
  if ((await readBook(dir)).find(id) !== null) return;
  throw new UsageError(`There is no key ${showForeign(id)}; see sallyport license list.`);
}

/** Requests that wait because no server runs, or because it reads them within a second. */
async function printWaiting(terminal: Terminal, dir: string): Promise<void> {
  const { length } = await waitingRequests(realFiles, await stateFolder(dir));
  if (length > 0) terminal.err(`${length} ${length === 1 ? 'request waits' : 'requests wait'} for sallyport serve.`);
}

function rowOf(agent: AgentRecord): readonly (string | number)[] {
  const open = agent.commands.filter(({ result }) => result === null || result.outcome === 'waiting').length;
  return [showForeign(agent.id), showForeign(agent.version), agent.activation, connectionOf(agent), open];
}

function connectionOf({ over, seen }: AgentRecord): string {
  if (over === null) return `last at ${seen}`;
  return `over ${over === 'poll' ? 'polling' : 'WebSocket'} since ${seen}`;
}

function commandRow({ command, id, at, result }: KeptCommand): readonly string[] {
  const { outcome, code, job } = result ?? { outcome: 'none yet', code: null, job: null };
  const more = [code, job].filter((one) => one !== null).map(showForeign);
  return [command.command, id, at, [outcome, ...more].join(' ')];
}

function stateOf({ isRevoked, expires, holder }: LicenseKey): string {
  if (isRevoked) return 'revoked';
  if (Date.parse(expires) <= systemClock.now()) return 'expired';
  return holder === null ? 'free' : 'in use';
}

function hostOf({ holder }: LicenseKey): string {
  return holder === null ? '' : `${showForeign(holder.agent)} since ${holder.at}`;
}

function usageOf(command: string): string {
  switch (command) {
    case 'send-logs':
      return '--case is a text of at most 64 characters, without control characters.';
    case 'advice':
      return 'advice needs --from (at most 128 characters) and --text (at most 1,024), without control characters.';
    default:
      return 'The command is update-available, send-logs, activation-changed or advice.';
  }
}
