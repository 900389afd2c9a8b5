// The commands that help to find out whether the proxy causes a problem, with their options and help.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EndpointForm } from '#cli/endpoints.ts';
import { parseSize } from '#cli/size.ts';
import { filled } from '#cli/terminal/wrap.ts';
import type { Purpose } from '#config/purposes.ts';
import { isZoneName } from '#system/time/zone.ts';
import type { Globals, Hooks } from './program-hooks.ts';

interface DiagnoseArguments {
  readonly purpose?: Purpose;
  readonly secondOpinion: boolean;
  readonly json: boolean;
  readonly retryCredential: boolean;
}

/** Arguments of `proxy test`. Without a name it tests the default proxy. */
interface TestArguments {
  readonly name?: string;
  readonly secondOpinion: boolean;
  readonly json: boolean;
  readonly retryCredential: boolean;
}

interface EndpointArguments {
  readonly json: boolean;
  readonly squidAcl: boolean;
}

/** Arguments of `timeout estimate`. */
interface EstimateArguments {
  readonly log: readonly string[];
  readonly packages: string;
  readonly timeZone?: string;
  readonly apply: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export interface TimeoutActions {
  explainTimeout(globals: Globals, options: { size: number | null; json: boolean }): Promise<number>;
  estimateTimeout(globals: Globals, options: EstimateArguments): Promise<number>;
}

export interface NetworkActions {
  diagnose(globals: Globals, options: DiagnoseArguments): Promise<number>;
  testProxy(globals: Globals, options: TestArguments): Promise<number>;
  endpoints(globals: Globals, form: EndpointForm): Promise<number>;
}

/** Adds `diagnose`, which accepts these purposes, and `endpoints`. */
export function addNetworkCommands(
  program: Command,
  actions: NetworkActions,
  { globals, does, purposes }: Hooks & { readonly purposes: readonly Purpose[] },
): void {
  program
    .command('diagnose')
    .description(
      'test the connection for each purpose step by step, as the service would, and report the first problem',
    )
    .addOption(new Option('--purpose <purpose>', 'test only this purpose').choices(purposes))
    .option('--second-opinion', OPINION_HELP, false)
    .option('--json', JSON_HELP, false)
    .option('--retry-credential', RETRY_HELP, false)
    .addHelpText('after', filled(DIAGNOSE_HELP))
    .action(does((options: DiagnoseArguments) => actions.diagnose(globals(), options)));
  program
    .command('endpoints')
    .description('list every host and port that Sallyport needs, by purpose and proxy; the proxy team must allow them')
    .addOption(new Option('--text', 'as text (default)').default(false).conflicts(['json', 'squidAcl']))
    .addOption(
      new Option('--json', 'as JSON; docs/endpoints.schema.json is its schema').default(false).conflicts('squidAcl'),
    )
    .option('--squid-acl', 'as lines for the squid.conf of the proxy', false)
    .addHelpText('after', filled(ENDPOINTS_HELP))
    .action(does((options: EndpointArguments) => actions.endpoints(globals(), formOf(options))));
}

/** Adds `proxy test`. */
export function addProxyTest(proxy: Command, actions: NetworkActions, { globals, does }: Hooks): void {
  proxy
    .command('test')
    .description(
      'test the connection for each purpose through this proxy, regardless of use_proxy_for; changes nothing',
    )
    .argument('[name]', 'name of the proxy, as `sallyport proxy list` shows it; default: the default proxy')
    .option('--second-opinion', OPINION_HELP, false)
    .option('--json', JSON_HELP, false)
    .option('--retry-credential', RETRY_HELP, false)
    .addHelpText('after', filled(TEST_HELP))
    .action(
      does((name: string | undefined, options: Omit<TestArguments, 'name'>) =>
        actions.testProxy(globals(), name === undefined ? options : { name, ...options }),
      ),
    );
}

const JSON_HELP = 'as JSON; docs/diagnosis.schema.json is its schema';
const OPINION_HELP = 'also send each request with an ordinary Node client (npm proxy-agent), and compare the results';
const RETRY_HELP = 'send a proxy password once more, even if it was rejected or the proxy has a new address';

const TEST_HELP = `
Runs the same tests as sallyport diagnose, in the daemon if one is running, with the same exit statuses. A rejected password is
sent again only with --retry-credential, or after you agree at the terminal. To test values
before you save them, answer the questions of proxy add or proxy edit.`;

function formOf({ json, squidAcl }: EndpointArguments): EndpointForm {
  if (json) return 'json';
  return squidAcl ? 'squid' : 'text';
}

const ENDPOINTS_HELP = `
Uses the active settings of the running daemon. If none is running, reads the configuration file. Sends nothing over the
network. Hosts that a feed or a redirect named, but that the settings do not allow, are listed separately: Sallyport never
connects to them.
  sallyport endpoints > for-the-proxy-team.txt
  sallyport endpoints --squid-acl > sallyport-acl.conf`;

const DIAGNOSE_HELP = `
The running daemon does the tests with its own user, environment and credentials. If none is running, this command does
them and prints a note. The tests of a purpose end at its first failure. A rejected password is sent again only with --retry-credential, or
after you agree at the terminal.

With --second-opinion, an ordinary Node client sends the same request through the same proxy afterwards. If its request succeeds
and that of Sallyport failed, please report a bug in Sallyport. The client gets the proxy password only if the proxy accepted it
just before, with Basic or as a SOCKS login.

Exit status: 0 every connection works (there may be warnings), else the class of the first failure: 10 name resolution,
11 connection, 12 proxy authentication, 13 policy, 14 TLS, 15 WebSocket, 16 timeout, 17 content, 18 HTTP,
78 configuration.`;

/** Adds `timeout` with its commands. */
export function addTimeoutCommands(program: Command, actions: TimeoutActions, { globals, does }: Hooks): void {
  const timeout = program.command('timeout').description('explain or estimate the response timeout');
  timeout
    .command('explain')
    .description('show the timeouts for packages of 1, 10 and 100 MB, or of a given size, on each route, and why')
    .argument('[size]', 'size such as 48MB, 1.2GB, or a number of bytes', readSize)
    .option('--json', 'as JSON', false)
    .action(
      does((size: number | undefined, options: { json: boolean }) =>
        actions.explainTimeout(globals(), { size: size ?? null, ...options }),
      ),
    );
  timeout
    .command('estimate')
    .description('estimate the timeout from an old log and its packages; changes nothing without --apply')
    .requiredOption('--log <file...>', 'log files; rotated files next to each are also read')
    .requiredOption('--packages <dir>', 'folder with the .JAR files of these updates')
    .option('--time-zone <zone>', 'time zone of the log, such as Europe/Berlin; default: that of this host', parseZone)
    .option('--apply', 'save response_timeout.base_ms, and learn from the downloads', false)
    .option('--yes', 'do not ask for confirmation if the value grows more than tenfold', false)
    .option('--json', 'as JSON', false)
    .action(does((options: EstimateArguments) => actions.estimateTimeout(globals(), options)));
}

function readSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== null) return bytes;
  throw new InvalidArgumentError('Use a size such as 48MB, 1.2GB, or a number of bytes.');
}

function parseZone(text: string): string {
  if (isZoneName(text)) return text;
  throw new InvalidArgumentError('Use a time zone such as Europe/Berlin, or UTC.');
}
