// The page of updates: the published packages, the updates that wait, and the hold on publication.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb, streamVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLive, useVerb } from '#console/pages/link/console-context.ts';
import { ActionButton, ModalDialog, TextField } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { Badge, EmptyNote, FactList, LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { UpdateRow, VerifiedRow } from '#control/answers.ts';
import type { Status } from '#control/status.ts';
import { limitRows } from '#control/text/limit-rows.ts';
import { failureText, timeText } from '#control/text/status-rows.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { utcTime } from '#system/moment.ts';
import { CheckButton } from './check-button.tsx';
import { TransferPanel } from './overview-parts.tsx';

export function UpdatesPage(): VNode {
  const { status } = useLive();
  const { data, refusal } = useVerb('listUpdates');
  return (
    <>
      <PageHeading title="Updates" lead="Packages that were downloaded, verified and published on this host.">
        <CheckButton />
      </PageHeading>
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {status === null ? null : <TransferPanel updates={status.updates} uploads={[]} />}
      {status === null ? null : <FeedPanel updates={status.updates} />}
      {status === null ? null : <HoldPanel updates={status.updates} />}
      <PublishedPanel rows={data} isLoading={data === null && refusal === null} />
    </>
  );
}

function FeedPanel({ updates }: Pick<Status, 'updates'>): VNode {
  return (
    <Panel id="feed" title="Feed">
      <FactList
        rows={[
          [
            'feed',
            updates.feed === null ? 'not configured (updates.feed_url or updates.tuf)' : showForeign(updates.feed),
          ],
          ['serial', updates.serial === null ? 'none yet' : String(updates.serial)],
          ['last read', updates.last_success === null ? 'none yet' : timeText(updates.last_success)],
          ['next check', nextCheckText(updates)],
          ...limitRows(updates),
        ]}
      />
      {updates.last_failure === null ? null : <ProblemNote problem={updates.last_failure} />}
      {updates.failing.map(({ id, failure, next_try: next }) => (
        <ProblemNote key={id} problem={failure}>
          <p>
            Update {showForeign(id)};{' '}
            {next === null ? 'next attempt with the next check' : `next try ${timeText(next)}`}.
          </p>
        </ProblemNote>
      ))}
    </Panel>
  );
}

function nextCheckText({ checking, next_check: next }: Status['updates']): string {
  if (checking) return 'running now';
  return next === null ? 'not scheduled' : timeText(next);
}

const DAY_MS = 86_400_000;

function HoldPanel({ updates: { hold, ready } }: Pick<Status, 'updates'>): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [isAsking, setAsking] = useState(false);
  const release = () =>
    action.run(async () => {
      await callVerb('releaseUpdates', null);
      announce('The hold was released.');
    });
  return (
    <Panel
      id="hold"
      title="Hold on publication"
      action={
        hold === null ? (
          <ActionButton hindrance={hindrance} onPress={() => setAsking(true)}>
            Put updates on hold
          </ActionButton>
        ) : (
          <ActionButton kind="primary" isBusy={action.isRunning} hindrance={hindrance} onPress={release}>
            Release the hold
          </ActionButton>
        )
      }
    >
      {hold === null ? (
        <EmptyNote>There is no hold. Verified packages are published at once.</EmptyNote>
      ) : (
        <Notice tone="warning">
          <p>
            Until {timeText(hold.until)}, packages are downloaded and verified, but not published:{' '}
            {showForeign(hold.reason)} (by {showForeign(hold.by)})
          </p>
        </Notice>
      )}
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {ready.length === 0 ? null : <ReadyTable ready={ready} />}
      {isAsking ? <HoldDialog onClose={() => setAsking(false)} /> : null}
    </Panel>
  );
}

/** A hold needs an end and a reason. */
function HoldDialog({ onClose }: { onClose: () => void }): VNode {
  const { status } = useLive();
  const [days, setDays] = useState('3');
  const [reason, setReason] = useState('');
  const action = useAction();
  const count = /^\d{1,3}$/.test(days) ? Number(days) : 0;
  const missing = count < 1 ? 'Enter a number of days from 1 to 999.' : null;
  const submit = () => {
    if (missing !== null || reason.trim() === '') return;
    const until = utcTime(Date.parse(status?.at ?? '') + count * DAY_MS);
    action.run(async () => {
      await callVerb('holdUpdates', null, { until, reason: reason.trim() });
      announce('Updates are on hold.');
      onClose();
    });
  };
  return (
    <ModalDialog title="Put updates on hold" onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextField
          id="hold-days"
          label="For how many days"
          type="number"
          width={4}
          value={days}
          onInput={setDays}
          problem={missing}
        />
        <TextField
          id="hold-reason"
          label="Reason"
          hint="It is shown in the status and in the log."
          value={reason}
          onInput={setReason}
          problem={null}
        />
        {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
        <div class="actions">
          <ActionButton
            kind="primary"
            isSubmit
            isBusy={action.isRunning}
            hindrance={reason.trim() === '' ? 'Enter a reason first.' : missing}
            onPress={submit}
          >
            Put on hold
          </ActionButton>
          <ActionButton onPress={onClose}>Cancel</ActionButton>
        </div>
      </form>
    </ModalDialog>
  );
}

function ReadyTable({ ready }: { ready: Status['updates']['ready'] }): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const publish = (id: string) =>
    action.run(async () => {
      await streamVerb('publishUpdate', { onEvent: () => undefined, signal: new AbortController().signal }, id);
      announce(`Update ${id} was published.`);
    });
  return (
    <>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      <DataTable
        caption="Packages that are ready"
        items={ready}
        keyOf={({ id }) => id}
        columns={[
          { heading: 'Ready update', cell: ({ id }) => showForeign(id), isName: true },
          { heading: 'Package', cell: (row) => showForeign(row.package) },
          { heading: 'Size', cell: ({ length }) => showSize(length), isNumber: true },
          { heading: 'Since', cell: ({ since }) => timeText(since) },
          {
            heading: 'Actions',
            isHeadingHidden: true,
            cell: ({ id }) => (
              <ActionButton
                label={`Publish now: update ${id}`}
                isBusy={action.isRunning}
                hindrance={hindrance}
                onPress={() => publish(id)}
              >
                Publish now
              </ActionButton>
            ),
          },
        ]}
      />
    </>
  );
}

function PublishedPanel({ rows, isLoading }: { rows: readonly UpdateRow[] | null; isLoading: boolean }): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [verified, setVerified] = useState<readonly VerifiedRow[] | null>(null);
  const verify = () =>
    action.run(async () => {
      const found = await streamVerb('verifyUpdates', {
        onEvent: () => undefined,
        signal: new AbortController().signal,
      });
      setVerified(found);
      const bad = found.filter(({ failure }) => failure !== null).length;
      announce(bad === 0 ? 'All packages are intact.' : `Damaged or missing packages: ${bad}.`);
    });
  return (
    <Panel
      id="published"
      title="Published packages"
      action={
        <ActionButton isBusy={action.isRunning} hindrance={hindrance} onPress={verify}>
          {action.isRunning ? 'Verifying …' : 'Verify all'}
        </ActionButton>
      }
    >
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {isLoading ? <LoadingNote what="the packages" /> : null}
      {rows?.length === 0 ? <EmptyNote>No update has been published yet.</EmptyNote> : null}
      {rows === null || rows.length === 0 ? null : (
        <DataTable
          caption="Published packages"
          items={rows}
          keyOf={({ id }) => id}
          columns={[
            { heading: 'ID', cell: ({ id }) => showForeign(id), isName: true },
            { heading: 'Package', cell: (row) => showForeign(row.package) },
            { heading: 'Sequence', cell: ({ sequence }) => sequence, isNumber: true },
            { heading: 'Size', cell: ({ length }) => showSize(length), isNumber: true },
            { heading: 'Trust', cell: ({ trust }) => trust },
            { heading: 'Published', cell: ({ published_at: at }) => timeText(at) },
            { heading: 'Check', cell: ({ id }) => <VerifiedMark row={verified?.find((one) => one.id === id)} /> },
          ]}
        />
      )}
    </Panel>
  );
}

function VerifiedMark({ row }: { row: VerifiedRow | undefined }): VNode {
  if (row === undefined) return <span class="quiet">not checked here</span>;
  if (row.failure === null) return <Badge tone="good">intact</Badge>;
  return (
    <>
      <Badge tone="bad">damaged</Badge> {failureText(row.failure)}
    </>
  );
}
