// The stages of a test, as they arrive: of a diagnosis, and of new settings before they are saved.

import type { VNode } from 'preact';
import { showDuration } from '#errors/template.ts';

export interface StageLine {
  readonly key: string;
  readonly title: string;
  /** running: its result is awaited. */
  readonly outcome: 'ok' | 'warning' | 'failed' | 'running';
  /** One sentence. */
  readonly says: string;
  readonly code: string | null;
  readonly elapsedMs: number | null;
}

const WORDS = { ok: 'ok', warning: 'warning', failed: 'failed', running: 'running' } as const;

export function StageList({ label, stages }: { label: string; stages: readonly StageLine[] }): VNode {
  return (
    <ol class="stages" aria-label={label}>
      {stages.map(({ key, title, outcome, says, code, elapsedMs }) => (
        <li key={key} class={outcome}>
          <span class="stage-mark">{WORDS[outcome]}</span>
          <span class="stage-title">{title}</span>
          <span class="stage-time figures">{elapsedMs === null ? '' : showDuration(elapsedMs)}</span>
          <span class="stage-says">
            {code === null ? null : <code class="code">{code}</code>} {says}
          </span>
        </li>
      ))}
    </ol>
  );
}
