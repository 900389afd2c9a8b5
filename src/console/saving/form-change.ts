// Converts a form of a page to a change of the configuration. Pure: takes the settings that the page showed.
//
// Guarantees: the edits are those of the command for the same change (`sallyport proxy add`, `proxy change`, `config
// set` and so on), because both call the same functions. A value that is left out makes no edit. A stored
// password is never used for another server.

import {
  changeWith,
  editedProfile,
  isElsewhere,
  type ProfileValues,
  switchEdits,
  valuesChange,
} from '#changes/proxy/profile-change.ts';
import type { Change } from '#config/editing/apply-change.ts';
import type { Edit } from '#config/editing/edit.ts';
import { findKey, readValue } from '#config/editing/key-value.ts';
import {
  addProfile,
  changeProfile,
  deleteProfile,
  type FieldChange,
  findProfile,
  makeDefault,
  routesWithout,
  setRoute,
  usersOf,
} from '#config/editing/profile-edits.ts';
import { profileFields, readField } from '#config/editing/profile-fields.ts';
import { keyName } from '#config/problem.ts';
import { PURPOSES } from '#config/purposes.ts';
import { kindOf } from '#config/schema/key.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { PageForm, PasswordField } from './forms.ts';
import { factsIn, type ShownSettings } from './shown-settings.ts';

const DEFAULT_SCHEME = 'http';
const DEFAULT_PORT = 80;

type FormOf<Kind extends PageForm['form']> = Extract<PageForm, { form: Kind }>;

/**
 * The change that a form asks for.
 * @throws CodedError PROFILE-UNKNOWN, PROFILE-EXISTS, PASSWORD-ANEW, KEY-UNKNOWN, CHANGE-REQUEST
 */
export function changeOfForm(shown: ShownSettings, form: PageForm): Change {
  switch (form.form) {
    case 'proxy-settings':
      return proxySettingsChange(shown, form);
    case 'profile':
      return form.name === null ? addedProfile(shown, form) : editedProfileChange(shown, form, form.name);
    case 'delete':
      return { edits: deletion(shown, form) };
    case 'default':
      return { edits: makeDefault(shown.settings, form.name) };
    case 'routes':
      return { edits: routeEdits(shown, form.routes) };
    case 'enabled':
      return { edits: switchEdits(shown.settings, form.enabled) };
    case 'keys':
      return { edits: form.keys.map((one) => keyEdit(shown, one)) };
  }
}

/** The name of the profile that a form is about; null if it is about none. A test of the form goes through it. */
export function profileOfForm(shown: ShownSettings, form: PageForm): string | null {
  switch (form.form) {
    case 'profile':
      return form.new_name ?? form.name;
    case 'default':
      return form.name;
    case 'proxy-settings':
      return form.address === '' ? null : (editedProfile(factsIn(shown))?.name ?? null);
    default:
      return null;
  }
}

/** The Date Created of a profile follows its name. Undefined if the form neither adds, renames nor deletes one. */
export function renamingOf(
  shown: ShownSettings,
  form: PageForm,
): { readonly from: string | null; readonly to: string | null } | undefined {
  if (form.form === 'delete') return { from: findProfile(shown.settings, form.name).profile.name, to: null };
  if (form.form === 'proxy-settings') {
    const isNew = form.address !== undefined && form.address !== '' && editedProfile(factsIn(shown)) === null;
    return isNew ? { from: null, to: valuesChangeName(shown, form) } : undefined;
  }
  if (form.form !== 'profile') return undefined;
  if (form.name === null) return { from: null, to: form.new_name ?? '' };
  const { name } = findProfile(shown.settings, form.name).profile;
  return form.new_name === undefined || form.new_name === name ? undefined : { from: name, to: form.new_name };
}

function valuesChangeName(shown: ShownSettings, form: FormOf<'proxy-settings'>): string {
  const { edits } = proxySettingsChange(shown, form);
  const added = edits.find((edit) => edit.kind === 'append');
  return String((added as { value?: { name?: string } } | undefined)?.value?.name ?? '');
}

function proxySettingsChange(shown: ShownSettings, form: FormOf<'proxy-settings'>): Change {
  const { settings } = shown;
  const facts = factsIn(shown);
  const others = [...timeoutEdits(form), ...boxEdits(shown, form.uses_proxy)];
  if (form.address === '') return { edits: [...switchEdits(settings, false), ...others] };
  const profile = editedProfile(facts);
  const values = valuesOf(form, profile);
  const isUntouched = Object.values(values).every((value) => value === undefined);
  // An address that is entered while proxies are switched off switches them on, even if it is the stored one.
  const enabling = form.address === undefined ? [] : switchEdits(settings, true);
  if (isUntouched) return { edits: [...enabling, ...others] };
  if (profile !== null && (profile.scheme === 'pac' || profile.scheme === 'environment'))
    throw coded('CHANGE-REQUEST', {
      reason: `the proxies of ${profile.name} are chosen elsewhere, so it has no address`,
    });
  if (profile !== null) {
    const after = { ...profile, address: values.address ?? profile.address, port: values.port ?? profile.port };
    requireTyped(profile, after, form.password);
  }
  // The page has a field for the domain, so a new user alone keeps the stored one.
  const { edits, ...change } = valuesChange(facts, { ...values, domain: values.domain ?? profile?.domain ?? '' });
  return { ...change, edits: [...edits, ...enabling, ...others] };
}

/** The values that differ from those of the profile. */
function valuesOf(
  { address, port, domain, user, password, in_clear: inClear }: FormOf<'proxy-settings'>,
  profile: ReturnType<typeof editedProfile>,
): ProfileValues {
  const changed = <T>(value: T | undefined, before: T | null | undefined) => (value === before ? undefined : value);
  return {
    address: changed(address?.trim().toLowerCase(), profile?.address?.toLowerCase()),
    port: changed(port === undefined ? undefined : (wholeNumber(port) as number), profile?.port),
    user: changed(user, profile?.user ?? ''),
    domain: changed(domain, profile?.domain ?? ''),
    password: password.kind === 'none' ? null : (typedIn(password) ?? undefined),
    authentication: inClear ? 'basic' : undefined,
  };
}

/** The number, or the text itself, which the check of the file then rejects. As in the file, 0443 is 443. */
function wholeNumber(typed: string): number | string {
  const trimmed = typed.trim();
  return /^\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed;
}

function timeoutEdits({ mode, timeout_ms: base }: FormOf<'proxy-settings'>): Edit[] {
  const path = (key: string) => ['response_timeout', key];
  return [
    ...(mode === undefined ? [] : [{ kind: 'set', path: path('mode'), value: mode } as const]),
    ...(base === undefined ? [] : [{ kind: 'set', path: path('base_ms'), value: wholeNumber(base) } as const]),
  ];
}

/** A cleared box means direct. A set box keeps a profile that the purpose names, else chooses the default. */
function boxEdits({ settings }: ShownSettings, boxes: FormOf<'proxy-settings'>['uses_proxy']): Edit[] {
  return PURPOSES.flatMap((purpose) => {
    const uses = boxes[purpose];
    const isUsed = settings.use_proxy_for[purpose] !== 'none';
    return uses === undefined || uses === isUsed ? [] : setRoute(settings, purpose, uses ? 'default' : 'none');
  });
}

function routeEdits({ settings }: ShownSettings, routes: FormOf<'routes'>['routes']): Edit[] {
  return PURPOSES.flatMap((purpose) => {
    const use = routes[purpose];
    return use === undefined ? [] : setRoute(settings, purpose, use);
  });
}

function addedProfile({ settings }: ShownSettings, form: FormOf<'profile'>): Change {
  const name = form.new_name ?? '';
  const edits = addProfile(settings, { name, changes: fieldChanges(form), isDefault: form.make_default });
  return changeWith({ edits, password: typedIn(form.password), name, index: settings.proxies.length });
}

function editedProfileChange({ settings }: ShownSettings, form: FormOf<'profile'>, name: string): Change {
  const { profile, index } = findProfile(settings, name);
  const fields = fieldChanges(form);
  const typed = new Map(fields.map(({ path: [key = '', ...deeper], value }) => [deeper.length > 0 ? '' : key, value]));
  const after = { ...profile, ...Object.fromEntries(typed) };
  const place = {
    scheme: after.scheme ?? DEFAULT_SCHEME,
    address: after.address,
    port: after.port ?? DEFAULT_PORT,
  };
  requireTyped(profile, place, form.password);
  const isRemoved = form.password.kind === 'none' && profile.password !== undefined;
  const changes = isRemoved ? [...fields, { path: ['password'], value: undefined }] : fields;
  const edits = changeProfile(settings, name, { changes, name: form.new_name, isDefault: form.make_default });
  return changeWith({ edits, password: typedIn(form.password), name: form.new_name ?? profile.name, index });
}

/** In the order of the schema, as the flags of the commands give them. */
function fieldChanges({ fields }: FormOf<'profile'>): FieldChange[] {
  const known = profileFields();
  const stray = Object.keys(fields).find((flag) => !known.some((field) => field.flag === flag));
  if (stray !== undefined) throw coded('CHANGE-REQUEST', { reason: 'it has a field that no profile has' });
  return known.flatMap((field) => {
    const typed = fields[field.flag]?.trim();
    if (typed === undefined) return [];
    return [{ path: field.path, value: typed === '' ? undefined : readField(field, typed) }];
  });
}

/** @throws CodedError PASSWORD-ANEW */
function requireTyped(
  before: { readonly name: string; readonly has_password?: boolean; readonly password?: unknown } & Place,
  after: Place,
  password: PasswordField,
): void {
  const isStored = before.has_password ?? before.password !== undefined;
  if (isStored && password.kind === 'kept' && isElsewhere(before, after))
    throw coded('PASSWORD-ANEW', { name: before.name });
}
type Place = Parameters<typeof isElsewhere>[0];

function typedIn(password: PasswordField): Secret | null {
  return password.kind === 'typed' ? new Secret(password.text) : null;
}

function deletion({ settings }: ShownSettings, { name, new_default: successor }: FormOf<'delete'>): Edit[] {
  const { profile } = findProfile(settings, name);
  const isMissed = usersOf(settings, name).length > 0 || (profile.default && settings.proxies.length > 1);
  if (successor !== null) findProfile(settings, successor);
  const routes = isMissed ? routesWithout(settings, name, successor) : { newDefault: null, purposes: {} };
  return deleteProfile(settings, name, routes);
}

function keyEdit(
  { settings }: ShownSettings,
  { key, value }: { readonly key: string; readonly value: string | null },
): Edit {
  const { path, schema } = findKey(settings, key);
  if (kindOf(schema) === 'secret')
    throw coded('CHANGE-REQUEST', { reason: `${keyName(path)} is a secret, which the page of its settings sets` });
  const read = value === null ? undefined : readValue(schema, [value]);
  const [section, index, field] = path;
  const profile = section === 'proxies' && typeof index === 'number' ? settings.proxies[index] : undefined;
  if (profile !== undefined && (field === 'scheme' || field === 'address' || field === 'port')) {
    const byDefault = { scheme: DEFAULT_SCHEME, address: undefined, port: DEFAULT_PORT }[field];
    requireTyped(profile, { ...profile, [field]: read ?? byDefault }, { kind: 'kept' });
  }
  return read === undefined ? { kind: 'remove', path } : { kind: 'set', path, value: read };
}
