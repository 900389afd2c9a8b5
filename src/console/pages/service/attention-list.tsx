// The list of what a person should look at, with buttons for what can be done.

import type { VNode } from 'preact';
import { callVerb } from '#console/pages/link/api.ts';
import { useAction, useHindrance } from '#console/pages/link/console-context.ts';
import { linkTo } from '#console/pages/link/navigation.ts';
import { ActionButton, CopyBox } from '#console/pages/parts/controls.tsx';
import { announce, ProblemNote } from '#console/pages/parts/notes.tsx';
import { Badge, Countdown } from '#console/pages/parts/text.tsx';
import type { AttentionAction, AttentionItem } from './attention.ts';

export function AttentionList({ items, onDone }: { items: readonly AttentionItem[]; onDone: () => void }): VNode {
  return (
    <ul class="attention">
      {items.map((item) => (
        <AttentionEntry key={item.key} item={item} onDone={onDone} />
      ))}
    </ul>
  );
}

function AttentionEntry({ item, onDone }: { item: AttentionItem; onDone: () => void }): VNode {
  const { tone, title, text, until, actions } = item;
  const action = useAction();
  const run = (what: string, work: () => Promise<unknown>) =>
    action.run(async () => {
      await work();
      announce(`${what}: done.`);
      onDone();
    });
  return (
    <li>
      <h3>
        <Badge tone={tone}>{tone === 'bad' ? 'Problem' : 'Notice'}</Badge> {title}
      </h3>
      <p>{text}</p>
      {until === undefined ? null : <Countdown until={Date.parse(until)} label="until it is dropped" />}
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
      <div class="actions">
        {actions.map((one) => (
          <AttentionButton key={JSON.stringify(one)} action={one} isBusy={action.isRunning} run={run} />
        ))}
      </div>
    </li>
  );
}

interface AttentionButtonProps {
  readonly action: AttentionAction;
  readonly isBusy: boolean;
  readonly run: (what: string, work: () => Promise<unknown>) => void;
}

function AttentionButton({ action, isBusy, run }: AttentionButtonProps): VNode {
  const operate = useHindrance('operate');
  const admin = useHindrance('admin');
  switch (action.kind) {
    case 'confirm':
      return (
        <ActionButton
          kind="primary"
          isBusy={isBusy}
          hindrance={operate}
          onPress={() => run('Confirm', () => callVerb('confirmChange', null))}
        >
          Confirm these settings
        </ActionButton>
      );
    case 'retry-password':
      return (
        <ActionButton
          kind="primary"
          isBusy={isBusy}
          hindrance={operate}
          onPress={() => run('Try once', () => callVerb('retryCredentials', null, action.profile))}
        >
          Try the password once
        </ActionButton>
      );
    case 'retry-queue':
      return (
        <ActionButton
          isBusy={isBusy}
          hindrance={operate}
          onPress={() => run('Send now', () => callVerb('retryQueued', null, { kind: action.queue, id: null }))}
        >
          Send held entries now
        </ActionButton>
      );
    case 'decide':
      return <RequestButtons request={action.request} isBusy={isBusy} hindrance={admin} run={run} />;
    case 'open':
      return <a href={linkTo(action.page)}>{action.text}</a>;
    case 'command':
      return <CopyBox text={action.text} label="The command" />;
  }
}

/** The daemon lets only root decide. Anybody else gets root's commands. */
function RequestButtons({
  request,
  hindrance,
  isBusy,
  run,
}: { readonly request: string; readonly hindrance: string | null } & Omit<AttentionButtonProps, 'action'>): VNode {
  const decide = (approve: boolean) =>
    run(approve ? 'Approve' : 'Deny', () => callVerb('decideLogsRequest', null, { id: request, approve }));
  if (hindrance !== null) {
    return (
      <CopyBox
        label="The commands of root"
        text={`sudo sallyport send-logs approve ${request}\nsudo sallyport send-logs deny ${request}`}
      />
    );
  }
  return (
    <>
      <ActionButton kind="primary" isBusy={isBusy} onPress={() => decide(true)}>
        Approve
      </ActionButton>
      <ActionButton isBusy={isBusy} onPress={() => decide(false)}>
        Deny
      </ActionButton>
    </>
  );
}
