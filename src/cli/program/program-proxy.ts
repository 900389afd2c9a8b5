// The `proxy` and `route` commands with their flags and help. The flags of a profile are generated from the schema, so
// a new key of the schema becomes a flag.

import { Argument, type Command, Option } from 'commander';
import type { ConfirmFlags } from '#cli/settings/confirm.ts';
import type { ProfileFlags } from '#cli/settings/proxy-change.ts';
import type { DeleteFlags } from '#cli/settings/proxy-delete.ts';
import { PURPOSE_NAMES } from '#cli/settings/route.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { filled } from '#cli/terminal/wrap.ts';
import { type ProfileField, profileFields } from '#config/editing/profile-fields.ts';
import { withConfirm } from './confirm-options.ts';
import type { Globals, Hooks } from './program-hooks.ts';
import { addProxyTest, type NetworkActions } from './program-network.ts';

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface ProxyActions {
  listProxies(globals: Globals, options: { json: boolean }): Promise<number>;
  showProxy(globals: Globals, options: { name: string; json: boolean }): Promise<number>;
  addProxy(globals: Globals, options: { name: string | undefined; flags: ProfileFlags }): Promise<number>;
  editProxy(globals: Globals, options: { name: string; flags: ProfileFlags }): Promise<number>;
  changeProxy(globals: Globals, options: { flags: ProfileFlags }): Promise<number>;
  deleteProxy(globals: Globals, options: { name: string; flags: DeleteFlags }): Promise<number>;
  defaultProxy(globals: Globals, options: { name: string; json: boolean; confirm: ConfirmFlags }): Promise<number>;
  enableProxy(globals: Globals, options: { enabled: boolean; json: boolean; confirm: ConfirmFlags }): Promise<number>;
  confirmChange(globals: Globals): Promise<number>;
  showRoutes(globals: Globals, options: { json: boolean }): Promise<number>;
  setRoute(globals: Globals, options: RouteArguments): Promise<number>;
}

interface RouteArguments extends Json {
  readonly purpose: string;
  readonly use: string;
  readonly confirm: ConfirmFlags;
}

interface Json {
  readonly json: boolean;
}

/** The flags of a profile as commander parsed them. */
type ParsedFlags = Readonly<Record<string, unknown>> & Json;

/** Adds the commands of `proxy` and `route`. */
export function addProxyCommands(
  { proxy, route }: { readonly proxy: Command; readonly route: Command },
  actions: ProxyActions & NetworkActions,
  hooks: Hooks,
): void {
  proxy.addHelpText('after', filled(EDIT_PERMISSIONS));
  addLooking(proxy, actions, hooks);
  addMaking(proxy, actions, hooks);
  addProxyTest(proxy, actions, hooks);
  addSwitching(proxy, actions, hooks);
  addRoutes(route, actions, hooks);
}

function addLooking(proxy: Command, actions: ProxyActions, { globals, does }: Hooks): void {
  withJson(proxy.command('list').description('list every proxy, without passwords')).action(
    does((options: Json) => actions.listProxies(globals(), options)),
  );
  withJson(
    proxy.command('show').description('show each key of a proxy, the source of its value, and what uses the proxy'),
  )
    .argument('<name>', NAME)
    .action(does((name: string, { json }: Json) => actions.showProxy(globals(), { name, json })));
}

function addMaking(proxy: Command, actions: ProxyActions, { globals, does }: Hooks): void {
  withProfileFlags(
    proxy.command('add').description('add a proxy; at a terminal and without flags, asks for each value'),
  )
    .argument('[name]', 'name of the proxy, for use_proxy_for and status')
    .addHelpText('after', filled(ADD_HELP))
    .action(
      does((name: string | undefined, flags: ParsedFlags) =>
        actions.addProxy(globals(), { name, flags: readFlags(flags) }),
      ),
    );
  withConfirm(
    withProfileFlags(
      proxy.command('edit').description('change a proxy; at a terminal and without flags, asks for each value'),
    ),
  )
    .argument('<name>', NAME)
    .addOption(new Option('--rename <name>', 'new name; references to the proxy change with it'))
    .addHelpText('after', filled(EDIT_HELP))
    .action(
      does((name: string, flags: ParsedFlags) => actions.editProxy(globals(), { name, flags: readFlags(flags) })),
    );
  withConfirm(withProfileFlags(proxy.command('change').description('change the default proxy, as edit does')))
    .addOption(new Option('--rename <name>', 'new name; references to the proxy change with it'))
    .action(does((flags: ParsedFlags) => actions.changeProxy(globals(), { flags: readFlags(flags) })));
  withConfirm(withJson(proxy.command('delete').description('delete a proxy (--force if it is in use)')))
    .argument('<name>', NAME)
    .option(
      '--force',
      'delete it even if it is in use; purposes that use it then use the default proxy, or connect directly if there is none',
      false,
    )
    .addOption(new Option('--new-default <name>', 'proxy that becomes the default instead, or none'))
    .option('--yes', 'do not ask for confirmation', false)
    .action(
      does((name: string, { confirmWithin, saveAnyway, ...flags }: DeleteFlags & ConfirmFlags) =>
        actions.deleteProxy(globals(), { name, flags: { ...flags, confirm: { confirmWithin, saveAnyway } } }),
      ),
    );
}

function addSwitching(proxy: Command, actions: ProxyActions, { globals, does }: Hooks): void {
  withConfirm(withJson(proxy.command('default').description('make a proxy the default instead of the current one')))
    .argument('<name>', NAME)
    .action(
      does((name: string, { json, ...confirm }: Json & ConfirmFlags) =>
        actions.defaultProxy(globals(), { name, json, confirm }),
      ),
    );
  withConfirm(withJson(proxy.command('enable').description('use the proxies again (proxy_enabled: true)'))).action(
    does(({ json, ...confirm }: Json & ConfirmFlags) =>
      actions.enableProxy(globals(), { enabled: true, json, confirm }),
    ),
  );
  withConfirm(
    withJson(
      proxy
        .command('disable')
        .description(
          'use no proxy: every purpose connects directly, and the proxies stay in the file (proxy_enabled: false)',
        ),
    ),
  ).action(
    does(({ json, ...confirm }: Json & ConfirmFlags) =>
      actions.enableProxy(globals(), { enabled: false, json, confirm }),
    ),
  );
  proxy
    .command('confirm')
    .description('accept the change that --confirm-within is testing, even though a stage failed')
    .action(does(() => actions.confirmChange(globals())));
}

function addRoutes(route: Command, actions: ProxyActions, { globals, does }: Hooks): void {
  route.addHelpText('after', filled(EDIT_PERMISSIONS));
  withJson(route.command('show').description('show the active route of each purpose, and why')).action(
    does(({ json }: Json) => actions.showRoutes(globals(), { json })),
  );
  withConfirm(
    withJson(route.command('set').description('use no proxy, the default proxy or a named proxy for a purpose')),
  )
    .addArgument(new Argument('<purpose>', 'what the connection is for').choices([...PURPOSE_NAMES]))
    .argument('<use>', 'none (direct), default, or the name of a proxy')
    .action(
      does((purpose: string, use: string, { json, ...confirm }: Json & ConfirmFlags) =>
        actions.setRoute(globals(), { purpose, use, json, confirm }),
      ),
    );
}

const NAME = 'name of the proxy, as `sallyport proxy list` shows it';

function withJson(command: Command): Command {
  return command.option('--json', 'as JSON', false);
}

function withProfileFlags(command: Command): Command {
  for (const field of profileFields()) command.addOption(optionOf(field));
  return withJson(
    command
      .option('--password-file <file>', 'file that contains the password; the configuration refers to it')
      .option('--password-stdin', 'read the password from standard input and store it in secrets/NAME', false)
      .addOption(new Option('--password [value]').hideHelp().argParser(refusePassword).preset('')),
  ).option('--default', 'make it the default proxy', false);
}

const PLACES: Readonly<Record<ProfileField['kind'], string>> = {
  text: 'text',
  number: 'number',
  switch: 'true|false',
  list: 'names',
};

function optionOf({ flag, choices, kind, facts }: ProfileField): Option {
  const title = decapitalised(facts.title);
  const isChoice = kind === 'text' && choices.length > 0;
  const option = new Option(`--${flag} <${PLACES[kind]}>`, isChoice ? title : `${title}: ${facts.allowed}`);
  return isChoice ? option.choices([...choices]) : option;
}

function refusePassword(): never {
  // An error of the parser would print the argument.
  throw new UsageError(
    'A password cannot be an argument: every user of this host could read it. Use --password-stdin or --password-file.',
  );
}

function readFlags(parsed: ParsedFlags): ProfileFlags {
  const fields = profileFields().flatMap((field) => {
    const value = parsed[optionOf(field).attributeName()];
    // Commander sets an option that begins with --no- to true if it is not given.
    return typeof value === 'string' ? [[field.flag, value] as const] : [];
  });
  const text = (name: string) => (typeof parsed[name] === 'string' ? parsed[name] : undefined);
  return {
    fields: Object.fromEntries(fields),
    passwordFile: text('passwordFile'),
    passwordStdin: parsed['passwordStdin'] === true,
    makeDefault: parsed['default'] === true,
    rename: text('rename'),
    confirm: {
      confirmWithin: typeof parsed['confirmWithin'] === 'number' ? parsed['confirmWithin'] : undefined,
      saveAnyway: parsed['saveAnyway'] === true,
    },
    json: parsed.json,
  };
}

function decapitalised(title: string): string {
  return /^[A-Z][a-z]/.test(title) ? title.charAt(0).toLowerCase() + title.slice(1) : title;
}

const EDIT_PERMISSIONS = `
To change the configuration, you need write access to its file (sudo), or membership in the group sallyport-admin while
sallyport-change.socket is enabled.`;

const ADD_HELP = `
The first proxy becomes the default. The command asks for the password, or reads it from standard input or a file. The
password is never an argument:
  sallyport proxy add corp --address proxy.example.com --port 3128
  sallyport proxy add corp --address proxy.example.com --authentication basic \\
    --user svc --password-stdin < file`;

const EDIT_HELP = `
An empty value removes a key: --domain ''. If you change the scheme, address or port, enter the password again, because a
different server would receive it. Otherwise, the stored password stays.`;
