// The page for setting up a host: the steps that are needed before it gets updates, each with its state and the
// commands that root has to run.

import type { VNode } from 'preact';
import { useLive } from '#console/pages/link/console-context.ts';
import { linkTo } from '#console/pages/link/navigation.ts';
import { CopyBox } from '#console/pages/parts/controls.tsx';
import { Notice } from '#console/pages/parts/notes.tsx';
import { Badge, PageHeading } from '#console/pages/parts/text.tsx';
import { isSetUp, type SetupStep, setupSteps } from './setup-steps.ts';

export function SetupPage(): VNode {
  const { session, status, link } = useLive();
  const steps = setupSteps({ session, status, isRunning: link === 'live' });
  return (
    <>
      <PageHeading title="Set-up" lead="What this host needs, from its configuration file to its first check." />
      {isSetUp(steps) ? (
        <Notice tone="good" title="This host is set up">
          <p>
            <a href={linkTo('overview')}>Go to the overview</a>
          </p>
        </Notice>
      ) : null}
      <ol class="setup">
        {steps.map((step) => (
          <SetupEntry key={step.key} step={step} />
        ))}
      </ol>
    </>
  );
}

const WORDS = { done: ['good', 'Done'], missing: ['warning', 'To do'], unknown: ['plain', 'Not known yet'] } as const;

function SetupEntry({ step }: { step: SetupStep }): VNode {
  const { title, state, text, commands, page } = step;
  const [tone, word] = WORDS[state];
  return (
    <li class="panel">
      <h2>
        {title} <Badge tone={tone}>{word}</Badge>
      </h2>
      <p>{text}</p>
      {state === 'done' || commands === null ? null : <CopyBox label={`Commands: ${title}`} text={commands} />}
      {state === 'done' || page === null ? null : (
        <p>
          <a href={linkTo(page.id)}>{page.text}</a>
        </p>
      )}
    </li>
  );
}
