// The events of a test in the form in which a page shows them. Pure.

import type { SallyportEvent } from '#logging/events.ts';
import type { ShownStage } from './trial-view.ts';

/** A stage of the test, or that a stage failed; null for another event. */
export function shownEvent(event: SallyportEvent): ShownStage | 'failed' | null {
  if (event.name === 'change-failed') return 'failed';
  if (event.name !== 'change-stage') return null;
  const { stage, purpose, result } = event;
  return { stage: String(stage), purpose: String(purpose), result: String(result) };
}
