// The commands that answer "is it the proxy?", with their options and help: a piece of `program.ts`.

import { type Command, Option } from 'commander';
import type { EndpointForm } from '#cli/endpoints.ts';
import { filled } from '#cli/terminal/wrap.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Globals, Hooks } from './program-hooks.ts';

interface DiagnoseArguments {
  readonly purpose?: Purpose;
  readonly secondOpinion: boolean;
  readonly json: boolean;
  readonly retryCredential: boolean;
}

/** What `proxy test` is given; without a name it is the default proxy. */
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

export interface NetworkActions {
  diagnose(globals: Globals, options: DiagnoseArguments): Promise<number>;
  testProxy(globals: Globals, options: TestArguments): Promise<number>;
  endpoints(globals: Globals, form: EndpointForm): Promise<number>;
}

export function addNetworkCommands(program: Command, actions: NetworkActions, { globals, does }: Hooks): void {
  program
    .command('diagnose')
    .description('walk the way of each purpose stage by stage, as the service does, and name what is wrong first')
    .addOption(new Option('--purpose <purpose>', 'this purpose alone').choices([...PURPOSES]))
    .option('--second-opinion', OPINION_HELP, false)
    .option('--json', JSON_HELP, false)
    .option('--retry-credential', RETRY_HELP, false)
    .addHelpText('after', filled(DIAGNOSE_HELP))
    .action(does((options: DiagnoseArguments) => actions.diagnose(globals(), options)));
  program
    .command('endpoints')
    .description('every host and port that has to be reached, by purpose and proxy: the allow-list for the proxy team')
    .addOption(new Option('--text', 'for people; the default').default(false).conflicts(['json', 'squidAcl']))
    .addOption(
      new Option('--json', 'as JSON; docs/endpoints.schema.json is its schema').default(false).conflicts('squidAcl'),
    )
    .option('--squid-acl', 'as lines for the squid.conf of the proxy', false)
    .addHelpText('after', filled(ENDPOINTS_HELP))
    .action(does((options: EndpointArguments) => actions.endpoints(globals(), formOf(options))));
}

/** Adds `proxy test` to the commands around proxies. */
export function addProxyTest(proxy: Command, actions: NetworkActions, { globals, does }: Hooks): void {
  proxy
    .command('test')
    .description('walk the way of each purpose through this proxy, whatever use_proxy_for says; changes nothing')
    .argument('[name]', 'name of the proxy, as `sallyport proxy list` shows it; without it the default one')
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
const RETRY_HELP = 'send once more a proxy password that was refused, or whose proxy has moved';

const TEST_HELP = `
The same walk as sallyport diagnose, inside the daemon where one runs, and the same exit statuses. A password that was refused
is not sent again unless you say so. Values that are not saved yet are tested by the questions of proxy add and proxy edit.`;

function formOf({ json, squidAcl }: EndpointArguments): EndpointForm {
  if (json) return 'json';
  return squidAcl ? 'squid' : 'text';
}

const ENDPOINTS_HELP = `
By the settings in force where a daemon runs, else by the file, which is only read. Nothing is asked on the network.
What a feed or a redirect led to, and the settings do not allow, stands apart: nothing goes there.
  sallyport endpoints > for-the-proxy-team.txt
  sallyport endpoints --squid-acl > sallyport-acl.conf`;

const DIAGNOSE_HELP = `
The daemon that runs does it itself, with its own user, environment and credentials; where none runs, this process does,
and says so. A purpose ends at its first failure. A password that was refused is not sent again unless you say so.

With --second-opinion an ordinary Node client sends the same request through the same proxy afterwards. If it gets through where
Sallyport fails, please report that as a fault of Sallyport. The client gets the proxy password only if the proxy accepted it
just before, by Basic or as the login of a SOCKS proxy.

Exit status: 0 the work would go well (warnings are told), else the class of the first failure: 10 name resolution,
11 connection, 12 proxy authentication, 13 policy, 14 TLS, 15 WebSocket, 16 timeout, 17 content, 18 HTTP,
78 configuration.`;
