// Activation: state, license and identity; activating with a key or a license file; a request for a host without a
// connection.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb, streamVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useVerb } from '#console/pages/link/console-context.ts';
import { ActionButton, CheckBox, CopyBox, TextField } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { FactList, LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { ActivationResult } from '#control/platform/activation.ts';
import { outcomeLine } from '#control/platform/outcome.ts';
import { activationRows } from '#control/text/activation-rows.ts';
import { failureText } from '#control/text/status-rows.ts';

export function ActivationPage(): VNode {
  const { data, refusal, reload } = useVerb('showActivation');
  const [result, setResult] = useState<ActivationResult | null>(null);
  const onResult = (found: ActivationResult) => {
    setResult(found);
    announce(found.failure === null ? 'The host is activated.' : found.failure.message);
    reload();
  };
  return (
    <>
      <PageHeading
        title="Activation"
        lead="A license of the vendor for this host. The key is sent only to the activation server."
      />
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {data === null && refusal === null ? <LoadingNote what="the activation" /> : null}
      {result === null ? null : <ResultNotice result={result} />}
      {data === null ? null : (
        <Panel id="state" title="State" tone={data.used && data.state !== 'activated' ? 'warning' : 'plain'}>
          <FactList rows={activationRows(data)} />
        </Panel>
      )}
      <KeyPanel isActivated={data?.state === 'activated'} onResult={onResult} />
      <LicensePanel onResult={onResult} />
      <OfflinePanel />
    </>
  );
}

function ResultNotice({ result: { failure, cause, outcome } }: { result: ActivationResult }): VNode {
  if (failure === null) {
    return (
      <Notice tone="good" title="Activated">
        <p>{outcomeLine(outcome, { ascii: false })}</p>
      </Notice>
    );
  }
  return <ProblemNote problem={failure}>{cause === null ? null : <p>Cause: {failureText(cause)}</p>}</ProblemNote>;
}

const idle = () => ({ onEvent: () => undefined, signal: new AbortController().signal });

interface ResultProps {
  readonly onResult: (result: ActivationResult) => void;
}

function KeyPanel({ isActivated, onResult }: { readonly isActivated: boolean } & ResultProps): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [key, setKey] = useState('');
  const [replace, setReplace] = useState(false);
  const submit = () => {
    if (key.trim() === '') return;
    action.run(async () => {
      const found = await streamVerb('activate', idle(), { key: key.trim(), replace });
      if (found.failure === null) setKey('');
      onResult(found);
    });
  };
  return (
    <Panel id="key" title="Activate with a key">
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (hindrance === null) submit();
        }}
      >
        <TextField id="activation-key" label="Activation key" width={36} value={key} onInput={setKey} />
        {isActivated ? (
          <CheckBox id="replace" label="Replace the present activation" isChecked={replace} onChange={setReplace} />
        ) : null}
        <div class="actions">
          <ActionButton
            kind="primary"
            isSubmit
            isBusy={action.isRunning}
            hindrance={hindrance ?? (key.trim() === '' ? 'Enter a key first.' : null)}
            onPress={submit}
          >
            {action.isRunning ? 'Activating …' : 'Activate'}
          </ActionButton>
        </div>
      </form>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
    </Panel>
  );
}

function LicensePanel({ onResult }: ResultProps): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const install = (file: File | undefined) => {
    if (file === undefined) return;
    action.run(async () => onResult(await streamVerb('installLicense', idle(), await file.text())));
  };
  return (
    <Panel id="license" title="Install a license file">
      <div class="field">
        <label for="license-file">License file of the vendor</label>
        <div class="input">
          <input
            id="license-file"
            type="file"
            disabled={hindrance !== null || action.isRunning}
            onChange={(event) => install(event.currentTarget.files?.[0])}
          />
        </div>
        {hindrance === null ? null : <p class="hint">{hindrance}</p>}
      </div>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
    </Panel>
  );
}

function OfflinePanel(): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [request, setRequest] = useState<string | null>(null);
  const make = () =>
    action.run(async () => {
      setRequest((await callVerb('requestActivation', null)).request);
      announce('The request was made.');
    });
  return (
    <Panel
      id="offline"
      title="Without a connection"
      action={
        <ActionButton isBusy={action.isRunning} hindrance={hindrance} onPress={make}>
          Make a request for a license
        </ActionButton>
      }
    >
      <p class="quiet">Send the request to the vendor from another computer. The vendor answers with a license file.</p>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      {request === null ? null : <CopyBox isTall label="The request" text={request} />}
    </Panel>
  );
}
