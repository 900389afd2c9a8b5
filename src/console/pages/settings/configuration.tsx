// The page Configuration: every key with its value, where the value comes from, and who may set it. Edits wait until Save
// and are shown as a list of changes.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { ActionButton, ChoiceField, CopyBox, TextField } from '#console/pages/parts/controls.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { EmptyNote, Panel } from '#console/pages/parts/text.tsx';
import type { KeyView, SettingsView } from '#console/saving/settings-view.ts';
import { type PendingEdits, usePending } from './pending.ts';
import { PendingForm, trialEnds, useFormTrial } from './pending-form.tsx';
import { RefusedSummary, SaveBar } from './save-bar.tsx';
import { type LoadedSettingsView, usePreview } from './settings-data.ts';
import { SettingsFrame, useWriteHindrance } from './settings-frame.tsx';
import { DifferenceTable, TrialPanel } from './trial-panel.tsx';

export function ConfigurationPage(): VNode {
  return (
    <SettingsFrame title="Configuration" lead="Every key of the configuration file, with its effective value.">
      {(view, loaded) => <ConfigurationForm view={view} loaded={loaded} />}
    </SettingsFrame>
  );
}

interface FormProps {
  readonly view: SettingsView;
  readonly loaded: LoadedSettingsView;
}

function ConfigurationForm({ view, loaded }: FormProps): VNode {
  const [filter, setFilter] = useState('');
  const [open, setOpen] = useState<string | null>(null);
  const pending = usePending(view);
  const { basis } = pending;
  const trial = useFormTrial(pending, loaded);
  const hindrance = useWriteHindrance(view);
  const edited = basis.keys.filter(({ key }) => pending.has(key));
  const form = {
    form: 'keys',
    keys: edited.map(({ key }) => ({ key, value: pending.edited(key) === UNSET ? null : String(pending.edited(key)) })),
  } as const;
  const preview = usePreview(basis, edited.length === 0 ? null : form);
  const needle = filter.trim().toLowerCase();
  const rows = basis.keys.filter(({ key, title }) => `${key} ${title}`.toLowerCase().includes(needle));
  return (
    <PendingForm onSave={() => trial.begin('save', basis.digest, form)}>
      <RefusedSummary
        problems={trial.view?.state === 'refused' ? trial.view.problems : []}
        fieldOf={(key) => (key === open ? 'value' : null)}
      />
      <TrialPanel trial={trial} onKeep={trial.dismiss} {...trialEnds({ pending, trial, loaded })} />
      {preview === null || preview.differences.length === 0 ? null : (
        <Panel title="Changes" id="changes">
          <DifferenceTable differences={preview.differences} />
        </Panel>
      )}
      <SaveBar pending={pending} trial={trial} preview={null} hindrance={hindrance} />
      <Panel title={basis.file} id="keys">
        <TextField id="filter" label="Show keys with" value={filter} onInput={setFilter} width={24} />
        {rows.length === 0 ? <EmptyNote>No key has this in its name.</EmptyNote> : null}
        <KeyTable rows={rows} pending={pending} open={open} onOpen={setOpen} hindrance={hindrance} />
      </Panel>
    </PendingForm>
  );
}

/** The edit that removes a key. No text that a person types has this character. */
const UNSET = '\u0000';

interface KeyTableProps {
  readonly rows: readonly KeyView[];
  readonly pending: PendingEdits;
  readonly open: string | null;
  readonly onOpen: (key: string | null) => void;
  readonly hindrance: string | null;
}

function KeyTable({ rows, pending, open, onOpen, hindrance }: KeyTableProps): VNode {
  return (
    <DataTable
      caption="Keys"
      items={rows}
      keyOf={({ key }) => key}
      columns={[
        { heading: 'Key', isName: true, cell: ({ key }) => <code>{key}</code> },
        {
          heading: 'Value',
          cell: (row) =>
            row.key === open ? (
              <KeyEditor row={row} pending={pending} onClose={() => onOpen(null)} />
            ) : (
              valueCell(row, pending)
            ),
        },
        { heading: 'From', cell: ({ source, line }) => (source === 'default' ? 'default' : fileOrigin(line)) },
        { heading: 'Set by', cell: ({ set_by: setBy }) => setBy },
        {
          heading: 'Action',
          isHeadingHidden: true,
          cell: (row) =>
            row.key === open || row.is_secret ? null : (
              <ActionButton
                kind="quiet"
                label={`${row.set_by === 'root' ? 'How to set' : 'Edit'} ${row.key}`}
                hindrance={row.set_by === 'root' ? null : hindrance}
                onPress={() => onOpen(row.key)}
              >
                {row.set_by === 'root' ? 'How' : 'Edit'}
              </ActionButton>
            ),
        },
      ]}
    />
  );
}

function fileOrigin(line: number | null): string {
  return line === null ? 'file' : `line ${line}`;
}

function valueText({ value }: KeyView): string {
  if (value === null) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function valueCell(row: KeyView, pending: PendingEdits): VNode {
  const shown = valueText(row);
  const edit = pending.edited(row.key);
  if (edit === undefined)
    return <span>{shown === '' ? '(not set)' : `${shown}${row.unit === null ? '' : ` ${row.unit}`}`}</span>;
  return (
    <span>
      <del>{shown}</del> <ins>{edit === UNSET ? '(default)' : String(edit)}</ins>
    </span>
  );
}

function KeyEditor({
  row,
  pending,
  onClose,
}: {
  readonly row: KeyView;
  readonly pending: PendingEdits;
  readonly onClose: () => void;
}): VNode {
  const { key, title, description, allowed, set_by: setBy, choices, unit } = row;
  const shown = valueText(row);
  if (setBy === 'root')
    return (
      <div class="field">
        <p>
          {description} Allowed: {allowed}. Only root may set this key:
        </p>
        <CopyBox text={`sudo sallyport config set ${key} VALUE`} label={`The command for ${key}`} />
        <ActionButton onPress={onClose}>Close</ActionButton>
      </div>
    );
  const common = { id: 'value', label: title, hint: `${description} Allowed: ${allowed}.` };
  const edit = pending.edited(key);
  const value = edit === UNSET ? '' : pending.text(key, shown);
  return (
    <div class="field">
      {choices.length > 0 ? (
        <ChoiceField
          {...common}
          value={value}
          choices={choices.map((one) => ({ value: one, text: one }))}
          onChange={(next) => pending.edit(key, next, shown)}
        />
      ) : (
        <TextField
          {...common}
          value={value}
          {...(unit === null ? {} : { unit })}
          onInput={(next) => pending.edit(key, next, shown)}
        />
      )}
      <div class="actions">
        <ActionButton onPress={onClose}>Done</ActionButton>
        {row.source === 'file' ? (
          <ActionButton onPress={() => pending.edit(key, UNSET, shown)}>Use the default</ActionButton>
        ) : null}
        {edit === undefined ? null : <ActionButton onPress={() => pending.edit(key, shown, shown)}>Undo</ActionButton>}
      </div>
    </div>
  );
}
