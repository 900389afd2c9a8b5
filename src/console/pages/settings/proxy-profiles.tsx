// The page Proxy profiles: the named proxies of the second manual, and the proxy of each purpose.

import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { goTo, linkTo, usePlace } from '#console/pages/link/navigation.ts';
import { ActionButton, ChoiceField, ModalDialog } from '#console/pages/parts/controls.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { EmptyNote, Moment, Panel } from '#console/pages/parts/text.tsx';
import type { ProfileView, SettingsView } from '#console/saving/settings-view.ts';
import { usePending } from './pending.ts';
import { conflictDigest } from './pending-form.tsx';
import { ProfileForm } from './profile-form.tsx';
import { SaveBar } from './save-bar.tsx';
import { type LoadedSettingsView, usePreview } from './settings-data.ts';
import { SettingsFrame, useWriteHindrance } from './settings-frame.tsx';
import { type TrialHandle, useTrial } from './trial-hook.ts';
import { TrialPanel } from './trial-panel.tsx';

const PAGE = 'proxy-profiles';

/** Its address continues with `new`, or with `edit` and the name of a profile. */
export function ProxyProfilesPage(): VNode {
  const {
    rest: [action, name = null],
  } = usePlace();
  return (
    <SettingsFrame
      title="Proxy profiles"
      lead="Named proxies, and which of them each kind of traffic uses. The default one is used where Default Proxy is chosen."
    >
      {(view, loaded) => {
        if (action === 'new' || action === 'edit')
          return <EditedProfile key={name ?? ''} {...{ view, loaded, name }} />;
        return <ProfilesOverview view={view} loaded={loaded} />;
      }}
    </SettingsFrame>
  );
}

/** Keeps the form if another user deletes the profile, and follows its own renaming. `name`: null for a new profile. */
function EditedProfile({ view, loaded, name }: OverviewProps & { readonly name: string | null }): VNode {
  const [savedAs, setSavedAs] = useState(name);
  const found = view.profiles.find((one) => one.name === name) ?? view.profiles.find((one) => one.name === savedAs);
  const last = useRef<ProfileView | null>(null);
  if (name !== null && found !== undefined) last.current = found;
  if (name !== null && last.current === null) return <ProfilesOverview view={view} loaded={loaded} />;
  return (
    <ProfileForm
      view={view}
      loaded={loaded}
      profile={last.current}
      isDeleted={name !== null && found === undefined}
      onRename={setSavedAs}
      onClose={() => goTo(PAGE)}
    />
  );
}

interface OverviewProps {
  readonly view: SettingsView;
  readonly loaded: LoadedSettingsView;
}

function ProfilesOverview({ view, loaded }: OverviewProps): VNode {
  const [deleted, setDeleted] = useState<ProfileView | null>(null);
  const [rebase, setRebase] = useState<string | null>(null);
  const trial = useTrial(() => loaded.reload());
  const hindrance = useWriteHindrance(view);
  const close = () => {
    trial.dismiss();
    loaded.reload();
  };
  return (
    <>
      <TrialPanel
        trial={trial}
        onKeep={close}
        onLeave={close}
        onRebase={() => {
          setRebase(conflictDigest(trial));
          close();
        }}
      />
      <Panel
        title="Proxy Settings"
        id="profiles"
        action={
          <ActionButton kind="primary" hindrance={hindrance} onPress={() => goTo(PAGE, 'new')}>
            + NEW
          </ActionButton>
        }
      >
        {view.profiles.length === 0 ? (
          <EmptyNote>There is no proxy profile, so every connection is direct. Add one with + NEW.</EmptyNote>
        ) : (
          <ProfileTable view={view} trial={trial} hindrance={hindrance} onDelete={setDeleted} />
        )}
        {view.proxy.enabled ? null : <p>Proxies are switched off (proxy_enabled), so none of them is used.</p>}
        <p>
          <ActionButton
            hindrance={hindrance}
            onPress={() => trial.begin('save', view.digest, { form: 'enabled', enabled: !view.proxy.enabled })}
          >
            {view.proxy.enabled ? 'Switch all proxies off' : 'Switch proxies on'}
          </ActionButton>
        </p>
      </Panel>
      <PurposesForm view={view} trial={trial} rebase={rebase} />
      {deleted === null ? null : (
        <DeleteDialog
          profile={deleted}
          onClose={() => setDeleted(null)}
          onDelete={(next) => {
            setDeleted(null);
            trial.begin('save', view.digest, { form: 'delete', name: deleted.name, new_default: next });
          }}
        />
      )}
    </>
  );
}

const METHODS: Readonly<Record<string, string>> = { transparent: 'Transparent', basic: 'Basic' };

interface TableProps {
  readonly view: SettingsView;
  readonly trial: TrialHandle;
  readonly hindrance: string | null;
  readonly onDelete: (profile: ProfileView) => void;
}

function ProfileTable({ view, trial, hindrance, onDelete }: TableProps): VNode {
  return (
    <DataTable
      caption="Proxy profiles"
      items={view.profiles}
      keyOf={({ name }) => name}
      columns={[
        { heading: 'Proxy Setting Name', isName: true, cell: ({ name }) => name },
        { heading: 'Proxy Address or IP', cell: ({ address, scheme }) => address ?? `(${scheme})` },
        { heading: 'Port', isNumber: true, cell: ({ address, port }) => (address === null ? '-' : port) },
        {
          heading: 'Authentication Method',
          cell: ({ authentication }) => METHODS[authentication] ?? authentication,
        },
        { heading: 'Is Default?', cell: (one) => (one.default ? 'Yes' : 'No') },
        { heading: 'Date Created', cell: ({ created }) => (created === null ? 'not known' : <Moment at={created} />) },
        {
          heading: 'Actions',
          cell: (one) => (
            <span class="actions">
              <a class="button" aria-label={`Edit ${one.name}`} href={linkTo(PAGE, 'edit', one.name)}>
                Edit
              </a>
              <ActionButton
                label={`Test Connection of ${one.name}`}
                hindrance={hindrance}
                onPress={() => trial.begin('try', view.digest, { form: 'profile', name: one.name })}
              >
                Test Connection
              </ActionButton>
              {one.default ? null : (
                <ActionButton
                  label={`Make Default: ${one.name}`}
                  hindrance={hindrance}
                  onPress={() => trial.begin('save', view.digest, { form: 'default', name: one.name })}
                >
                  Make Default
                </ActionButton>
              )}
              <ActionButton
                kind="danger"
                label={`Delete ${one.name}`}
                hindrance={hindrance}
                onPress={() => onDelete(one)}
              >
                Delete
              </ActionButton>
            </span>
          ),
        },
      ]}
    />
  );
}

interface DeleteProps {
  readonly profile: ProfileView;
  readonly onClose: () => void;
  readonly onDelete: (newDefault: string | null) => void;
}

function DeleteDialog({ profile, onClose, onDelete }: DeleteProps): VNode {
  const [next, setNext] = useState('');
  const { name, users, deletions } = profile;
  const successors = Object.keys(deletions).filter((one) => one !== '');
  return (
    <ModalDialog title={`Delete ${name}?`} onClose={onClose}>
      {users.length === 0 ? <p>Nothing uses this profile.</p> : <p>It is used by: {users.join(', ')}.</p>}
      {successors.length === 0 ? null : (
        <ChoiceField
          id="new-default"
          label="New default proxy"
          value={next}
          choices={[
            { value: '', text: 'None: connect directly' },
            ...successors.map((one) => ({ value: one, text: one })),
          ]}
          onChange={setNext}
        />
      )}
      {(deletions[next] ?? []).length === 0 ? null : (
        <>
          <p>After the deletion:</p>
          <ul>
            {(deletions[next] ?? []).map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </>
      )}
      <div class="actions">
        <ActionButton kind="danger" onPress={() => onDelete(next === '' ? null : next)}>
          Delete
        </ActionButton>
        <ActionButton onPress={onClose}>Cancel</ActionButton>
      </div>
    </ModalDialog>
  );
}

interface PurposesProps {
  readonly view: SettingsView;
  readonly trial: TrialHandle;
  /** The digest of the file for which the edits are to be kept. */
  readonly rebase: string | null;
}

function PurposesForm({ view, trial, rebase }: PurposesProps): VNode {
  const pending = usePending(view);
  const { basis } = pending;
  const ownAttempt = useRef<string | null>(null);
  const isSaved = trial.view?.state === 'saved' && trial.view.attempt === ownAttempt.current;
  useEffect(() => {
    if (isSaved && ownAttempt.current !== null) pending.saved();
  }, [isSaved]);
  useEffect(() => {
    if (rebase !== null) pending.rebase(rebase);
  }, [rebase]);
  const hindrance = useWriteHindrance(view);
  const edited = basis.purposes.filter(({ purpose }) => pending.has(`route-${purpose}`));
  const form = {
    form: 'routes',
    routes: Object.fromEntries(edited.map(({ purpose, use }) => [purpose, pending.text(`route-${purpose}`, use)])),
  } as const;
  const preview = usePreview(basis, edited.length === 0 ? null : form);
  return (
    <form
      class="panel"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        pending.sent();
        ownAttempt.current = trial.begin('save', basis.digest, form);
      }}
    >
      <h2>Proxy of each purpose</h2>
      {basis.purposes.map(({ purpose, title, use, host, is_enabled: isEnabled }) => (
        <ChoiceField
          key={purpose}
          id={`route-${purpose}`}
          label={`Proxy for ${title}`}
          value={pending.text(`route-${purpose}`, use)}
          isDisabled={hindrance !== null}
          choices={[
            { value: 'none', text: 'No Proxy' },
            { value: 'default', text: 'Default Proxy' },
            ...basis.profiles.map(({ name }) => ({ value: name, text: name })),
          ]}
          onChange={(value) => pending.edit(`route-${purpose}`, value, use)}
          hint={isEnabled ? `To ${host ?? 'its server'}.` : 'Not enabled.'}
        />
      ))}
      <SaveBar pending={pending} trial={trial} preview={preview} hindrance={hindrance} />
    </form>
  );
}
