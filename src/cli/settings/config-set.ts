// `sallyport config set KEY VALUE`: sets one key of the configuration file, or removes it. A secret is never an argument,
// because every user of the host can read the arguments of a process: it is typed or comes from standard input, and is
// stored in a file of its own.

import { isElsewhere } from '#changes/proxy/profile-change.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { isList, isSection, type Plain } from '#config/editing/edit-render.ts';
import { type FoundKey, findKey, readValue } from '#config/editing/key-value.ts';
import { secretNameAt } from '#config/editing/secret-file.ts';
import { type KeyPath, keyName } from '#config/problem.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { explainSettings } from '#config/reading/show.ts';
import { kindOf } from '#config/schema/key.ts';
import { validateNoControl } from '#config/schema/values.ts';
import { coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import { MASK, Secret } from '#redaction/secret.ts';
import { changeCommand, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import { showValue } from './config.ts';
import type { ConfirmFlags } from './confirm.ts';
import type { DescribedChange } from './described-change.ts';

const MAX_SECRET_BYTES = 65_536;

/** The arguments of the command. */
export interface SetArguments {
  /** Such as `updates.parallel`, `proxies[0].port` or `proxies.corp.port`. */
  readonly key: string;
  /** Empty for a secret, and to remove the key. Several are a list. */
  readonly values: readonly string[];
  /** Removes the key, so that its default applies. */
  readonly unset: boolean;
  readonly json: boolean;
  readonly confirm: ConfirmFlags;
}

type KeyChange = Pick<DescribedChange, 'edits' | 'secret' | 'sentences'> & { readonly after: unknown };

/** Exit status: 0 if the file has the value; 78 if the file would be invalid, or the daemon rejects it. @throws UsageError */
export async function configSetCommand(context: CommandContext, given: SetArguments): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { path, schema } = findKey(loaded.settings, given.key);
    const key = keyName(path);
    const before = valueText(loaded, key);
    const isSecret = kindOf(schema) === 'secret';
    const change = await changeFor(context, loaded, { path, schema, before, given });
    requirePassword(context, loaded, { path, value: change.after });
    const { after, ...made } = change;
    const masked = (value: unknown) => (isSecret && value !== null ? MASK : value);
    return await changeCommand(context, loaded, {
      ...made,
      facts: { key, before: masked(before), value: masked(after) },
      json: given.json,
      confirm: given.confirm,
    });
  });
}

/** @throws UsageError, CodedError CANCELLED */
async function changeFor(
  context: CommandContext,
  loaded: LoadedSettings,
  { path, schema, before, given }: FoundKey & { readonly before: string | null; readonly given: SetArguments },
): Promise<KeyChange> {
  const { unset, values } = given;
  const key = keyName(path);
  if (unset && values.length > 0) throw new UsageError('Use either a value or --unset.');
  if (unset) return { edits: [{ kind: 'remove', path }], sentences: [`${key} is no longer set.`], after: null };
  if (kindOf(schema) === 'secret') return await secretChange(context, loaded, { path, values });
  return valueChange(readValue(schema, requireValue(key, values)), { path, before });
}

function requireValue(key: string, [first, ...others]: readonly string[]): readonly [string, ...string[]] {
  if (first === undefined) throw new UsageError(`Give a value for ${key}, or use --unset.`);
  return [first, ...others];
}

function valueChange(
  value: Plain,
  { path, before }: { readonly path: KeyPath; readonly before: string | null },
): KeyChange {
  const was = before === null ? '' : `; it was ${before}`;
  return {
    edits: [{ kind: 'set', path, value }],
    sentences: [`${keyName(path)} is now ${shown(value)}${was}.`],
    after: value,
  };
}

async function secretChange(
  context: CommandContext,
  { settings }: LoadedSettings,
  { path, values }: { readonly path: KeyPath; readonly values: readonly string[] },
): Promise<KeyChange> {
  const key = keyName(path);
  const [text] = values;
  if (text !== undefined) {
    const reference = readReference(values);
    if (reference === null) {
      throw new UsageError(
        `${key} is a secret, which cannot be an argument: every user of this host could read it. Leave it out, and type it or pass it on standard input.`,
      );
    }
    return {
      edits: [{ kind: 'set', path, value: reference }],
      sentences: [`${key} has a new source.`],
      after: reference,
    };
  }
  const value = await readSecret(context, key);
  const name = secretNameAt(path, settings as unknown as Plain) ?? key;
  return { edits: [], secret: { name, path, value }, sentences: [`${key} has a new value.`], after: MASK };
}

/** Where a secret is, such as `{"file": "/run/secrets/token"}`. It names the secret and does not contain it. */
function readReference([text = '', ...others]: readonly string[]): Plain | null {
  if (others.length > 0 || !text.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isSection(value) && Object.keys(value).every((one) => ['file', 'env', 'credential'].includes(one))
      ? value
      : null;
  } catch {
    return null;
  }
}

async function readSecret({ terminal: { answers }, keepSecret }: CommandContext, key: string): Promise<Secret> {
  const text = answers.interactive
    ? await answers.hidden(`New value of ${key}: `)
    : (await answers.piped(MAX_SECRET_BYTES)).replace(/\r?\n$/, '');
  if (text === null) throw coded('CANCELLED', { reason: 'the value was not given' });
  const wrong = text === '' ? 'It is empty.' : validateNoControl(text);
  if (wrong !== null) throw new UsageError(`The value of ${key} on standard input is not valid. ${wrong}`);
  const secret = new Secret(text);
  keepSecret(secret);
  return secret;
}

/** A stored password is never sent to another server. @throws CodedError PASSWORD-ANEW */
function requirePassword(
  { terminal }: CommandContext,
  { settings }: LoadedSettings,
  { path: [section, index, field], value }: { readonly path: KeyPath; readonly value: unknown },
): void {
  if (section !== 'proxies' || typeof index !== 'number' || typeof field !== 'string') return;
  const profile = settings.proxies[index];
  if (profile?.password === undefined || !['scheme', 'address', 'port'].includes(field)) return;
  if (!isElsewhere(profile, { ...profile, [field]: value })) return;
  terminal.err(`config set cannot do this. Use: sallyport proxy edit ${showForeign(profile.name)} --${field} VALUE`);
  throw coded('PASSWORD-ANEW', { name: profile.name });
}

/** The effective value of a key for a person; null if it is not set. */
function valueText(loaded: LoadedSettings, key: string): string | null {
  const row = explainSettings(loaded).find((one) => one.key === key);
  return row === undefined || row.value === null ? null : showValue(row.value);
}

function shown(value: Plain): string {
  if (isList(value)) return value.length === 0 ? 'none' : value.map(shown).join(', ');
  return isSection(value) ? JSON.stringify(value) : showForeign(String(value));
}
