// The form of one proxy profile: + NEW and Edit. Test Connection tests the values of the form before they are saved.

import type { VNode } from 'preact';
import { ActionButton, CheckBox, ChoiceField, CopyBox, TextField } from '#console/pages/parts/controls.tsx';
import { Notice } from '#console/pages/parts/notes.tsx';
import { Panel } from '#console/pages/parts/text.tsx';
import type { SentForm } from '#console/saving/forms.ts';
import type { FieldView, ProfileView, SettingsView } from '#console/saving/settings-view.ts';
import { PasswordInput, passwordOf } from './password-input.tsx';
import { type PendingEdits, usePending } from './pending.ts';
import { PendingForm, trialEnds, useFormTrial } from './pending-form.tsx';
import { RefusedSummary, SaveBar } from './save-bar.tsx';
import { type LoadedSettingsView, usePreview } from './settings-data.ts';
import { useWriteHindrance } from './settings-frame.tsx';
import { TrialPanel } from './trial-panel.tsx';

export interface ProfileFormProps {
  readonly view: SettingsView;
  readonly loaded: LoadedSettingsView;
  /** Null for a new profile. */
  readonly profile: ProfileView | null;
  /** Another user deleted or renamed it while it is edited. Save adds it again. */
  readonly isDeleted: boolean;
  /** The name that a Save gives it. */
  readonly onRename: (name: string) => void;
  readonly onClose: () => void;
}

/** The fields of the second manual; the others are under More. */
const MAIN = ['address', 'port', 'authentication', 'domain', 'user'];

export function ProfileForm({ view, loaded, profile, isDeleted, onRename, onClose }: ProfileFormProps): VNode {
  const pending = usePending(view);
  const { basis } = pending;
  const trial = useFormTrial(pending, loaded);
  const hindrance = useWriteHindrance(view);
  const form = formOf(pending, profile, { fields: basis.fields, isDeleted });
  const save = () => {
    if (profile !== null) onRename(pending.text('name', profile.name));
    trial.begin('save', basis.digest, form);
  };
  const preview = usePreview(basis, pending.count === 0 ? null : form);
  const problems = trial.view?.state === 'refused' ? trial.view.problems : [];
  const isLast = trial.view?.state === 'saved';
  return (
    <PendingForm onSave={save}>
      <RefusedSummary problems={problems} fieldOf={(key) => fieldOfKey(key, basis.fields)} />
      <TrialPanel trial={trial} onKeep={isLast ? onClose : trial.dismiss} {...trialEnds({ pending, trial, loaded })} />
      {isDeleted ? (
        <Notice tone="warning" title="This profile no longer exists">
          <p>
            Another user deleted or renamed {profile?.name}. Your values are still here. Save adds the profile again,
            but its password must be entered once more.
          </p>
        </Notice>
      ) : null}
      <ProfilePanel pending={pending} profile={profile} isDisabled={hindrance !== null} />
      <SaveBar pending={pending} trial={trial} preview={preview} hindrance={hindrance}>
        <ActionButton
          isBusy={trial.isBusy}
          hindrance={hindrance}
          onPress={() => trial.begin('try', basis.digest, form)}
        >
          Test Connection
        </ActionButton>
        <ActionButton onPress={onClose}>Back to the list</ActionButton>
      </SaveBar>
    </PendingForm>
  );
}

interface PanelProps {
  readonly pending: PendingEdits;
  readonly profile: ProfileView | null;
  readonly isDisabled: boolean;
}

function ProfilePanel({ pending, profile, isDisabled }: PanelProps): VNode {
  const { basis } = pending;
  const field = (flag: string) => basis.fields.find((one) => one.flag === flag);
  const stored = profile?.fields['authentication'] ?? 'transparent';
  const method = pending.text('authentication', stored);
  const isMoved = ['address', 'port', 'scheme'].some((one) => pending.has(one));
  return (
    <Panel title={profile === null ? 'New proxy profile' : `Edit ${profile.name}`} id="profile">
      <TextField
        id="name"
        label="Proxy Setting Name"
        value={pending.text('name', profile?.name ?? '')}
        isDisabled={isDisabled}
        onInput={(value) => pending.edit('name', value, profile?.name ?? '')}
      />
      <SchemaField field={field('address')} label="Proxy Address or IP" pending={pending} profile={profile} />
      <SchemaField field={field('port')} label="Port" pending={pending} profile={profile} />
      <ChoiceField
        id="authentication"
        label="Authentication Method"
        value={method}
        isDisabled={isDisabled}
        choices={methodChoices(field('authentication')?.choices ?? [])}
        onChange={(value) => pending.edit('authentication', value, stored)}
        hint="Transparent: no user authentication is required. Basic: user authentication is required."
      />
      {method === 'transparent' ? null : (
        <>
          <SchemaField field={field('domain')} label="Domain" pending={pending} profile={profile} />
          <SchemaField field={field('user')} label="User" pending={pending} profile={profile} />
        </>
      )}
      {method === 'transparent' && profile?.has_password !== true ? null : (
        <PasswordInput
          pending={pending}
          isDisabled={isDisabled}
          isStored={profile?.has_password === true}
          isMoved={isMoved}
        />
      )}
      <CheckBox
        id="make-default"
        label="Make Default Proxy Setting"
        isChecked={pending.isSet('make-default', profile?.default ?? basis.profiles.length === 0)}
        isDisabled={isDisabled || profile?.default === true || basis.profiles.length === 0}
        onChange={(value) => pending.edit('make-default', value, profile?.default ?? false)}
        hint="It is used wherever Default Proxy is chosen. There is at most one."
      />
      <details>
        <summary>More</summary>
        <div class="more">
          {basis.fields
            .filter(({ flag }) => !MAIN.includes(flag))
            .map((one) => (
              <SchemaField key={one.flag} field={one} label={one.title} pending={pending} profile={profile} />
            ))}
        </div>
      </details>
    </Panel>
  );
}

/** Transparent and Basic first, as in the manual. */
function methodChoices(choices: readonly string[]): { value: string; text: string }[] {
  const known = [
    { value: 'transparent', text: 'Transparent' },
    { value: 'basic', text: 'Basic' },
  ];
  const more = choices.filter((one) => one !== 'transparent' && one !== 'basic');
  return [...known, ...more.map((value) => ({ value, text: `More: ${value}` }))];
}

interface SchemaFieldProps {
  readonly field: FieldView | undefined;
  readonly label: string;
  readonly pending: PendingEdits;
  readonly profile: ProfileView | null;
}

/** A field made from the schema. A key that only root may set shows root's command. */
function SchemaField({ field, label, pending, profile }: SchemaFieldProps): VNode | null {
  const hindrance = useWriteHindrance(pending.basis);
  if (field === undefined) return null;
  const { flag, description, kind, choices, by_default: byDefault, set_by: setBy, allowed } = field;
  const shown = profile?.fields[flag] ?? byDefault;
  if (setBy === 'root') {
    const name = profile?.name ?? pending.text('name', 'NAME');
    return (
      <div class="field">
        <p>
          <strong>{label}</strong>: {shown === '' ? 'not set' : shown}. Only root may set it:
        </p>
        <CopyBox text={`sudo sallyport proxy edit ${name} --${flag} VALUE`} label={`The command for ${label}`} />
      </div>
    );
  }
  const common = { id: flag, label, isDisabled: hindrance !== null, hint: `${description} Allowed: ${allowed}.` };
  const value = pending.text(flag, shown);
  const edit = (next: string) => pending.edit(flag, next, shown);
  const options = kind === 'switch' ? ['true', 'false'] : choices;
  if (options.length > 0)
    return (
      <ChoiceField
        {...common}
        value={value}
        choices={options.map((one) => ({ value: one, text: one }))}
        onChange={edit}
      />
    );
  return <TextField {...common} value={value} onInput={edit} type={kind === 'number' ? 'number' : 'text'} />;
}

function formOf(
  pending: PendingEdits,
  profile: ProfileView | null,
  { fields, isDeleted }: { readonly fields: readonly FieldView[]; readonly isDeleted: boolean },
): SentForm {
  const edited = fields.flatMap(({ flag }) => {
    const value = pending.edited(flag);
    return value === undefined ? [] : [[flag, String(value)] as const];
  });
  const name = pending.edited('name');
  if (isDeleted && profile !== null) {
    const before = fields.flatMap(({ flag, set_by: setBy, by_default: byDefault }) => {
      const value = profile.fields[flag] ?? '';
      return setBy === 'root' || value === '' || value === byDefault ? [] : [[flag, value] as const];
    });
    return {
      form: 'profile',
      name: null,
      new_name: String(name ?? profile.name),
      fields: Object.fromEntries([...before, ...edited]),
      make_default: pending.isSet('make-default', false),
      ...passwordOf(pending),
    };
  }
  return {
    form: 'profile',
    name: profile?.name ?? null,
    ...(profile === null || name !== undefined ? { new_name: String(name ?? '') } : {}),
    fields: Object.fromEntries(edited),
    make_default: pending.isSet('make-default', false),
    ...passwordOf(pending),
  };
}

function fieldOfKey(key: string, fields: readonly FieldView[]): string | null {
  const [, inner] = /^proxies\[\d+\]\.(.+)$/.exec(key) ?? [];
  if (inner === 'name' || inner === 'password') return inner;
  const flag = inner?.replaceAll(/[_.]/g, '-');
  return fields.some((one) => one.flag === flag) ? (flag ?? null) : null;
}
