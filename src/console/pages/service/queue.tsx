// The page of the queue: the data that waits to be sent, by kind, and the details of each entry.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb, streamVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLive, useLoaded, useVerb } from '#console/pages/link/console-context.ts';
import { ActionButton, CopyBox, ModalDialog } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { EmptyNote, LoadingNote, PageHeading, Panel, ProgressLine } from '#console/pages/parts/text.tsx';
import type { CheckedEntry, QueueEntry, QueueKindRow, QueueList } from '#control/queue.ts';
import { detailLines, shownEntry, sizeText, usageText } from '#control/text/queue-text.ts';
import { timeText } from '#control/text/status-rows.ts';
import { showForeign } from '#errors/template.ts';

export function QueuePage(): VNode {
  const { data, refusal, reload } = useVerb('listQueue');
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [checked, setChecked] = useState<readonly CheckedEntry[] | null>(null);
  const verify = () =>
    action.run(async () => {
      const handlers = { onEvent: () => undefined, signal: new AbortController().signal };
      setChecked(await streamVerb('verifyQueue', handlers, null));
      announce('The queue was verified.');
      reload();
    });
  return (
    <>
      <PageHeading
        title="Queue"
        lead="What this host will send, and why it was not sent yet. The content is never shown here."
      >
        <ActionButton isBusy={action.isRunning} hindrance={hindrance} onPress={verify}>
          {action.isRunning ? 'Verifying …' : 'Verify all entries'}
        </ActionButton>
      </PageHeading>
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {checked === null ? null : <CheckedNotice checked={checked} />}
      {data === null && refusal === null ? <LoadingNote what="the queue" /> : null}
      {data?.kinds.length === 0 ? <EmptyNote>Nothing was queued on this host yet.</EmptyNote> : null}
      {data?.kinds.map((kind) => (
        <KindPanel key={kind.kind} kind={kind} list={data} onChange={reload} />
      ))}
    </>
  );
}

function CheckedNotice({ checked }: { checked: readonly CheckedEntry[] }): VNode {
  const bad = checked.filter(({ outcome }) => outcome !== 'intact');
  return (
    <Notice tone={bad.length === 0 ? 'good' : 'bad'}>
      <p>
        {bad.length === 0
          ? `Every entry is intact (entries: ${checked.length}).`
          : bad.map(({ kind, id, outcome }) => `${shownEntry({ kind, id })}: ${outcome}`).join('; ')}
      </p>
    </Notice>
  );
}

function KindPanel({ kind, list, onChange }: { kind: QueueKindRow; list: QueueList; onChange: () => void }): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [shown, setShown] = useState<QueueEntry | null>(null);
  const retry = (id: string | null) =>
    action.run(async () => {
      await callVerb('retryQueued', null, { kind: kind.kind, id });
      announce('It is sent as soon as possible.');
      onChange();
    });
  return (
    <Panel
      id={`kind-${kind.kind}`}
      title={showForeign(kind.title)}
      action={
        kind.entries.length === 0 ? null : (
          <ActionButton isBusy={action.isRunning} hindrance={hindrance} onPress={() => retry(null)}>
            Send all now
          </ActionButton>
        )
      }
    >
      <ProgressLine
        label={kind.kind}
        done={kind.waiting.bytes}
        whole={kind.quota.bytes}
        text={usageText(kind, list.at)}
      />
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {kind.entries.length === 0 ? <EmptyNote>Nothing waits.</EmptyNote> : null}
      {kind.entries.length === 0 ? null : (
        <EntryTable kind={kind} isBusy={action.isRunning} onRetry={retry} onShow={setShown} />
      )}
      {kind.omitted === 0 ? null : <p class="quiet">Not listed: {kind.omitted} more.</p>}
      {shown === null ? null : <EntryDialog entry={shown} onClose={() => setShown(null)} />}
    </Panel>
  );
}

interface EntryTableProps {
  readonly kind: QueueKindRow;
  readonly isBusy: boolean;
  readonly onRetry: (id: string) => void;
  readonly onShow: (entry: QueueEntry) => void;
}

function EntryTable({ kind, isBusy, onRetry, onShow }: EntryTableProps): VNode {
  const hindrance = useHindrance('operate');
  return (
    <DataTable
      caption={`Entries of ${kind.title}`}
      items={kind.entries}
      keyOf={({ id }) => id}
      columns={[
        { heading: 'Entry', cell: (entry) => shownEntry(entry), isName: true },
        {
          heading: 'State',
          cell: ({ state, next_try: next }) =>
            state === 'waiting' && next !== null ? `next try ${timeText(next)}` : state,
        },
        { heading: 'Failed', cell: ({ attempts }) => attempts, isNumber: true },
        { heading: 'Size', cell: (entry) => sizeText(entry), isNumber: true },
        {
          heading: 'Last failure',
          cell: ({ last_failure: failed }) => (failed === null ? '' : <code>{failed.code}</code>),
        },
        {
          heading: 'Actions',
          isHeadingHidden: true,
          cell: (entry) => (
            <div class="actions">
              <ActionButton
                kind="quiet"
                label={`Show ${shownEntry(entry)}`}
                hindrance={hindrance}
                onPress={() => onShow(entry)}
              >
                Show
              </ActionButton>
              {entry.state === 'rejected' || entry.state === 'ending' ? null : (
                <ActionButton
                  kind="quiet"
                  label={`Send now: ${shownEntry(entry)}`}
                  isBusy={isBusy}
                  hindrance={hindrance}
                  onPress={() => onRetry(entry.id)}
                >
                  Send now
                </ActionButton>
              )}
            </div>
          ),
        },
      ]}
    />
  );
}

const DIALOG_WIDTH = 80;

function EntryDialog({ entry, onClose }: { entry: QueueEntry; onClose: () => void }): VNode {
  const { status } = useLive();
  const { kind, id } = entry;
  const { data, refusal } = useLoaded((signal) => callVerb('showQueued', signal, { kind, id }), [kind, id]);
  return (
    <ModalDialog title={shownEntry(entry)} onClose={onClose}>
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {data === null ? (
        <LoadingNote what="the entry" />
      ) : (
        <CopyBox
          isTall
          label="The entry"
          text={detailLines(data, status?.at ?? entry.accepted_at, DIALOG_WIDTH).join('\n')}
        />
      )}
      <p class="quiet">
        To delete it: <code>sudo sallyport queue drop {shownEntry(entry)}</code>
      </p>
      <div class="actions">
        <ActionButton kind="primary" onPress={onClose}>
          Close
        </ActionButton>
      </div>
    </ModalDialog>
  );
}
