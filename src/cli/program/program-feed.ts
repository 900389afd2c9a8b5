// The commands for vendors: `sallyport feed` and `sallyport serve`, with their options and help.

import { type Command, InvalidArgumentError } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { MakeAction } from './program-hooks.ts';

/** Where keys and their passphrases are. */
export interface KeyArguments {
  readonly keys: string;
  readonly passphraseFile?: readonly string[];
}

export interface BuildArguments extends KeyArguments {
  readonly expiresDays: number;
  /** The signed repository; undefined for an unsigned feed. */
  readonly tuf?: string;
  readonly team?: string;
  readonly draft?: string;
  readonly licenseKeys?: readonly string[];
}

export interface MakeKeyArguments extends KeyArguments {
  readonly public?: string;
  readonly signer?: string;
}

/** The values of `ROLE=NUMBER` options. */
type ByRole = Readonly<Record<string, number>>;

export interface RotateArguments {
  readonly tuf: string;
  readonly keys: string;
  readonly root?: readonly string[];
  readonly targets?: readonly string[];
  readonly snapshot?: readonly string[];
  readonly timestamp?: readonly string[];
  readonly threshold?: ByRole;
  readonly lifetime?: ByRole;
  readonly draft: string;
}

export interface DelegateArguments extends KeyArguments {
  readonly tuf: string;
  readonly paths?: readonly string[];
  readonly with?: readonly string[];
  readonly threshold: number;
  readonly remove: boolean;
  readonly draft?: string;
}

export interface SignArguments extends KeyArguments {
  readonly tuf?: string;
  readonly merge?: readonly string[];
  readonly yes: boolean;
}

export interface StatusOfFeedArguments {
  readonly tuf: string;
  readonly keys: string;
  readonly json: boolean;
}

export interface ServeArguments extends KeyArguments {
  readonly host: string;
  readonly port: number;
  /** The name of the key that signs licenses; undefined for a server without activation. */
  readonly licenseKey?: string;
  /** The origin that agents use. */
  readonly publicUrl?: string;
}

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface FeedActions {
  serve(dir: string, options: ServeArguments): Promise<number>;
  buildFeed(dir: string, options: BuildArguments): Promise<number>;
  makeKey(name: string, options: MakeKeyArguments): Promise<number>;
  listKeys(options: { keys: string; json: boolean }): Promise<number>;
  showKey(name: string, options: { keys: string }): Promise<number>;
  rotateKeys(options: RotateArguments): Promise<number>;
  delegate(team: string, options: DelegateArguments): Promise<number>;
  signFeed(draft: string | null, options: SignArguments): Promise<number>;
  feedStatus(options: StatusOfFeedArguments): Promise<number>;
}

const ROLES = ['root', 'targets', 'snapshot', 'timestamp'];
export const DEFAULT_KEYS = 'keys';
export const PASSPHRASE_HELP = 'file with the passphrase of the keys in its first line; several are tried in turn';
const TUF_HELP = 'folder of the signed repository';

/** Adds the commands. */
export function addFeedCommands(program: Command, actions: FeedActions, does: MakeAction): void {
  program
    .command('serve')
    .description('for vendors and tests: serve a folder with a feed, and receive what agents send')
    .argument('<dir>', 'folder prepared by `sallyport feed build`')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 picks a free port', parsePort, 8080)
    .option('--public-url <url>', 'scheme, host and port that agents use, if another server is in front', parseOrigin)
    .option('--license-key <name>', 'activate hosts, with licenses that this key signs')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file...>', PASSPHRASE_HELP)
    .action(does((dir: string, options: ServeArguments) => actions.serve(dir, options)));
  const feed = program
    .command('feed')
    .description('for vendors: make a feed, and sign it')
    .addHelpText('after', filled(FEED_HELP));
  addBuild(feed, actions, does);
  addKeys(feed, actions, does);
  addRoot(feed, actions, does);
  feed
    .command('sign')
    .description('sign a draft with the keys of this machine; without a draft, renew the roles that are due')
    .argument('[draft]', 'file that `feed rotate`, `feed delegate` or `feed build` made')
    .option('--tuf <dir>', `${TUF_HELP}; a complete draft is published there`)
    .option('--merge <file...>', 'copies of the draft that other people signed')
    .option('--yes', 'do not ask for confirmation', false)
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file...>', PASSPHRASE_HELP)
    .addHelpText('after', filled(SIGN_HELP))
    .action(does((draft: string | undefined, options: SignArguments) => actions.signFeed(draft ?? null, options)));
  feed
    .command('status')
    .description('show the version, expiry and signers of each role; status 1 if a role has to be renewed')
    .requiredOption('--tuf <dir>', TUF_HELP)
    .option('--keys <dir>', 'folder with the keys, for their names', DEFAULT_KEYS)
    .option('--json', 'as JSON', false)
    .action(does((options: StatusOfFeedArguments) => actions.feedStatus(options)));
}

function addBuild(feed: Command, actions: FeedActions, does: MakeAction): void {
  feed
    .command('build')
    .description('make feed.json from the .JAR files of a folder; any static web server can serve it')
    .argument('<dir>', 'folder with .JAR files')
    .option('--expires-days <days>', 'number of days for which an unsigned feed is valid', parseDays, 30)
    .option('--tuf <dir>', 'also sign the feed and its packages, and publish them in this folder')
    .option('--team <name>', 'sign as this team, for the paths that are delegated to it')
    .option(
      '--license-keys <key...>',
      'with --tuf: also publish license-keys.json, with the public halves of these keys',
    )
    .option('--draft <file>', 'where to write what this machine cannot sign; default: ROLE.draft.json')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file...>', PASSPHRASE_HELP)
    .addHelpText('after', filled(BUILD_HELP))
    .action(does((dir: string, options: BuildArguments) => actions.buildFeed(dir, options)));
}

function addKeys(feed: Command, actions: FeedActions, does: MakeAction): void {
  const keys = feed.command('keys').description('make, list and show keys');
  keys
    .command('make')
    .description('make an Ed25519 key, or add a key whose private half is elsewhere')
    .argument('<name>', 'name of the key')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file>', 'file with the passphrase in its first line', (file: string) => [file])
    .option('--public <file>', 'add this public key (PEM, or NAME.pub of someone else)')
    .option('--signer <command>', 'with --public: command that gets bytes on stdin and writes their signature')
    .addHelpText('after', filled(KEYS_HELP))
    .action(does((name: string, options: MakeKeyArguments) => actions.makeKey(name, options)));
  keys
    .command('list')
    .description('list the keys of the folder')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--json', 'as JSON', false)
    .action(does((options: { keys: string; json: boolean }) => actions.listKeys(options)));
  keys
    .command('show')
    .description('print the public half of a key')
    .argument('<name>', 'name of the key')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .action(does((name: string, options: { keys: string }) => actions.showKey(name, options)));
}

function addRoot(feed: Command, actions: FeedActions, does: MakeAction): void {
  feed
    .command('rotate')
    .description('prepare the first root of a repository, or the next one with other keys')
    .requiredOption('--tuf <dir>', TUF_HELP)
    .option('--root <key...>', 'all keys that may sign the root')
    .option('--targets <key...>', 'all keys that may sign the packages')
    .option('--snapshot <key...>', 'all keys that may sign the snapshot')
    .option('--timestamp <key...>', 'all keys that may sign the timestamp')
    .option('--threshold <role=number...>', 'how many keys must sign; default: root=2, others 1', byRole(1, 100))
    .option('--lifetime <role=days...>', 'how long a version is valid', byRole(1, 3_650))
    .option('--draft <file>', 'file to write', 'root.draft.json')
    .option('--keys <dir>', 'folder with the public halves of all keys', DEFAULT_KEYS)
    .addHelpText('after', filled(ROTATE_HELP))
    .action(does((options: RotateArguments) => actions.rotateKeys(options)));
  feed
    .command('delegate')
    .description('let a team sign its own feed and packages, or end this permission')
    .argument('<team>', 'name of the team')
    .requiredOption('--tuf <dir>', TUF_HELP)
    .option('--paths <pattern...>', 'the paths that the team may sign; default: TEAM/*')
    .option('--with <key...>', 'all keys of the team')
    .option('--threshold <number>', 'how many keys of the team must sign', parseThreshold, 1)
    .option('--remove', 'end the delegation to the team', false)
    .option('--draft <file>', 'where to write what this machine cannot sign; default: targets.draft.json')
    .option('--keys <dir>', 'folder with the keys', DEFAULT_KEYS)
    .option('--passphrase-file <file...>', PASSPHRASE_HELP)
    .action(does((team: string, options: DelegateArguments) => actions.delegate(team, options)));
}

function byRole(min: number, max: number): (text: string, before: ByRole | undefined) => ByRole {
  return (text, before) => {
    const [role = '', value = '', ...more] = text.split('=');
    const number = /^[0-9]{1,4}$/.test(value) ? Number(value) : Number.NaN;
    if (more.length > 0 || !ROLES.includes(role) || !(number >= min && number <= max)) {
      throw new InvalidArgumentError(`Use ROLE=NUMBER with a number from ${min} to ${max}, such as root=2.`);
    }
    return { ...before, [role]: number };
  };
}

function parseThreshold(text: string): number {
  const number = Number(text);
  if (/^[0-9]{1,3}$/.test(text) && number >= 1 && number <= 100) return number;
  throw new InvalidArgumentError('Use a number from 1 to 100.');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('Use a port from 0 to 65535.');
}

function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin;
  throw new InvalidArgumentError('Use a URL without a path, such as https://updates.example.com.');
}

function parseDays(text: string): number {
  const days = Number(text);
  if (/^[0-9]{1,4}$/.test(text) && days >= 1) return days;
  throw new InvalidArgumentError('Use a number of days from 1 to 9999.');
}

const FEED_HELP = `
For a signed feed, make keys and a root once (feed keys make, feed rotate, feed sign). Then run feed build DIR --tuf DIR for
each release.
docs/signing.md shows it step by step.`;

const BUILD_HELP = `
Other facts of a package (package, sequence, kind, requires, notes, ...) go into ID.meta.json next to ID.jar; see
docs/protocol.md. Run the command again after each change of the packages. The serial rises only if something has changed.

With --license-keys, the command also publishes license-keys.json, the public halves of the keys that sign licenses, for
activation.license_keys_target. Later builds keep this file until the option is given again.

Exit status: 1 if the release still needs signatures from other machines (--tuf).`;

const KEYS_HELP = `
The private half of the key is encrypted with a passphrase of at least 12 characters. The command asks for it unless
--passphrase-file is given. You can give the public half, NAME.pub, to anyone.

With --signer, another program signs, for example with PKCS#11, a cloud KMS or a security key. The program runs without a
shell, and its arguments are separated by spaces. It must write the signature to stdout: raw, in hex or in base64. The key must
be Ed25519, ECDSA on P-256, or RSA with PSS and SHA-256.`;

const ROTATE_HELP = `
Use the names of the keys in the folder of --keys. A role that you do not name keeps its keys. If no key changes, the next root
only has a later expiry. Sign the draft with feed sign.`;

const SIGN_HELP = `
Pass the draft on until it has enough signatures, or give a copy to each signer and merge the copies. From a timer, run the
command without a draft: it renews the timestamp, the snapshot and every other role that is due and can be signed here.

Exit status: 1 if --tuf is given, but the draft is not complete or not all keys are here.`;
