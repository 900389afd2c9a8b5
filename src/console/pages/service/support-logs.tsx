// Support logs: prepare a bundle, look into it, approve it; requests of the platform; and what left this host.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLoaded, useVerb } from '#console/pages/link/console-context.ts';
import { ActionButton, CheckBox, TextField } from '#console/pages/parts/controls.tsx';
import { announce, ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import {
  Badge,
  EmptyNote,
  LoadingNote,
  PageHeading,
  Panel,
  ProgressLine,
  type Tone,
} from '#console/pages/parts/text.tsx';
import { requestLines } from '#control/text/logs-text.ts';
import { failureText, timeText } from '#control/text/status-rows.ts';
import type { LogsJob, PlatformRequestRow, SentRow } from '#control/uploads/send-logs.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { BundleDialog } from './bundle-dialog.tsx';

export function SupportLogsPage(): VNode {
  const jobs = useVerb('listLogs');
  const requests = useVerb('listLogsRequests');
  const sent = useLoaded((signal) => callVerb('listSent', signal, MAX_SENT), []);
  const refusal = jobs.refusal ?? requests.refusal ?? sent.refusal;
  return (
    <>
      <PageHeading
        title="Support logs"
        lead="Logs are masked before they are packed. Prepare a bundle to see exactly what it contains before it is sent."
      />
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      <NewBundle onDone={jobs.reload} />
      <JobsPanel jobs={jobs.data} isLoading={jobs.data === null && jobs.refusal === null} onChange={jobs.reload} />
      <RequestsPanel requests={requests.data} />
      <SentPanel rows={sent.data} />
    </>
  );
}

const MAX_SENT = 100;

function NewBundle({ onDone }: { onDone: () => void }): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [number, setNumber] = useState('');
  const [note, setNote] = useState('');
  const [isDirect, setDirect] = useState(false);
  const given = (text: string) => (text.trim() === '' ? null : text.trim());
  const submit = () =>
    action.run(async () => {
      const order = { case: given(number), note: given(note), since: null, prepare: !isDirect };
      const { job, joined } = await callVerb('sendLogs', null, order);
      announce(joined ? `Bundle ${job.job} is already running.` : `Bundle ${job.job}: collecting.`);
      onDone();
    });
  return (
    <Panel id="new" title="New bundle">
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (hindrance === null) submit();
        }}
      >
        <TextField
          id="case"
          label="Case number"
          hint="Optional. The vendor tells you."
          width={16}
          value={number}
          onInput={setNumber}
        />
        <TextField
          id="note"
          label="Note"
          hint="Optional. It is sent with the bundle."
          width={30}
          value={note}
          onInput={setNote}
        />
        <CheckBox
          id="direct"
          label="Send it without showing it to me first"
          isChecked={isDirect}
          onChange={setDirect}
        />
        <div class="actions">
          <ActionButton kind="primary" isSubmit isBusy={action.isRunning} hindrance={hindrance} onPress={submit}>
            {isDirect ? 'Send support logs' : 'Prepare a bundle'}
          </ActionButton>
        </div>
      </form>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
    </Panel>
  );
}

const STATES: Readonly<Record<LogsJob['state'], readonly [Tone, string]>> = {
  building: ['plain', 'building'],
  prepared: ['warning', 'waits for your approval'],
  queued: ['plain', 'queued'],
  uploading: ['plain', 'uploading'],
  held: ['bad', 'held back'],
  sent: ['good', 'sent'],
  failed: ['bad', 'failed'],
};

interface JobsPanelProps {
  readonly jobs: readonly LogsJob[] | null;
  readonly isLoading: boolean;
  readonly onChange: () => void;
}

function JobsPanel({ jobs, isLoading, onChange }: JobsPanelProps): VNode {
  const hindrance = useHindrance('operate');
  const [shown, setShown] = useState<string | null>(null);
  const job = jobs?.find((one) => one.job === shown);
  return (
    <Panel id="jobs" title="Bundles">
      {isLoading ? <LoadingNote what="the bundles" /> : null}
      {jobs?.length === 0 ? <EmptyNote>No bundle of support logs was made yet.</EmptyNote> : null}
      {jobs === null || jobs.length === 0 ? null : (
        <DataTable
          caption="Bundles of support logs"
          items={jobs.toReversed()}
          keyOf={(one) => one.job}
          columns={[
            { heading: 'Bundle', cell: (one) => one.job, isName: true },
            { heading: 'State', cell: (one) => <JobState job={one} /> },
            { heading: 'Requested', cell: (one) => `${timeText(one.created_at)} by ${showForeign(one.requested_by)}` },
            { heading: 'Case', cell: (one) => (one.case === null ? '' : showForeign(one.case)) },
            { heading: 'Size', cell: ({ length }) => (length === null ? '' : showSize(length)), isNumber: true },
            {
              heading: 'Actions',
              isHeadingHidden: true,
              cell: (one) => (
                <ActionButton
                  kind={one.state === 'prepared' ? 'primary' : 'quiet'}
                  label={`${one.state === 'prepared' ? 'Review' : 'Show'} bundle ${one.job}`}
                  hindrance={hindrance}
                  onPress={() => setShown(one.job)}
                >
                  {one.state === 'prepared' ? 'Review' : 'Show'}
                </ActionButton>
              ),
            },
          ]}
        />
      )}
      {job === undefined ? null : <BundleDialog job={job} onClose={() => setShown(null)} onChange={onChange} />}
    </Panel>
  );
}

function JobState({ job }: { job: LogsJob }): VNode {
  const [tone, word] = STATES[job.state];
  const { confirmed, length, failure, next_try: next } = job;
  return (
    <>
      <Badge tone={tone}>{word}</Badge>
      {job.state === 'uploading' && confirmed !== null && length !== null ? (
        <ProgressLine
          label={`Upload of ${job.job}`}
          done={confirmed}
          whole={length}
          text={`${showSize(confirmed)} of ${showSize(length)}`}
        />
      ) : null}
      {failure === null ? null : <p>{failureText(failure)}</p>}
      {next === null ? null : <p class="quiet">Next try {timeText(next)}</p>}
    </>
  );
}

function RequestsPanel({ requests }: { requests: readonly PlatformRequestRow[] | null }): VNode | null {
  if (requests === null) return null;
  return (
    <Panel id="requests" title="Requests of the platform">
      {requests.length === 0 ? <EmptyNote>{requestLines([], Number.POSITIVE_INFINITY).join(' ')}</EmptyNote> : null}
      {requests.length === 0 ? null : (
        <DataTable
          caption="Requests of the platform for support logs"
          items={requests}
          keyOf={({ id }) => id}
          columns={[
            { heading: 'Request', cell: ({ id }) => showForeign(id), isName: true },
            {
              heading: 'State',
              cell: ({ state, expires_at: expires }) =>
                expires === null ? state : `waiting, denied at ${timeText(expires)}`,
            },
            { heading: 'At', cell: ({ at }) => timeText(at) },
            { heading: 'Case', cell: (one) => (one.case === null ? '' : showForeign(one.case)) },
            { heading: 'Decided by', cell: ({ decided_by: by }) => (by === null ? '' : showForeign(by)) },
          ]}
        />
      )}
    </Panel>
  );
}

function SentPanel({ rows }: { rows: readonly SentRow[] | null }): VNode | null {
  if (rows === null) return null;
  return (
    <Panel id="sent" title="What left this host">
      {rows.length === 0 ? <EmptyNote>Nothing has left this host.</EmptyNote> : null}
      {rows.length === 0 ? null : (
        <DataTable
          caption="What left this host, newest first"
          items={rows}
          keyOf={(row) => `${row.at} ${row.kind} ${row.url}`}
          columns={[
            { heading: 'At', cell: ({ at }) => timeText(at), isName: true },
            { heading: 'What', cell: (row) => (row.kind === 'bundle' ? `bundle ${row.job}` : 'analytics') },
            {
              heading: 'Content',
              cell: (row) =>
                row.kind === 'bundle' ? `files: ${row.files.length + row.more_files}` : `documents: ${row.documents}`,
            },
            {
              heading: 'Size',
              cell: (row) => showSize(row.kind === 'bundle' ? row.length : row.wire_bytes),
              isNumber: true,
            },
            { heading: 'To', cell: ({ url }) => showForeign(url) },
            { heading: 'Through', cell: ({ via }) => [via].flat().join(', ') },
          ]}
        />
      )}
    </Panel>
  );
}
