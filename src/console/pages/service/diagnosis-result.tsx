// The result of a diagnosis: the cause first, then each purpose with its stages. The settings pages show it as well, after
// Test Connection.

import type { VNode } from 'preact';
import { type StageLine, StageList } from '#console/pages/parts/stages.tsx';
import { Badge, Panel, type Tone } from '#console/pages/parts/text.tsx';
import type { Diagnosis, PurposeReport } from '#control/control.ts';
import { outcomeLine } from '#control/platform/outcome.ts';
import { stageTitle } from '#control/text/diagnosis-text.ts';
import { atHop } from '#errors/hop.ts';
import { showDuration, showForeign } from '#errors/template.ts';

const TONES: Readonly<Record<PurposeReport['outcome'], readonly [Tone, string]>> = {
  ok: ['good', 'ok'],
  warning: ['warning', 'warning'],
  failed: ['bad', 'failed'],
  'not configured': ['plain', 'not configured'],
};

export function DiagnosisResult({ diagnosis }: { diagnosis: Diagnosis }): VNode {
  const { verdict, purposes, notes, outcome, saved, through } = diagnosis;
  const { finding } = verdict;
  const [tone, word] = TONES[verdict.outcome];
  const opinions = [...new Set(purposes.flatMap(({ second_opinion: opinion }) => opinion?.says ?? []))];
  return (
    <>
      <Panel id="verdict" title="Result" tone={tone}>
        <p class="verdict-line">
          <Badge tone={tone}>{word}</Badge> <strong>{verdict.sentence}</strong>
        </p>
        {finding === null ? null : (
          <p>
            {atHop(finding.hop, finding.class)}
            {finding.check}
          </p>
        )}
        {through === null ? null : (
          <p>Tested through {showForeign(through)}, regardless of use_proxy_for. Nothing was changed.</p>
        )}
        {saved ? null : <p>These settings are not saved.</p>}
        {[...opinions, ...notes].map((note) => (
          <p key={note}>{note}</p>
        ))}
        {outcome == null ? null : <p class="quiet">{outcomeLine(outcome, { ascii: false })}</p>}
      </Panel>
      {purposes
        .filter((report) => report.outcome !== 'not configured')
        .map((report) => (
          <PurposePanel key={report.purpose} report={report} />
        ))}
    </>
  );
}

function PurposePanel({ report }: { report: PurposeReport }): VNode {
  const { purpose, target, enabled, proxy, how, stages, elapsed_ms: elapsedMs, outcome, warnings } = report;
  const [tone, word] = TONES[outcome];
  const route = proxy === null ? 'directly' : `through proxy ${showForeign(proxy)} (${how})`;
  return (
    <Panel
      id={`purpose-${purpose}`}
      title={enabled ? purpose : `${purpose} (not enabled)`}
      tone={tone}
      action={<Badge tone={tone}>{word}</Badge>}
    >
      <p class="quiet">
        To {target} {route}, in {showDuration(elapsedMs)}
      </p>
      <StageList label={`Stages of ${purpose}`} stages={stageLines(report)} />
      {stages.length === 0 ? <p>No stage was reached.</p> : null}
      {warnings.map(({ code, message, check }) => (
        <p key={`${code} ${message}`}>
          <code>{code}</code> {message} {check}
        </p>
      ))}
    </Panel>
  );
}

function stageLines({ stages }: Pick<PurposeReport, 'stages'>): StageLine[] {
  return stages.map(({ name, outcome, says, code, elapsed_ms: elapsedMs, target }, index) => ({
    key: `${index} ${target}`,
    title: stageTitle(name),
    outcome,
    says,
    code,
    elapsedMs,
  }));
}
