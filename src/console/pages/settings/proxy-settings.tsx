// The page Proxy Settings: the proxy of this host as the first manual has it. It edits the default profile.

import type { VNode } from 'preact';
import { linkTo } from '#console/pages/link/navigation.ts';
import { ActionButton, CheckBox, ChoiceField, TextField } from '#console/pages/parts/controls.tsx';
import { Notice } from '#console/pages/parts/notes.tsx';
import { Panel } from '#console/pages/parts/text.tsx';
import type { SentForm } from '#console/saving/forms.ts';
import type { ProfileView, PurposeView, SettingsView } from '#console/saving/settings-view.ts';
import { PasswordInput, passwordOf } from './password-input.tsx';
import { type PendingEdits, usePending } from './pending.ts';
import { PendingForm, trialEnds, useFormTrial } from './pending-form.tsx';
import { RefusedSummary, SaveBar } from './save-bar.tsx';
import { type LoadedSettingsView, usePreview } from './settings-data.ts';
import { SettingsFrame, useWriteHindrance } from './settings-frame.tsx';
import { TrialPanel } from './trial-panel.tsx';

export function ProxySettingsPage(): VNode {
  return (
    <SettingsFrame
      title="Proxy Settings"
      lead="The proxy that this host uses to download updates and, if you choose so, to send data. Nothing takes effect before you save, and Save tests the connection first."
    >
      {(view, loaded) => <ProxySettingsForm view={view} loaded={loaded} />}
    </SettingsFrame>
  );
}

const DEFAULT_PORT = '80';

interface ShownProxy {
  readonly profile: ProfileView | null;
  readonly address: string;
  readonly port: string;
  readonly domain: string;
  readonly user: string;
  /** The proxies are chosen by a PAC file or by the environment. */
  readonly isElsewhere: boolean;
}

function shownProxy({ profiles, proxy }: SettingsView): ShownProxy {
  const profile = profiles.find(({ name }) => name === proxy.edited) ?? null;
  const isElsewhere = profile?.scheme === 'pac' || profile?.scheme === 'environment';
  return {
    profile,
    address: proxy.enabled && !isElsewhere ? (profile?.address ?? '') : '',
    port: profile === null ? DEFAULT_PORT : String(profile.port),
    domain: profile?.domain ?? '',
    user: profile?.user ?? '',
    isElsewhere,
  };
}

function keyText({ keys }: SettingsView, name: string): string {
  return String(keys.find(({ key }) => key === name)?.value ?? '');
}

function ProxySettingsForm({
  view,
  loaded,
}: {
  readonly view: SettingsView;
  readonly loaded: LoadedSettingsView;
}): VNode {
  const pending = usePending(view);
  const { basis } = pending;
  const shown = shownProxy(basis);
  const trial = useFormTrial(pending, loaded);
  const form = pending.count === 0 ? null : formOf(pending);
  const preview = usePreview(basis, form);
  const hindrance = useWriteHindrance(view);
  const begin = (kind: 'try' | 'save') => trial.begin(kind, basis.digest, formOf(pending));
  const problems = trial.view?.state === 'refused' ? trial.view.problems : [];
  return (
    <PendingForm onSave={() => begin('save')}>
      <RefusedSummary problems={problems} fieldOf={fieldOf} />
      <TrialPanel
        trial={trial}
        onKeep={trial.dismiss}
        {...trialEnds({ pending, trial, loaded })}
        onInClear={() => trial.act('in-clear')}
      />
      <ServerPanel pending={pending} shown={shown} isDisabled={hindrance !== null} />
      <TimeoutPanel pending={pending} isDisabled={hindrance !== null} />
      <AccountPanel pending={pending} shown={shown} isDisabled={hindrance !== null || shown.isElsewhere} />
      <PurposesPanel pending={pending} isDisabled={hindrance !== null} />
      <SaveBar pending={pending} trial={trial} preview={preview} hindrance={hindrance}>
        <ActionButton isBusy={trial.isBusy} hindrance={hindrance} onPress={() => begin('try')}>
          Test Connection
        </ActionButton>
      </SaveBar>
    </PendingForm>
  );
}

/** Only what was edited. */
function formOf(pending: PendingEdits): SentForm {
  const text = (field: string) => {
    const value = pending.edited(field);
    return value === undefined ? {} : { [FORM_FIELDS[field] ?? field]: String(value) };
  };
  const boxes = BOXES.flatMap(({ purpose }) => {
    const value = pending.edited(`uses-${purpose}`);
    return value === undefined ? [] : [[purpose, value === true] as const];
  });
  return {
    form: 'proxy-settings',
    ...text('address'),
    ...text('port'),
    ...text('domain'),
    ...text('user'),
    ...text('timeout'),
    ...text('mode'),
    ...passwordOf(pending),
    ...(boxes.length === 0 ? {} : { uses_proxy: Object.fromEntries(boxes) }),
  };
}

const FORM_FIELDS: Readonly<Record<string, string>> = { timeout: 'timeout_ms' };

function fieldOf(key: string): string | null {
  if (key === 'response_timeout.base_ms') return 'timeout';
  const [, field] = /(?:^|\.)(address|port|domain|user|password|mode)$/.exec(key) ?? [];
  return field ?? null;
}

interface PartProps {
  readonly pending: PendingEdits;
  readonly isDisabled: boolean;
}

function ServerPanel({ pending, shown, isDisabled }: PartProps & { readonly shown: ShownProxy }): VNode {
  const { basis } = pending;
  const { profile, isElsewhere } = shown;
  const address = pending.text('address', shown.address);
  const stored = profile?.address ?? null;
  return (
    <Panel title="Proxy server" id="server">
      {isElsewhere ? (
        <Notice>
          <p>
            The default profile {profile?.name} finds its proxies by{' '}
            {profile?.scheme === 'pac' ? 'a PAC file' : 'the environment of the service'}. They are shown under{' '}
            <a href={linkTo('endpoints')}>Endpoints</a>. To use another proxy, add a profile under{' '}
            <a href={linkTo('proxy-profiles')}>Proxy profiles</a>.
          </p>
        </Notice>
      ) : null}
      <TextField
        id="address"
        label="Name or address"
        value={address}
        width={32}
        isDisabled={isDisabled || isElsewhere}
        onInput={(value) => pending.edit('address', value, shown.address)}
        hint={
          address.trim() === ''
            ? `Empty: no proxy is used, and updates come straight from ${basis.proxy.update_host ?? 'the update server'}.`
            : 'The name or the IP address of the proxy. Leave it empty to use no proxy.'
        }
      />
      {!basis.proxy.enabled && stored !== null && address === '' ? (
        <p>
          The proxy {stored} is stored, but switched off.{' '}
          <ActionButton
            hindrance={isDisabled ? 'You may only look.' : null}
            onPress={() => pending.edit('address', stored, shown.address)}
          >
            Use the stored proxy
          </ActionButton>
        </p>
      ) : null}
      {basis.proxy.required ? (
        <p class="hint">This host requires a proxy (proxy_required), so an empty address is refused.</p>
      ) : null}
      <TextField
        id="port"
        label="Port"
        type="number"
        value={pending.text('port', shown.port)}
        width={6}
        isDisabled={isDisabled || isElsewhere}
        onInput={(value) => pending.edit('port', value, shown.port)}
        hint="1 to 65535. The default is 80."
      />
    </Panel>
  );
}

const TIP_MS = '300000';

function TimeoutPanel({ pending, isDisabled }: PartProps): VNode {
  const { basis } = pending;
  const shown = keyText(basis, 'response_timeout.base_ms');
  const mode = keyText(basis, 'response_timeout.mode');
  const now = pending.text('mode', mode);
  return (
    <Panel title="Waiting for a response" id="waiting">
      <TextField
        id="timeout"
        label="Response timeout"
        type="number"
        unit="ms"
        width={12}
        value={pending.text('timeout', shown)}
        isDisabled={isDisabled || shown === ''}
        onInput={(value) => pending.edit('timeout', value, shown)}
        hint="1000 to 2147483647. The default is 30000 ms, or 30 seconds. A proxy may hold back a package until it has scanned all of it."
      />
      <p class="hint">
        Tip: 5 minutes (300,000 ms) is sufficient in most cases.{' '}
        <ActionButton
          kind="quiet"
          hindrance={isDisabled ? 'You may only look.' : null}
          onPress={() => pending.edit('timeout', TIP_MS, shown)}
        >
          Use 300000
        </ActionButton>
      </p>
      <ChoiceField
        id="mode"
        label="Timeout mode"
        value={now}
        isDisabled={isDisabled || mode === ''}
        choices={[
          { value: 'adaptive', text: 'adaptive: learned from downloads' },
          { value: 'fixed', text: 'fixed: always the response timeout' },
        ]}
        onChange={(value) => pending.edit('mode', value, mode)}
        hint={
          <>
            What was learned on each route, and how long to wait for a package of a size, is on the page{' '}
            <a href={linkTo('response-timeout')}>Response timeout</a>.
          </>
        }
      />
    </Panel>
  );
}

function AccountPanel({ pending, shown, isDisabled }: PartProps & { readonly shown: ShownProxy }): VNode {
  const { profile } = shown;
  const isMoved = pending.has('address') || pending.has('port');
  return (
    <Panel title="Account at the proxy" id="account">
      <p class="hint">Leave these fields empty if the proxy asks for no user.</p>
      <TextField
        id="domain"
        label="Domain"
        value={pending.text('domain', shown.domain)}
        isDisabled={isDisabled}
        onInput={(value) => pending.edit('domain', value, shown.domain)}
      />
      <TextField
        id="user"
        label="User ID"
        autocomplete="off"
        value={pending.text('user', shown.user)}
        isDisabled={isDisabled}
        onInput={(value) => pending.edit('user', value, shown.user)}
        hint={
          profile === null || profile.authentication === 'transparent'
            ? 'With a user, the strongest method that the proxy offers is used (auto).'
            : `Authentication method: ${profile.authentication}.`
        }
      />
      <PasswordInput
        pending={pending}
        isDisabled={isDisabled}
        isStored={profile?.has_password === true}
        isMoved={isMoved}
      />
    </Panel>
  );
}

const BOXES = [
  { purpose: 'support_logs', label: 'Send support logs' },
  { purpose: 'exposure_analytics', label: 'Exposure Analytics' },
  { purpose: 'platform', label: 'Platform' },
  { purpose: 'telemetry', label: 'Telemetry' },
] as const;

function PurposesPanel({ pending, isDisabled }: PartProps): VNode {
  const { basis } = pending;
  return (
    <fieldset class="panel">
      <legend>
        <h2>Use Proxy Server for Send Logs and platform communication</h2>
      </legend>
      <p class="hint">A cleared box means that this traffic goes direct, without a proxy.</p>
      {BOXES.map(({ purpose, label }) => {
        const row = basis.purposes.find((one) => one.purpose === purpose);
        const shown = row !== undefined && row.use !== 'none';
        return (
          <CheckBox
            key={purpose}
            id={`uses-${purpose}`}
            label={label}
            isChecked={pending.isSet(`uses-${purpose}`, shown)}
            isDisabled={isDisabled}
            onChange={(value) => pending.edit(`uses-${purpose}`, value, shown)}
            hint={row === undefined ? undefined : boxHint(row)}
          />
        );
      })}
    </fieldset>
  );
}

function boxHint({ use, is_enabled: isEnabled, host }: PurposeView): string {
  const named = use === 'none' || use === 'default' ? '' : `Uses the proxy profile ${use}. `;
  if (isEnabled) return `${named}To ${host ?? 'its server'}.`;
  return `${named}Sending is not enabled${host === null ? ', and no server is configured' : ''}.`;
}
