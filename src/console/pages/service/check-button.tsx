// The button that checks for updates now, and what the check reports while it runs.

import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { streamVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance } from '#console/pages/link/console-context.ts';
import { ActionButton } from '#console/pages/parts/controls.tsx';
import { announce, ProblemNote } from '#console/pages/parts/notes.tsx';
import type { RoundResult } from '#control/answers.ts';

export function CheckButton(): VNode {
  const hindrance = useHindrance('operate');
  const action = useAction();
  const [said, setSaid] = useState<string | null>(null);
  const [result, setResult] = useState<RoundResult | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const check = () =>
    action.run(async () => {
      running.current = new AbortController();
      setResult(null);
      setSaid('Checking for updates …');
      const handlers = {
        onEvent: ({ message }: { message: string }) => setSaid(message),
        signal: running.current.signal,
      };
      const round = await streamVerb('check', handlers).finally(() => setSaid(null));
      setResult(round);
      announce(resultText(round));
    });
  return (
    <div class="check">
      <ActionButton kind="primary" isBusy={action.isRunning} hindrance={hindrance} onPress={check}>
        {action.isRunning ? 'Checking …' : 'Check for updates now'}
      </ActionButton>
      {said === null ? null : <p class="quiet said">{said}</p>}
      {result === null ? null : <p class="said">{resultText(result)}</p>}
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
    </div>
  );
}

function resultText({ failure, published, ready, failed }: RoundResult): string {
  if (failure !== null) return `The check failed: [${failure.code}] ${failure.message}`;
  const parts = [
    published.length === 0 ? 'No new package.' : `Published: ${published.join(', ')}.`,
    ...(ready.length === 0 ? [] : [`Ready, but not published: ${ready.join(', ')}.`]),
    ...(failed.length === 0 ? [] : [`Failed: ${failed.map(({ id }) => id).join(', ')}.`]),
  ];
  return parts.join(' ');
}
