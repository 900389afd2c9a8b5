// A change while it is tested and saved: its stages, the countdown, and what to do after a failure.

import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { ActionButton } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { type StageLine, StageList } from '#console/pages/parts/stages.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { Countdown, Panel, type Tone } from '#console/pages/parts/text.tsx';
import type { KeyConflict, KeyDifference } from '#console/saving/differences.ts';
import type { ShownMade, TrialView } from '#console/saving/trial-view.ts';
import { stageTitle } from '#control/text/diagnosis-text.ts';
import type { TrialHandle } from './trial-hook.ts';

export interface TrialPanelProps {
  readonly trial: TrialHandle;
  /** The values stay in the form. */
  readonly onKeep: () => void;
  /** The edits are dropped. */
  readonly onLeave: () => void;
  /** The edits are kept for the file as it is now. */
  readonly onRebase: () => void;
  /** Set on a page that can send the password in clear text. */
  readonly onInClear?: (() => void) | undefined;
}

/** Nothing while there is no change. */
export function TrialPanel(props: TrialPanelProps): VNode | null {
  const { trial } = props;
  const { view, conflict, refusal, isLost } = trial;
  // Save is at the end of a long form, and its stages at the top.
  const began = view?.trial ?? (conflict === null && refusal === null && !isLost ? null : 0);
  useEffect(() => {
    const heading = began === null ? null : document.getElementById('trial');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus();
  }, [began]);
  useEffect(() => {
    const last = view?.stages.at(-1);
    if (last !== undefined) announce(stageSentence(last));
  }, [view?.stages.length]);
  useEffect(() => {
    if (view !== null && view.state !== 'testing') announce(titleOf(view));
  }, [view?.state]);
  if (conflict !== null)
    return (
      <Panel title="The file was changed meanwhile" id="trial" tone="warning">
        <ProblemNote problem={conflict.error} />
        <ConflictTable conflicts={conflict.conflicts} />
        <ConflictButtons {...props} />
      </Panel>
    );
  if (isLost)
    return (
      <Panel title="The console does not answer" id="trial" tone="warning">
        <p>
          {view === null
            ? 'It is not known whether it received the request.'
            : `The last thing it reported: ${titleOf(view)}. The test continues without this page, and a Save may still write the file.`}{' '}
          This page asks again every second, and then shows what has become of it. Your values are kept.
        </p>
      </Panel>
    );
  if (refusal !== null)
    return (
      <Panel title="Not started" id="trial" tone="bad">
        <ProblemNote problem={refusal} />
        <div class="actions">
          <ActionButton onPress={props.onKeep}>Keep editing</ActionButton>
        </div>
      </Panel>
    );
  if (view === null || view.state === 'left') return null;
  return (
    <Panel title={titleOf(view)} id="trial" tone={toneOf(view)}>
      {view.warnings.map((warning) => (
        <Notice key={warning} tone="warning">
          <p>{warning}</p>
        </Notice>
      ))}
      <StageList label="Stages of the test" stages={stagesOf(view)} />
      <TrialEnd {...props} view={view} />
    </Panel>
  );
}

type EndProps = TrialPanelProps & { readonly view: TrialView };

function TrialEnd(props: EndProps): VNode | null {
  const { view, trial, onKeep, onRebase } = props;
  switch (view.state) {
    case 'testing':
      return (
        <>
          {view.until === null ? null : <Countdown until={Date.parse(view.until)} label="until the test ends" />}
          <p class="quiet">The previous settings remain in effect. You can close this page; the test continues.</p>
          <div class="actions">
            <ActionButton isBusy={trial.isBusy} onPress={() => trial.act('leave')}>
              Cancel the test
            </ActionButton>
          </div>
        </>
      );
    case 'waiting':
    case 'failed':
      return <FailedEnd {...props} />;
    case 'writing':
      return <p>Writing the file, and waiting until the service has applied it …</p>;
    case 'passed':
      return (
        <>
          <p>
            {view.stages.length === 0
              ? 'Nothing was tested, because no connection is configured yet or none would change.'
              : 'The proxy settings work. Nothing was saved.'}
          </p>
          <div class="actions">
            <ActionButton onPress={onKeep}>Close</ActionButton>
          </div>
        </>
      );
    case 'saved':
      return <SavedEnd made={view.made} onClose={onKeep} failure={view.failure?.code ?? null} />;
    case 'refused':
      return (
        <div class="actions">
          <ActionButton onPress={onKeep}>Keep editing</ActionButton>
        </div>
      );
    case 'conflict':
      return (
        <>
          {view.error === null ? null : <ProblemNote problem={view.error} />}
          <ConflictTable conflicts={view.conflicts} />
          <ConflictButtons {...props} onRebase={onRebase} />
        </>
      );
    case 'left':
      return null;
  }
}

function FailedEnd({ view, trial, onKeep, onLeave, onInClear }: EndProps): VNode {
  const problem = view.failure ?? view.error ?? NO_ANSWER;
  const { isBusy } = trial;
  const isWaiting = view.state === 'waiting';
  const end = (then: () => void) => {
    if (isWaiting) trial.act('leave');
    then();
  };
  return (
    <>
      <ProblemNote problem={problem} />
      <p>Nothing was saved. The previous settings remain in effect.</p>
      {isWaiting && view.until !== null ? (
        <Countdown until={Date.parse(view.until)} label="until the change is dropped" />
      ) : null}
      {problem.code === 'AUTH-CLEARTEXT' && onInClear !== undefined ? (
        <Notice tone="warning" title="Send the password in clear text?">
          <p>
            This proxy offers only Basic authentication over an unencrypted connection. Anybody on the network between
            this host and the proxy can then read the password.
          </p>
          <ActionButton kind="danger" isBusy={isBusy} onPress={onInClear}>
            Send it in clear text (Basic)
          </ActionButton>
        </Notice>
      ) : null}
      <div class="actions">
        <ActionButton kind="primary" isBusy={isBusy} onPress={() => end(onKeep)}>
          Keep editing
        </ActionButton>
        <ActionButton isBusy={isBusy} onPress={() => trial.act('again')}>
          Try again
        </ActionButton>
        {view.kind === 'save' ? (
          <>
            <ActionButton isBusy={isBusy} onPress={() => end(onLeave)}>
              Leave the old settings
            </ActionButton>
            <ActionButton kind="danger" isBusy={isBusy} onPress={() => trial.act('anyway')}>
              Save anyway
            </ActionButton>
          </>
        ) : null}
      </div>
    </>
  );
}

const NO_ANSWER = {
  code: 'NO ANSWER',
  message: 'The test did not end in time.',
  check: 'Check the address and the port of the proxy.',
};

function SavedEnd({
  made,
  failure,
  onClose,
}: {
  readonly made: ShownMade | null;
  readonly failure: string | null;
  readonly onClose: () => void;
}): VNode {
  return (
    <>
      <p>{savedSentence(made)}</p>
      {failure === null ? null : <p>It was saved although its test failed with {failure}. The network may be down.</p>}
      {made?.stored == null ? null : (
        <p>
          The password is in <code>{made.stored}</code>.
        </p>
      )}
      {(made?.warnings ?? []).map((warning) => (
        <Notice key={warning} tone="warning">
          <p>{warning}</p>
        </Notice>
      ))}
      <div class="actions">
        <ActionButton onPress={onClose}>Close</ActionButton>
      </div>
    </>
  );
}

function savedSentence(made: ShownMade | null): string {
  if (made === null || !made.changed) return 'The file already has these values.';
  switch (made.daemon?.taken) {
    case 'taken':
      return 'Saved. The service has applied the change.';
    case 'refused':
    case 'held':
      return `Saved, but the service has not applied the change: ${made.daemon.refusal ?? ''}`;
    case 'no daemon':
      return 'Saved. The service is not running; the change applies at its next start.';
    case 'another file':
      return 'Saved. The running service uses a different configuration file.';
    default:
      return 'Saved. The service has not yet reported that it applied the change.';
  }
}

function ConflictButtons({ onRebase, onLeave }: TrialPanelProps): VNode {
  return (
    <div class="actions">
      <ActionButton kind="primary" onPress={onRebase}>
        Keep my values for the new file
      </ActionButton>
      <ActionButton onPress={onLeave}>Discard my values</ActionButton>
    </div>
  );
}

function ConflictTable({ conflicts }: { readonly conflicts: readonly KeyConflict[] }): VNode {
  return (
    <DataTable
      caption="Their values and yours"
      items={conflicts}
      keyOf={({ key }) => key}
      columns={[
        { heading: 'Key', isName: true, cell: ({ key }) => <code>{key}</code> },
        { heading: 'Before', cell: ({ before }) => before ?? '(not set)' },
        {
          heading: 'Theirs',
          cell: ({ before, theirs }) => (theirs === before ? '(unchanged)' : (theirs ?? '(removed)')),
        },
        { heading: 'Yours', cell: ({ yours }) => yours ?? '(unchanged)' },
      ]}
    />
  );
}

/** What a change does, key by key. */
export function DifferenceTable({ differences }: { readonly differences: readonly KeyDifference[] }): VNode {
  return (
    <DataTable
      caption="Changes"
      items={differences}
      keyOf={({ key }) => key}
      columns={[
        { heading: 'Key', isName: true, cell: ({ key }) => <code>{key}</code> },
        { heading: 'Now', cell: ({ before }) => (before === null ? '(not set)' : <del>{before}</del>) },
        { heading: 'After saving', cell: ({ after }) => (after === null ? '(default)' : <ins>{after}</ins>) },
      ]}
    />
  );
}

function titleOf({ state, kind, stages }: TrialView): string {
  switch (state) {
    case 'testing':
      return kind === 'try' ? 'Testing the connection' : 'Testing the new settings';
    case 'waiting':
    case 'failed':
      return kind === 'try' ? 'The connection does not work' : 'The new settings failed';
    case 'writing':
      return 'Saving';
    case 'passed':
      return stages.length === 0 ? 'Nothing was tested' : 'The connection works';
    case 'saved':
      return 'Saved';
    case 'refused':
      return 'The file would not be valid';
    case 'conflict':
      return 'The file was changed meanwhile';
    case 'left':
      return '';
  }
}

function toneOf({ state, stages }: TrialView): Tone {
  if (state === 'waiting' || state === 'failed' || state === 'refused') return 'bad';
  if (state === 'conflict') return 'warning';
  return state === 'saved' || (state === 'passed' && stages.length > 0) ? 'good' : 'plain';
}

function stagesOf({ stages }: TrialView): StageLine[] {
  // The purposes are tested side by side. Those of one are easier to read together.
  const purposes = [...new Set(stages.map(({ purpose }) => purpose))];
  const sorted = stages.toSorted((one, other) => purposes.indexOf(one.purpose) - purposes.indexOf(other.purpose));
  return sorted.map(({ purpose, stage, result }) => ({
    key: `${purpose} ${stage}`,
    title: purpose,
    outcome: result === 'ok' ? 'ok' : 'failed',
    says: stageTitle(stage),
    code: result === 'ok' ? null : result,
    elapsedMs: null,
  }));
}

function stageSentence({ purpose, stage, result }: TrialView['stages'][number]): string {
  return `${purpose}, ${stageTitle(stage)}: ${result}.`;
}
