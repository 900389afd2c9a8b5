// `sallyport config import FILE...`: imports the proxy settings of other programs. It shows what it found and how the
// file would change, tests the new settings, and writes them if the user agrees.
//
// Guarantees: files are parsed and never executed. No password is printed; each is stored in a file of its own.
// Importing the same settings again changes nothing.

import { DEFAULT_WINDOW_MS } from '#changes/request.ts';
import { printJson } from '#cli/terminal/json.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Change } from '#config/editing/apply-change.ts';
import { spliceEdits } from '#config/editing/edit.ts';
import { readConfigText } from '#config/editing/edit-file.ts';
import { addProfile, type FieldChange } from '#config/editing/profile-edits.ts';
import { IMPORT_KIND_NAMES, type ImportKindName, kindOfFile } from '#config/importing/kinds.ts';
import { type ImportedProxy, type ImportPlan, type ImportSource, planImport } from '#config/importing/plan.ts';
import { urlOf } from '#config/purpose-settings.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { MAX_FILE_BYTES, readBounded } from '#config/reading/read-bounded.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { Secret } from '#redaction/secret.ts';
import { changeCommand, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import { diffLines, harmless } from './config-upgrade.ts';
import type { ConfirmFlags } from './confirm.ts';
import { askYesNo } from './proxy-form.ts';

/** The arguments of the command. */
export interface ImportArguments {
  readonly files: readonly string[];
  /** The kind of all files; by default it follows from each path. */
  readonly from: ImportKindName | undefined;
  /** Name of the new proxy. */
  readonly name: string;
  /** Whether it becomes the default although there is one. */
  readonly makeDefault: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly confirm: ConfirmFlags;
}

/** Exit status: 0 if the settings are imported or already there; 78 if nothing can be imported. @throws CodedError CONFIG-IMPORT */
export async function configImportCommand(context: CommandContext, given: ImportArguments): Promise<number> {
  const { terminal } = context;
  const sources = await Promise.all(given.files.map((file) => readSource(context, file, given.from)));
  return await withSettings(context, async (loaded) => {
    const plan = planImport(sources, schemeOfUpdates(loaded));
    for (const { password } of plan.proxies) if (password !== null) context.keepSecret(new Secret(password));
    if (!given.json) for (const line of describePlan(plan, given.name)) terminal.out(line);
    const first = firstOf(plan, given);
    const same = loaded.settings.proxies.find((one) => isSame(one, first));
    if (same !== undefined) {
      const facts = { name: same.name, from: placeOf(first), file: loaded.file, changed: false };
      if (given.json) printJson(terminal, facts);
      else
        terminal.out(
          `${showForeign(loaded.file)} already has this proxy, as ${showForeign(same.name)}. Nothing was written.`,
        );
      return EXIT_OK;
    }
    const change = changeFor(loaded, plan, given);
    await agree(context, { loaded, change, given });
    const { saveAnyway } = given.confirm;
    const confirmWithin = given.confirm.confirmWithin ?? ((await canTry(context)) ? DEFAULT_WINDOW_MS : undefined);
    return await changeCommand(context, loaded, {
      ...change,
      sentences: [`Imported proxy ${given.name} from ${showForeign(first.file)}.`],
      facts: { name: given.name, from: placeOf(first), not_imported: plan.leftOut },
      json: given.json,
      confirm: { confirmWithin, saveAnyway },
    });
  });
}

async function readSource(
  { absolute }: CommandContext,
  given: string,
  from: ImportKindName | undefined,
): Promise<ImportSource> {
  const isUrl = /^https?:\/\//i.test(given);
  const path = isUrl ? given : absolute(given);
  const kind = from ?? kindOfFile(path);
  if (kind === null) {
    const reason = `the kind of the file does not follow from its name. Use --from with one of ${IMPORT_KIND_NAMES.join(', ')}`;
    throw coded('CONFIG-IMPORT', { file: path, reason });
  }
  if (isUrl !== (kind === 'pac')) {
    const reason = isUrl ? `a URL is a PAC file and not ${kind}` : 'pac needs the URL of the PAC file';
    throw coded('CONFIG-IMPORT', { file: path, reason });
  }
  if (isUrl) return { path, kind, text: '' };
  const read = await readBounded(path, MAX_FILE_BYTES);
  if (!read.ok) throw coded('CONFIG-IMPORT', { file: path, reason: read.reason });
  return { path, kind, text: Buffer.from(read.bytes).toString('utf8') };
}

/** The proxy for this scheme is the one that matters. */
function schemeOfUpdates({ settings }: LoadedSettings): 'http' | 'https' {
  return urlOf(settings, 'updates')?.toLowerCase().startsWith('http:') === true ? 'http' : 'https';
}

function isSame(profile: LoadedSettings['settings']['proxies'][number], found: ImportedProxy): boolean {
  if (found.scheme === 'pac') return profile.scheme === 'pac' && profile.pac?.url === found.pacUrl;
  const isPlace = profile.scheme === found.scheme && profile.address === found.address && profile.port === found.port;
  return isPlace && (profile.user ?? null) === loginOf(found);
}

/** The user of a proxy that can be imported: one without a password cannot log in. */
function loginOf({ user, password, authentication }: ImportedProxy): string | null {
  return password === null && authentication !== 'negotiate' ? null : user;
}

function changeFor(loaded: LoadedSettings, plan: ImportPlan, given: ImportArguments): Change {
  const { settings } = loaded;
  const names = plan.proxies.map((_, index) => (index === 0 ? given.name : `${given.name}-${index + 1}`));
  const hasDefault = settings.proxies.some((one) => one.default);
  const edits = plan.proxies.flatMap((proxy, index) => {
    const isFirst = index === 0;
    const changes = fieldsOf(proxy, {
      isFirst,
      fallback: isFirst ? names.slice(1) : [],
      noProxy: plan.noProxy?.tokens ?? [],
    });
    // The first profile of an empty list would become the default by itself; a fallback must not.
    const listed = isFirst
      ? settings
      : { ...settings, proxies: [{ ...settings.proxies[0], name: given.name, default: true }] };
    return addProfile(listed, {
      name: names[index] ?? '',
      changes,
      isDefault: isFirst && (given.makeDefault || !hasDefault),
    });
  });
  const password = plan.proxies[0]?.password ?? null;
  if (password === null) return { edits };
  const path = ['proxies', settings.proxies.length, 'password'];
  return { edits, secret: { name: given.name, path, value: new Secret(password) } };
}

function fieldsOf(
  proxy: ImportedProxy,
  { isFirst, fallback, noProxy }: { isFirst: boolean; fallback: readonly string[]; noProxy: readonly string[] },
): FieldChange[] {
  const { scheme, address, port, domain, authentication, pacUrl, caFile, tunnelsHttp } = proxy;
  // Only the first proxy has its password stored.
  const user = isFirst ? loginOf(proxy) : null;
  const fields: readonly (readonly [readonly string[], FieldChange['value'] | null])[] = [
    [['scheme'], scheme === 'http' ? null : scheme],
    [['pac', 'url'], pacUrl],
    [['address'], address === '' ? null : address],
    [['port'], port === 0 ? null : port],
    [['authentication'], user === null ? null : authentication],
    [['domain'], user === null ? null : domain],
    [['user'], user],
    [['ca_file'], caFile],
    [['tunnel_http'], tunnelsHttp && scheme !== 'pac' ? true : null],
    [['no_proxy'], noProxy.length === 0 ? null : noProxy.join(', ')],
    [['fallback'], fallback.length === 0 ? null : fallback],
  ];
  return fields.flatMap(([path, value]) => (value === null ? [] : [{ path, value }]));
}

function describePlan(plan: ImportPlan, name: string): string[] {
  const at = ({ file, line, key }: { file: string; line: number; key: string }) =>
    `${showForeign(file)}:${line}: ${showForeign(key)}`;
  const proxies = plan.proxies.map((proxy, index) => {
    const { scheme, address, port, user, pacUrl } = proxy;
    const place =
      pacUrl === null ? `${scheme} proxy ${showForeign(address)}:${port}` : `PAC file ${showForeign(pacUrl)}`;
    const login = user === null ? '' : `, user ${showForeign(user)}${loginText(proxy, index)}`;
    return `${at(proxy)} -> ${index === 0 ? name : `${name}-${index + 1} (fallback)`}: ${place}${login}`;
  });
  const { noProxy } = plan;
  return [
    ...proxies,
    ...(noProxy === null ? [] : [`${at(noProxy)} -> no_proxy: ${showForeign(noProxy.tokens.join(', '))}`]),
    ...(plan.leftOut.length === 0 ? [] : ['Not imported:']),
    ...plan.leftOut.map((one) => `${at(one)}: ${harmless(one.why)}.`),
  ];
}

function loginText(proxy: ImportedProxy, index: number): string {
  if (index > 0) return ' (not imported: a fallback gets no password; set it with sallyport proxy edit)';
  if (proxy.authentication === 'negotiate') return '';
  return proxy.password === null
    ? ' (not imported, because it has no password; set both with sallyport proxy edit)'
    : ', with its password';
}

/** The change of the file. The password is shown as the file that it goes into. */
async function shownDiff(
  context: CommandContext,
  loaded: LoadedSettings,
  { edits, secret }: Change,
): Promise<string[]> {
  const { text: before } = await readConfigText(context.files, loaded.file);
  const reference =
    secret === undefined
      ? []
      : [{ kind: 'set', path: secret.path, value: { file: `secrets/${secret.name}` } } as const];
  return await diffLines(context, loaded.file, { before, after: spliceEdits(before, [...edits, ...reference]) });
}

/** Shows the change and asks. @throws UsageError without a terminal and --yes; CodedError CANCELLED */
async function agree(
  context: CommandContext,
  { loaded, change, given }: { loaded: LoadedSettings; change: Change; given: ImportArguments },
): Promise<void> {
  const { terminal } = context;
  if (!given.json) for (const line of await shownDiff(context, loaded, change)) terminal.out(line);
  if (given.yes) return;
  if (!terminal.answers.interactive) throw new UsageError('Nothing was written. To import these settings, use --yes.');
  if (!(await askYesNo(terminal, 'Try these settings, and write them if they work?', true)))
    throw coded('CANCELLED', { reason: 'the import was not confirmed' });
}

/**
 * Whether the settings can be tried. Root cannot, as long as the service is stopped, because no other user works on the
 * state of the service. That is so on a new host, where the settings have to be imported before the first start.
 */
async function canTry({ terminal, openControl }: CommandContext): Promise<boolean> {
  try {
    await (await openControl()).close();
    return true;
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || thrown.code !== 'STATE-OF-OTHERS') throw thrown;
    terminal.err(
      'warning: The new settings are not tested, because the service is not running. When it runs: sallyport diagnose.',
    );
    return false;
  }
}

/** @throws CodedError CONFIG-IMPORT */
function firstOf({ proxies, leftOut }: ImportPlan, { files }: ImportArguments): ImportedProxy {
  const [first] = proxies;
  if (first !== undefined) return first;
  const reason = leftOut.length === 0 ? 'it has no proxy settings' : 'none of its proxy settings can be used';
  throw coded('CONFIG-IMPORT', { file: files.join(', '), reason });
}

function placeOf({ file, line, key }: ImportedProxy) {
  return { file, line, key };
}
