// `sallyport proxy add | edit | change`: sets the values of a profile from flags or, without flags, from questions.

import { dirname } from 'node:path';
import { changeWith, isElsewhere } from '#changes/proxy/profile-change.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { noteProfile } from '#config/editing/profile-dates.ts';
import { addProfile, changeProfile, type FieldChange, findProfile, noDefault } from '#config/editing/profile-edits.ts';
import { profileFields, readField, validateField } from '#config/editing/profile-fields.ts';
import { PURPOSES } from '#config/purposes.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { warningsFor } from '#config/rules/profile-warnings.ts';
import { validateProfileName } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import type { Secret } from '#redaction/secret.ts';
import { changeCommand, switchedOff, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import type { ConfirmFlags } from './confirm.ts';
import { askFields, askName, askYesNo } from './proxy-form.ts';
import { getPassword, needsPassword, type Password, type PasswordFlags } from './proxy-password.ts';
import { offerTest } from './test-connection.ts';

type Profile = Settings['proxies'][number];

/** The arguments of the command. */
export interface ProfileFlags extends PasswordFlags {
  /** By the flag's name without dashes, such as `tunnel-http`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly makeDefault: boolean;
  /** Another name, for `edit`. */
  readonly rename?: string | undefined;
  /** For `edit` and `change`. */
  readonly confirm?: ConfirmFlags | undefined;
  readonly json: boolean;
}

/** Adds a profile. At a terminal and without flags it asks for each value. */
export async function addProxyCommand(
  context: CommandContext,
  name: string | undefined,
  flags: ProfileFlags,
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { settings } = loaded;
    const prompts = isBare(flags) && context.terminal.answers.interactive;
    if (!prompts) refuseMissing(name, flags);
    const own = name ?? (await askName(context.terminal));
    const wrong = validateProfileName(own);
    if (wrong !== null) throw new UsageError(wrong);
    // Reports a name that is already in use before the other questions.
    addProfile(settings, { name: own, changes: [], isDefault: false });
    const changes = prompts ? await askFields(context.terminal, null) : changesOf(flags);
    const profile = profileWith(null, own, changes);
    const password = await passwordFor(context, loaded, { flags, before: null, profile, prompts });
    const changeTo = (isDefault: boolean) => {
      const edits = addProfile(settings, { name: own, changes: withPassword(changes, password), isDefault });
      return changeWith({ edits, password: typedIn(password), name: own, index: settings.proxies.length });
    };
    const isFirst = settings.proxies.length === 0;
    const tested = prompts ? await offerTest(context, loaded, { change: changeTo(isFirst), name: own }) : null;
    const isDefault = flags.makeDefault || isFirst || (prompts && (await askDefault(context)));
    return await changeCommand(context, loaded, {
      ...changeTo(isDefault),
      sentences: [`Added proxy ${own}.`, ...(isDefault ? [`${own} is the default.`, ...notUsing(settings)] : [])],
      facts: { name: own, is_default: isDefault },
      warnings: await warningsOf(context, settings, { profile, tested }),
      json: flags.json,
      after: () => note(context, settings, { from: null, to: own }),
    });
  });
}

/** Changes a profile. At a terminal and without flags it asks for each value and shows the present one. */
export async function editProxyCommand(context: CommandContext, name: string, flags: ProfileFlags): Promise<number> {
  return await withSettings(context, (loaded) => editProfile(context, loaded, { name, flags }));
}

/** Changes the default profile, whatever its name. */
export async function changeProxyCommand(context: CommandContext, flags: ProfileFlags): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const profile = loaded.settings.proxies.find((one) => one.default);
    if (profile !== undefined) return await editProfile(context, loaded, { name: profile.name, flags });
    throw noDefault(loaded.settings);
  });
}

async function editProfile(
  context: CommandContext,
  loaded: LoadedSettings,
  { name, flags }: { name: string; flags: ProfileFlags },
): Promise<number> {
  const { settings } = loaded;
  const { profile: before, index } = findProfile(settings, name);
  const prompts = isBare(flags) && context.terminal.answers.interactive;
  if (isBare(flags) && !prompts) {
    throw new UsageError('No change given, and standard input is not a terminal. See: sallyport proxy edit --help.');
  }
  const rename = flags.rename === before.name ? undefined : flags.rename;
  const wrong = rename === undefined ? null : validateProfileName(rename);
  if (wrong !== null) throw new UsageError(wrong);
  const changes = prompts ? await askFields(context.terminal, before) : changesOf(flags);
  const profile = profileWith(before, rename ?? before.name, changes);
  const password = await passwordFor(context, loaded, { flags, before, profile, prompts });
  const changeTo = (isDefault: boolean) => {
    const to = { changes: withPassword(changes, password), name: rename, isDefault };
    const edits = changeProfile(settings, before.name, to);
    return changeWith({ edits, password: typedIn(password), name: profile.name, index });
  };
  const tested = prompts
    ? await offerTest(context, loaded, { change: changeTo(before.default), name: profile.name })
    : null;
  const isDefault = flags.makeDefault || (prompts && !before.default && (await askDefault(context)));
  return await changeCommand(context, loaded, {
    ...changeTo(isDefault),
    sentences: [
      `Changed proxy ${before.name}.`,
      ...(rename === undefined ? [] : [`It is now named ${rename}; references to it changed as well.`]),
      ...(isDefault ? [`${profile.name} is the default.`] : []),
    ],
    facts: { name: profile.name, is_default: isDefault || before.default },
    warnings: isElsewhere(before, profile) ? await warningsOf(context, settings, { profile, tested }) : [],
    json: flags.json,
    confirm: flags.confirm,
    after: async () => {
      if (rename !== undefined) await note(context, settings, { from: before.name, to: rename });
    },
  });
}

function isBare({ fields, makeDefault, rename, passwordFile, passwordStdin }: ProfileFlags): boolean {
  const hasFlags = [...Object.keys(fields), rename, passwordFile].some((one) => one !== undefined);
  return !hasFlags && !makeDefault && passwordStdin !== true;
}

function refuseMissing(name: string | undefined, { fields }: ProfileFlags): void {
  const scheme = fields['scheme'];
  const needsAddress = scheme !== 'pac' && scheme !== 'environment';
  const missing = [
    ...(name === undefined ? ['a name'] : []),
    ...(needsAddress && fields['address'] === undefined ? ['--address'] : []),
  ];
  if (missing.length === 0) return;
  throw new UsageError(
    `Missing: ${missing.join(' and ')}. At a terminal, sallyport proxy add without flags asks for each value.`,
  );
}

function changesOf({ fields }: ProfileFlags): FieldChange[] {
  return profileFields().flatMap((field): FieldChange[] => {
    const text = fields[field.flag];
    if (text === undefined) return [];
    if (text === '') return [{ path: field.path, value: undefined }];
    const value = readField(field, text);
    const wrong = validateField(field.path, value);
    if (wrong !== null) throw new UsageError(`--${field.flag}: ${wrong}`);
    return [{ path: field.path, value }];
  });
}

/** The profile after the changes, without a new password. */
function profileWith(before: Profile | null, name: string, changes: readonly FieldChange[]): Profile {
  const defaults = profileFields()
    .filter(({ byDefault, kind }) => byDefault !== '' && kind !== 'list')
    .map((field) => ({ path: field.path, value: readField(field, field.byDefault) }));
  const byDefault = new Map(defaults.map(({ path, value }) => [path.join('.'), value]));
  const changed = changes.map(({ path, value }) => ({ path, value: value ?? byDefault.get(path.join('.')) }));
  const made = changed.reduce<object>(withPart, {
    ...defaults.reduce<object>(withPart, { default: false }),
    ...before,
  });
  return { ...made, name } as Profile;
}

function withPart(whole: object, { path, value }: FieldChange): object {
  const [step = '', ...deeper] = path;
  if (deeper.length === 0) return { ...whole, [step]: value };
  const inner = (whole as Readonly<Record<string, object | undefined>>)[step] ?? {};
  return { ...whole, [step]: withPart(inner, { path: deeper, value }) };
}

interface PasswordQuestion {
  readonly flags: ProfileFlags;
  readonly before: Profile | null;
  readonly profile: Profile;
  readonly prompts: boolean;
}

async function passwordFor(
  context: CommandContext,
  loaded: LoadedSettings,
  { flags, before, profile, prompts }: PasswordQuestion,
): Promise<Password> {
  const isGiven = flags.passwordFile !== undefined || flags.passwordStdin === true;
  if (!needsPassword(profile.authentication) && !isGiven) return { kind: 'kept' };
  const isStored = before?.password !== undefined;
  return await getPassword(context, flags, {
    name: profile.name,
    mayKeep: isStored,
    isBoundElsewhere: isStored && before !== null && isElsewhere(before, profile),
    mustPrompt: prompts,
    folder: dirname(loaded.file),
  });
}

function withPassword(changes: readonly FieldChange[], password: Password): FieldChange[] {
  return password.kind === 'elsewhere' ? [...changes, { path: ['password'], value: password.value }] : [...changes];
}

function typedIn(password: Password): Secret | null {
  return password.kind === 'typed' ? password.value : null;
}

async function askDefault({ terminal }: CommandContext): Promise<boolean> {
  return await askYesNo(terminal, 'Make it the default proxy setting?', false);
}

async function warningsOf(
  context: CommandContext,
  settings: Settings,
  { profile, tested }: { profile: Profile; tested: boolean | null },
): Promise<string[]> {
  if (profile.address === undefined) return [];
  const gateways = await context.gateways();
  const odd = warningsFor(profile.address, { settings, gateways });
  if (tested === true) return odd;
  return [
    ...odd,
    `Proxy ${profile.name} has not been tested; if it does not work, no updates arrive. Test it: sallyport proxy test ${profile.name}.`,
  ];
}

/** After the first proxy was added: names the purposes that do not use the default. */
function notUsing(settings: Settings): string[] {
  const { use_proxy_for: uses, proxies } = settings;
  const direct = PURPOSES.filter((purpose) => uses[purpose] === 'none');
  return [
    ...(direct.length === 0 || proxies.length > 0
      ? []
      : [
          `These purposes connect directly (use_proxy_for is none): ${direct.join(', ')}. To change that: sallyport route set PURPOSE default.`,
        ]),
    ...switchedOff(settings),
  ];
}

async function note(
  context: CommandContext,
  settings: Settings,
  change: { from: string | null; to: string | null },
): Promise<void> {
  await noteProfile(context.files, settings.daemon.state_dir, { ...change, now: context.clock.now() });
}
