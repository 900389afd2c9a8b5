// The procedure of the first manual: choose an update in the log, see its lines and its size, and use the advice.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { postJson } from '#console/pages/link/api.ts';
import { useAction } from '#console/pages/link/console-context.ts';
import { ActionButton, ChoiceField } from '#console/pages/parts/controls.tsx';
import { ProblemNote } from '#console/pages/parts/notes.tsx';
import { FactList, Panel } from '#console/pages/parts/text.tsx';
import type { LogDownload, LogEstimate } from '#console/saving/log-estimate.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';
import { showDuration, showSize } from '#errors/template.ts';
import type { LoadedSettingsView } from './settings-data.ts';
import { useWriteHindrance } from './settings-frame.tsx';
import { useTrial } from './trial-hook.ts';
import { TrialPanel } from './trial-panel.tsx';

export function FromLog({ view, loaded }: { readonly view: SettingsView; readonly loaded: LoadedSettingsView }): VNode {
  const [found, setFound] = useState<LogEstimate | null>(null);
  const [id, setId] = useState<string | null>(null);
  const action = useAction();
  const trial = useTrial(() => loaded.reload());
  const hindrance = useWriteHindrance(view);
  const close = () => {
    trial.dismiss();
    loaded.reload();
  };
  const read = () =>
    action.run(async () => {
      const estimate = await postJson<LogEstimate>('/api/timeout/estimate', {});
      setFound(estimate);
      setId(estimate.downloads[0]?.id ?? null);
    });
  const download = found?.downloads.find((one) => one.id === id) ?? null;
  const now = String(view.keys.find(({ key }) => key === 'response_timeout.base_ms')?.value ?? '');
  return (
    <Panel
      title="From the log"
      id="from-log"
      action={
        <ActionButton isBusy={action.isRunning} onPress={read}>
          Read the log
        </ActionButton>
      }
    >
      <p class="hint">
        Finds out how long this host needed to download a package of a known size, and what timeout that suggests. It is
        helpful to use a larger update file for the estimate.
      </p>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      <TrialPanel trial={trial} onKeep={trial.dismiss} onLeave={trial.dismiss} onRebase={close} />
      {found === null ? null : (
        <>
          <ChoiceField
            id="update"
            label="Update ID"
            value={id ?? ''}
            choices={found.downloads.map((one) => ({ value: one.id, text: choiceText(one) }))}
            onChange={setId}
          />
          {download === null ? null : <DownloadLines download={download} log={found.log} />}
          <p>{adviceSentence(found)}</p>
          <div class="actions">
            <ActionButton
              kind="primary"
              hindrance={now === String(found.advice.base_ms) ? 'It is already set to this value.' : hindrance}
              onPress={() =>
                trial.begin('save', view.digest, {
                  form: 'keys',
                  keys: [{ key: 'response_timeout.base_ms', value: String(found.advice.base_ms) }],
                })
              }
            >
              {`Use ${found.advice.base_ms} ms`}
            </ActionButton>
          </div>
        </>
      )}
    </Panel>
  );
}

function choiceText({ id, size, ended }: LogDownload): string {
  return `${id}, ${size === null ? 'size not known' : showSize(size)}, ${ended}`;
}

function DownloadLines({ download, log }: { readonly download: LogDownload; readonly log: string }): VNode {
  const { lines, size, elapsed_ms: elapsed, longest_silence_ms: silence } = download;
  return (
    <>
      <p>Lines of {log}:</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1) */}
      <section class="log-lines" tabIndex={0} aria-label="Lines of this download">
        <pre>{lines.join('\n')}</pre>
      </section>
      <FactList
        rows={[
          ['Size', size === null ? 'no package with this ID in the folder' : showSize(size)],
          ['Time elapsed', showDuration(elapsed)],
          ['Longest silence', showDuration(silence)],
        ]}
      />
    </>
  );
}

function adviceSentence({ advice }: LogEstimate): string {
  const { base_ms: base, longest_silence_ms: silence, margin, tip_decides: isTip } = advice;
  const why = isTip
    ? `${margin} x the longest silence is less than 5 minutes (300,000 ms), which is generally sufficient`
    : `${margin} x the longest silence`;
  return `The longest silence in the log was ${showDuration(silence)}. Advice: ${base} ms (${why}).`;
}
