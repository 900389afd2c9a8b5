// The commands for vendors about the reference platform: `sallyport fleet` and `sallyport license`, with their options
// and help.

import { type Command, InvalidArgumentError } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import { DEFAULT_KEYS, type KeyArguments, PASSPHRASE_HELP } from './program-feed.ts';
import type { MakeAction } from './program-hooks.ts';

export interface PushArguments {
  readonly case?: string;
  readonly from?: string;
  readonly text?: string;
}

export interface NewKeysArguments {
  /** RFC 3339. */
  readonly expires: string;
  readonly count: number;
  readonly feature?: readonly string[];
}

export interface SignLicenseArguments extends KeyArguments {
  readonly key: string;
  readonly expires: string;
  readonly site?: string;
  readonly id?: string;
  readonly feature?: readonly string[];
  readonly output?: string;
}

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface VendorActions {
  fleetList(dir: string, options: { json: boolean }): Promise<number>;
  fleetShow(dir: string, agent: string, options: { json: boolean }): Promise<number>;
  fleetPush(dir: string, target: { agent: string; command: string }, options: PushArguments): Promise<number>;
  licenseAdd(dir: string, options: NewKeysArguments): Promise<number>;
  licenseList(dir: string, options: { json: boolean }): Promise<number>;
  licenseRevoke(dir: string, id: string): Promise<number>;
  licenseExtend(dir: string, id: string, options: { expires: string }): Promise<number>;
  licenseSign(request: string | null, options: SignLicenseArguments): Promise<number>;
  licenseKey(name: string, options: { keys: string }): Promise<number>;
}

const DIR_HELP = 'folder that `sallyport serve` serves';
const EXPIRES_HELP = 'when they end: a date such as 2027-12-31, or a time with its zone';
const MAX_NEW_KEYS = 10_000;

/** Adds the commands to those of the program. */
export function addVendorCommands(
  { fleet, license }: { readonly fleet: Command; readonly license: Command },
  actions: VendorActions,
  does: MakeAction,
): void {
  fleet
    .command('list')
    .description('list the agents that have connected to the platform link')
    .argument('<dir>', DIR_HELP)
    .option('--json', 'as JSON', false)
    .action(does((dir: string, options: { json: boolean }) => actions.fleetList(dir, options)));
  fleet
    .command('show')
    .description('show the last report of an agent, and its commands with their results')
    .argument('<dir>', DIR_HELP)
    .argument('<agent>', 'agent ID')
    .option('--json', 'as JSON', false)
    .action(does((dir: string, agent: string, options: { json: boolean }) => actions.fleetShow(dir, agent, options)));
  fleet
    .command('push')
    .description('send a command to an agent, or to all agents')
    .argument('<dir>', DIR_HELP)
    .argument('<agent>', 'agent ID, or all')
    .argument('<command>', 'update-available, send-logs, activation-changed or advice')
    .option('--case <text>', 'with send-logs: the support case')
    .option('--from <name>', 'with advice: who sends it')
    .option('--text <command line>', 'with advice: what the admin should run; it is shown, never run')
    .addHelpText('after', filled(PUSH_HELP))
    .action(
      does((dir: string, agent: string, command: string, options: PushArguments) =>
        actions.fleetPush(dir, { agent, command }, options),
      ),
    );
  addLicense(license, actions, does);
}

function addLicense(license: Command, actions: VendorActions, does: MakeAction): void {
  license
    .command('add')
    .description('make activation keys, each for one host, and print them')
    .argument('<dir>', DIR_HELP)
    .requiredOption('--expires <date>', EXPIRES_HELP, parseDate)
    .option('--count <number>', 'how many', parseCount, 1)
    .option('--feature <name...>', 'features that the licenses name')
    .addHelpText('after', filled(ADD_HELP))
    .action(does((dir: string, options: NewKeysArguments) => actions.licenseAdd(dir, options)));
  license
    .command('list')
    .description('list the activation keys by their IDs, with the hosts that use them')
    .argument('<dir>', DIR_HELP)
    .option('--json', 'as JSON', false)
    .action(does((dir: string, options: { json: boolean }) => actions.licenseList(dir, options)));
  license
    .command('revoke')
    .description('revoke an activation key, and notify its host')
    .argument('<dir>', DIR_HELP)
    .argument('<id>', 'ID of the key, from `license list`')
    .action(does((dir: string, id: string) => actions.licenseRevoke(dir, id)));
  license
    .command('extend')
    .description('change when an activation key and its license end, and notify its host')
    .argument('<dir>', DIR_HELP)
    .argument('<id>', 'ID of the key, from `license list`')
    .requiredOption('--expires <date>', EXPIRES_HELP, parseDate)
    .action(does((dir: string, id: string, options: { expires: string }) => actions.licenseExtend(dir, id, options)));
  license
    .command('sign')
    .description('make a license file for a host without a connection, or for all hosts of a site')
    .argument('[request]', 'file of `sallyport activation request`; with --site: none')
    .requiredOption('--key <name>', 'the Ed25519 key that signs')
    .requiredOption('--expires <date>', 'when it ends: a date such as 2027-12-31, or a time with its zone', parseDate)
    .option('--site <name>', 'for all hosts whose activation.site has this value')
    .option('--id <text>', 'ID of the license; default: a new one')
    .option('--feature <name...>', 'features that the license names')
    .option('--output <file>', 'file to write; default: standard output')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file...>', PASSPHRASE_HELP)
    .action(
      does((request: string | undefined, options: SignLicenseArguments) =>
        actions.licenseSign(request ?? null, options),
      ),
    );
  license
    .command('key')
    .description('print the public half of a key as a value for activation.license_keys')
    .argument('<name>', 'name of the key')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .action(does((name: string, options: { keys: string }) => actions.licenseKey(name, options)));
}

/** RFC 3339; a date is its first moment in UTC. */
function parseDate(text: string): string {
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const ms = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) || isDate ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Use a date such as 2027-12-31, or 2027-12-31T12:00:00Z.');
  return isDate ? `${text}T00:00:00Z` : text;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && count >= 1 && count <= MAX_NEW_KEYS) return count;
  throw new InvalidArgumentError(`Use a number from 1 to ${MAX_NEW_KEYS}.`);
}

const PUSH_HELP = `
The running server sends the command at once. If no server is running, or an agent is not connected, the command waits. To see
its result, run fleet show. A new release in the folder is announced to all agents without this command.`;

const ADD_HELP = `
The keys are printed once: the server stores only their digests. Store them, or pass them to your customers at once. To activate
hosts, run sallyport serve with --license-key.`;
