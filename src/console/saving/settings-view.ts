// The settings as the pages show them: every key with its facts, the profiles with their users, the purposes. The pages
// decide nothing, so what follows from a setting is worked out here.
//
// Guarantees: contains no secret. If the user cannot read the file, or the file has errors, the pages show what is
// known without it.

import { z } from 'zod';
import { deletionSentences } from '#changes/proxy/deletion-sentences.ts';
import type { ProfileFacts } from '#changes/proxy/facts.ts';
import { editedProfile } from '#changes/proxy/profile-change.ts';
import { parsePath } from '#config/editing/edit.ts';
import { readProfileDates } from '#config/editing/profile-dates.ts';
import { routesWithout, usersOf } from '#config/editing/profile-edits.ts';
import { profileFields } from '#config/editing/profile-fields.ts';
import type { Problem } from '#config/problem.ts';
import { isEnabled, urlOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose, purposeRow } from '#config/purposes.ts';
import { type Effect, kindOf, type Setter, unwrap } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keyFactsAt, schemaAt } from '#config/tree.ts';
import type { WireFailure } from '#console/wire.ts';
import { wireFailure } from '#console/wire-failure.ts';
import type { ReadSettings, SavingParts, Writer } from './means.ts';
import { factsIn, type ShownKey, type ShownSettings } from './shown-settings.ts';

/** The facts about a key that its field needs. */
export interface KeyView extends ShownKey {
  readonly title: string;
  readonly description: string;
  readonly unit: string | null;
  readonly allowed: string;
  readonly effect: Effect;
  readonly choices: readonly string[];
  readonly is_secret: boolean;
}

export interface ProfileView extends ProfileFacts {
  /** RFC 3339; null if it is not known, or this user cannot read it. */
  readonly created: string | null;
  /** What uses it, in words. */
  readonly users: readonly string[];
  /** By flag, as text, for the form. */
  readonly fields: Readonly<Record<string, string>>;
  /** What deleting it does, by the next default; the key is empty for none. */
  readonly deletions: Readonly<Record<string, readonly string[]>>;
}

export interface PurposeView {
  readonly purpose: Purpose;
  readonly title: string;
  /** `none`, `default` or the name of a profile. */
  readonly use: string;
  /** The host of its URL; null if none is configured. */
  readonly host: string | null;
  /** Whether it has a URL and is enabled. */
  readonly is_enabled: boolean;
}

/** A field of the form of a profile. */
export interface FieldView {
  readonly flag: string;
  readonly title: string;
  readonly description: string;
  readonly kind: 'text' | 'number' | 'switch' | 'list';
  readonly choices: readonly string[];
  readonly by_default: string;
  readonly allowed: string;
  readonly set_by: Setter;
}

export interface SettingsView {
  readonly file: string;
  /** Empty if this user cannot know the content of the file, and so cannot change it. */
  readonly digest: string;
  readonly writes: Writer;
  /** Set if the PIN of the menu is needed. */
  readonly locked: { readonly is_wrong: boolean } | null;
  readonly refused: { readonly error: WireFailure; readonly problems: readonly Problem[] } | null;
  readonly warnings: readonly Problem[];
  readonly keys: readonly KeyView[];
  readonly proxy: {
    readonly enabled: boolean;
    readonly required: boolean;
    /** The profile that the page Proxy Settings edits: the default, else `appliance`. Null if there is neither. */
    readonly edited: string | null;
    /** The host that updates come from without a proxy; null if none is configured. */
    readonly update_host: string | null;
  };
  readonly profiles: readonly ProfileView[];
  readonly purposes: readonly PurposeView[];
  readonly fields: readonly FieldView[];
}

/** Makes the view. */
export async function viewOfSettings(
  parts: Pick<SavingParts, 'file' | 'files' | 'stateDir' | 'known'>,
  {
    read,
    writer,
    shown,
  }: { readonly read: ReadSettings; readonly writer: Writer; readonly shown: ShownSettings | null },
): Promise<SettingsView> {
  const dates = shown === null ? new Map<string, string>() : await readProfileDates(parts.files, parts.stateDir);
  const facts = shown === null ? null : factsIn(shown);
  return {
    file: parts.file,
    digest: shown?.digest ?? '',
    writes: writer,
    locked: read.state === 'locked' ? { is_wrong: read.isWrong } : null,
    refused: read.state === 'refused' ? { error: wireFailure(read.error, parts.known), problems: read.problems } : null,
    warnings: read.state === 'read' ? read.warnings : [],
    keys: (shown?.keys ?? []).map(keyView),
    proxy: {
      enabled: facts?.proxy_enabled ?? false,
      required: facts?.proxy_required ?? false,
      edited: facts === null ? null : (editedProfile(facts)?.name ?? null),
      update_host: shown === null ? null : hostOf(urlOf(shown.settings, 'updates')),
    },
    profiles: shown === null || facts === null ? [] : facts.proxies.map((one) => profileView(shown, one, dates)),
    purposes: shown === null ? [] : PURPOSES.map((purpose) => purposeView(shown, purpose)),
    fields: profileFields().map(
      ({ flag, kind, choices, byDefault, facts: { title, description, allowed, setBy } }) => ({
        flag,
        title,
        description,
        kind,
        choices,
        by_default: byDefault,
        allowed,
        set_by: setBy,
      }),
    ),
  };
}

function keyView(row: ShownKey): KeyView {
  const path = parsePath(row.key);
  const facts = keyFactsAt(settingsSchema, path);
  const schema = schemaAt(settingsSchema, path);
  const inner = schema === undefined ? undefined : unwrap(schema);
  return {
    ...row,
    title: facts?.title ?? row.key,
    description: facts?.description ?? '',
    unit: facts?.unit ?? null,
    allowed: facts?.allowed ?? '',
    effect: facts?.effect ?? 'now',
    choices: choicesOf(inner),
    is_secret: schema !== undefined && kindOf(schema) === 'secret',
  };
}

function choicesOf(schema: z.ZodType | undefined): string[] {
  if (schema instanceof z.ZodEnum) return schema.options.map(String);
  return schema instanceof z.ZodBoolean ? ['true', 'false'] : [];
}

function profileView(shown: ShownSettings, profile: ProfileFacts, dates: ReadonlyMap<string, string>): ProfileView {
  const { settings } = shown;
  const { name } = profile;
  const successors = profile.default ? settings.proxies.filter((one) => one.name !== name).map((one) => one.name) : [];
  const sentences = (next: string | null) => deletionSentences(settings, name, routesWithout(settings, name, next));
  return {
    ...profile,
    created: dates.get(name) ?? null,
    users: usersOf(settings, name).map(({ user }) => user),
    fields: fieldsOf(
      shown,
      settings.proxies.findIndex((one) => one.name === name),
    ),
    deletions: Object.fromEntries([
      ['', sentences(null)],
      ...successors.map((next) => [next, sentences(next)] as const),
    ]),
  };
}

function fieldsOf({ keys }: ShownSettings, index: number): Record<string, string> {
  const values = new Map(keys.map(({ key, value }) => [key, value]));
  return Object.fromEntries(
    profileFields().map(({ flag, path }) => {
      const value = values.get(`proxies[${index}].${path.join('.')}`);
      return [flag, Array.isArray(value) ? value.join(', ') : String(value ?? '')];
    }),
  );
}

function purposeView({ settings }: ShownSettings, purpose: Purpose): PurposeView {
  const url = urlOf(settings, purpose);
  return {
    purpose,
    title: purposeRow(purpose).title,
    use: settings.use_proxy_for[purpose] ?? 'default',
    host: hostOf(url),
    is_enabled: url !== undefined && isEnabled(settings, purpose),
  };
}

function hostOf(url: string | undefined): string | null {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : null;
}
