// One bundle of support logs: its files with what was masked in each, the text of a file, and the approval of exactly these
// bytes.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLoaded } from '#console/pages/link/console-context.ts';
import { ActionButton, CopyBox, ModalDialog } from '#console/pages/parts/controls.tsx';
import { announce, ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { LoadingNote } from '#console/pages/parts/text.tsx';
import { safeLine } from '#control/text/logs-text.ts';
import type { LogsDetail, LogsJob } from '#control/uploads/send-logs.ts';
import { showForeign, showSize } from '#errors/template.ts';

interface BundleDialogProps {
  readonly job: LogsJob;
  readonly onClose: () => void;
  readonly onChange: () => void;
}

export function BundleDialog({ job, onClose, onChange }: BundleDialogProps): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [file, setFile] = useState<string | null>(null);
  const { data, refusal } = useLoaded((signal) => callVerb('showLogs', signal, job.job), [job.job]);
  const finish = (said: string, work: () => Promise<unknown>) =>
    action.run(async () => {
      await work();
      announce(said);
      onChange();
      onClose();
    });
  return (
    <ModalDialog title={`Bundle ${job.job}`} onClose={onClose} isWide>
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {data === null && refusal === null ? <LoadingNote what="the files" /> : null}
      {data === null ? null : <BundleFiles detail={data} onShow={setFile} />}
      {file === null ? null : <FileText job={job.job} file={file} />}
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {job.sha256 === null ? null : (
        <p class="quiet">
          SHA-256 <code>{job.sha256}</code>
        </p>
      )}
      <div class="actions">
        {job.state === 'prepared' ? (
          <ActionButton
            kind="primary"
            isBusy={action.isRunning}
            hindrance={hindrance}
            onPress={() =>
              finish('Approved. The bundle is sent.', () =>
                callVerb('approveLogs', null, { job: job.job, sha256: job.sha256 }),
              )
            }
          >
            Approve and send
          </ActionButton>
        ) : null}
        {['prepared', 'held', 'failed'].includes(job.state) ? (
          <ActionButton
            kind="danger"
            isBusy={action.isRunning}
            hindrance={hindrance}
            onPress={() => finish('The bundle was deleted.', () => callVerb('deleteLogs', null, job.job))}
          >
            Delete
          </ActionButton>
        ) : null}
        <ActionButton onPress={onClose}>Close</ActionButton>
      </div>
    </ModalDialog>
  );
}

function BundleFiles({ detail, onShow }: { detail: LogsDetail; onShow: (file: string) => void }): VNode {
  const { files, left_out: leftOut } = detail;
  return (
    <>
      <DataTable
        caption="Files of the bundle"
        items={files}
        keyOf={({ name }) => name}
        columns={[
          { heading: 'File', cell: ({ name }) => showForeign(name), isName: true },
          { heading: 'Size', cell: ({ bytes }) => showSize(bytes), isNumber: true },
          {
            heading: 'Masked',
            cell: ({ masked }) =>
              Object.entries(masked)
                .map(([rule, count]) => `${showForeign(rule)} ${count}`)
                .join(', '),
          },
          {
            heading: 'Actions',
            isHeadingHidden: true,
            cell: ({ name }) => (
              <ActionButton kind="quiet" label={`Show file ${name}`} onPress={() => onShow(name)}>
                Show
              </ActionButton>
            ),
          },
        ]}
      />
      {leftOut.map(({ name, reason }) => (
        <p key={name} class="quiet">
          Left out: {showForeign(name)} ({showForeign(reason)})
        </p>
      ))}
    </>
  );
}

/** The first part of a file as it would be sent. */
function FileText({ job, file }: { job: string; file: string }): VNode {
  const { data, refusal } = useLoaded((signal) => callVerb('readLogs', signal, { job, file, offset: 0 }), [job, file]);
  if (refusal !== null) return <ProblemNote problem={refusal} />;
  if (data === null) return <LoadingNote what={file} />;
  const bytes = Uint8Array.from(atob(data.data), (character) => character.charCodeAt(0));
  const text = new TextDecoder().decode(bytes).split('\n').map(safeLine).join('\n');
  return (
    <>
      <h3>{showForeign(file)}</h3>
      <CopyBox isTall label={`Text of ${file}`} text={text} />
      {bytes.length < data.length ? (
        <p class="quiet">
          The first {showSize(bytes.length)} of {showSize(data.length)}. The rest:{' '}
          <code>
            sallyport send-logs show {job} {file}
          </code>
        </p>
      ) : null}
    </>
  );
}
