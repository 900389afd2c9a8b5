// Diagnose: tests the route of each purpose as the service uses it. The stages appear while they run; then the cause comes
// first, in the words of `sallyport diagnose`.

import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { callVerb, streamVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLive } from '#console/pages/link/console-context.ts';
import { ActionButton, CheckBox, ChoiceField, CopyButton } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { type StageLine, StageList } from '#console/pages/parts/stages.tsx';
import { EmptyNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { PageLogEvent } from '#console/wire.ts';
import type { Diagnosis, DiagnosisRequest } from '#control/control.ts';
import { diagnosisLines, stageTitle } from '#control/text/diagnosis-text.ts';
import { DiagnosisResult } from './diagnosis-result.tsx';

const ALL = 'all';

export function DiagnosePage(): VNode {
  const { status } = useLive();
  const hindrance = useHindrance('operate');
  const [purpose, setPurpose] = useState(ALL);
  const [second, setSecond] = useState(false);
  const test = useDiagnosis();
  const purposes = status?.routes.map((route) => route.purpose) ?? [];
  const request = (): DiagnosisRequest => ({
    purposes: purpose === ALL ? null : [purpose as NonNullable<DiagnosisRequest['purposes']>[number]],
    shell: {},
    candidate: null,
    through: null,
    second_opinion: second,
  });
  return (
    <>
      <PageHeading
        title="Diagnose"
        lead="Tests each route with the code that updates and uploads use. Nothing is changed, and no package is downloaded."
      />
      <Panel id="test" title="Test">
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (hindrance === null) test.start(request());
          }}
        >
          <ChoiceField
            id="purpose"
            label="Purpose"
            value={purpose}
            choices={[{ value: ALL, text: 'All purposes' }, ...purposes.map((value) => ({ value, text: value }))]}
            onChange={setPurpose}
          />
          <CheckBox
            id="second"
            label="Second opinion"
            hint="An ordinary client also makes the request, to tell a fault of Sallyport from one of the network."
            isChecked={second}
            onChange={setSecond}
          />
          <div class="actions">
            <ActionButton
              kind="primary"
              isSubmit
              isBusy={test.isRunning}
              hindrance={hindrance}
              onPress={() => undefined}
            >
              Start the test
            </ActionButton>
            {test.isRunning ? <ActionButton onPress={test.cancel}>Cancel</ActionButton> : null}
          </div>
        </form>
        {test.refusal === null ? null : <ProblemNote problem={test.refusal} />}
        {test.wasCancelled ? (
          <Notice>
            <p>The test was cancelled.</p>
          </Notice>
        ) : null}
      </Panel>
      {test.isRunning ? <RunningStages stages={test.stages} /> : null}
      {test.diagnosis === null ? null : (
        <FinishedTest diagnosis={test.diagnosis} onRetry={() => test.start(request())} />
      )}
      {!test.isRunning && test.diagnosis === null && test.refusal === null ? (
        <EmptyNote>No test was made since this page was opened.</EmptyNote>
      ) : null}
    </>
  );
}

interface RunningDiagnosis {
  readonly isRunning: boolean;
  readonly wasCancelled: boolean;
  readonly stages: readonly PageLogEvent[];
  readonly diagnosis: Diagnosis | null;
  readonly refusal: ReturnType<typeof useAction>['refusal'];
  start(request: DiagnosisRequest): void;
  cancel(): void;
}

function useDiagnosis(): RunningDiagnosis {
  const action = useAction();
  const [stages, setStages] = useState<readonly PageLogEvent[]>([]);
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null);
  const [wasCancelled, setCancelled] = useState(false);
  const running = useRef<AbortController | null>(null);
  // Leaving the page ends the test.
  useEffect(() => () => running.current?.abort(), []);
  const start = (request: DiagnosisRequest) =>
    action.run(async () => {
      const ending = new AbortController();
      running.current = ending;
      setStages([]);
      setDiagnosis(null);
      setCancelled(false);
      const onEvent = (event: PageLogEvent) => {
        setStages((before) => [...before, event]);
        announce(sentenceOf(event));
      };
      const found = await streamVerb('diagnose', { onEvent, signal: ending.signal }, request);
      setDiagnosis(found);
      announce(found.verdict.sentence);
    });
  const cancel = () => {
    running.current?.abort();
    setCancelled(true);
    announce('The test was cancelled.');
  };
  return { isRunning: action.isRunning, refusal: action.refusal, wasCancelled, stages, diagnosis, start, cancel };
}

function sentenceOf({ facts: { purpose, stage, result } }: PageLogEvent): string {
  return `${purpose}: ${stageTitle(String(stage))} ${result}.`;
}

function RunningStages({ stages }: { stages: readonly PageLogEvent[] }): VNode {
  const lines = stages.map(({ facts }, index): StageLine => {
    const { purpose, stage, target, result, elapsed } = facts;
    const isOk = result === 'ok';
    return {
      key: String(index),
      title: stageTitle(String(stage)),
      outcome: isOk ? 'ok' : 'failed',
      says: `${purpose}, ${target}`,
      code: isOk ? null : String(result),
      elapsedMs: typeof elapsed === 'number' ? elapsed : null,
    };
  });
  return (
    <Panel id="running" title="Running">
      {lines.length === 0 ? <EmptyNote>Waiting for the first stage …</EmptyNote> : null}
      <StageList label="Stages so far" stages={lines} />
    </Panel>
  );
}

const TEXT_WIDTH = 100;

function FinishedTest({ diagnosis, onRetry }: { diagnosis: Diagnosis; onRetry: () => void }): VNode {
  const action = useAction();
  const hindrance = useHindrance('operate');
  const text = diagnosisLines(diagnosis, { color: false, width: TEXT_WIDTH }).join('\n');
  const isWaiting = diagnosis.purposes.some(({ credential_waits: waits }) => waits);
  return (
    <>
      <div class="actions">
        <CopyButton text={text} label="the result as text">
          Copy as text
        </CopyButton>
        {isWaiting ? (
          <ActionButton
            isBusy={action.isRunning}
            hindrance={hindrance}
            onPress={() =>
              action.run(async () => {
                await callVerb('retryCredentials', null, null);
                onRetry();
              })
            }
          >
            Send the rejected password once and test again
          </ActionButton>
        ) : null}
      </div>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      <DiagnosisResult diagnosis={diagnosis} />
    </>
  );
}
