// The notices that are shown on every page: the service does not answer, the console does not answer, the session has
// ended, the service was restarted, or they may only look.

import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { feed, useLive } from '#console/pages/link/console-context.ts';
import { ActionButton, CopyBox } from '#console/pages/parts/controls.tsx';
import { announce, Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { LoadingNote, MomentAge, useNow } from '#console/pages/parts/text.tsx';
import type { ConsoleSession } from '#console/wire.ts';
import { utcTime } from '#system/moment.ts';

export function LinkBanner(): VNode {
  const { link, refusal, session, restarted, status } = useLive();
  useEffect(() => {
    if (link === 'stopped') announce('The service does not answer.');
    if (link === 'disconnected') announce('The console does not answer.');
  }, [link]);
  return (
    <div class="banners">
      {link === 'loading' ? <LoadingNote what="the console" /> : null}
      {link === 'stopped' ? <StoppedNotice /> : null}
      {link === 'disconnected' ? (
        <Notice tone="bad" title="Disconnected from the console">
          <p>
            {refusal?.message} {refusal?.check} This page tries again every 5 seconds. <ReadAt />
          </p>
          {session?.ssh_line == null ? null : (
            <CopyBox label="The ssh command for your machine" text={session.ssh_line} />
          )}
          <ActionButton onPress={() => feed.refresh()}>Try again now</ActionButton>
        </Notice>
      ) : null}
      {link === 'live' && refusal !== null ? <ProblemNote problem={refusal} /> : null}
      {restarted && link === 'live' ? (
        <Notice tone="warning" title="The service was restarted while this page was open">
          <p>
            The page shows the new process
            {status?.main.pid == null ? '' : ` (${status.main.pid})`}. Work that was running before has ended.
          </p>
          <ActionButton kind="quiet" onPress={() => feed.dismissRestart()}>
            Dismiss
          </ActionButton>
        </Notice>
      ) : null}
      {session !== null && link === 'live' && !session.may.operate ? (
        <Notice title="You may only look">
          <p>
            {session.user} is not in the group {session.group.operate}, so actions are disabled. Ask root for:{' '}
            <code>
              usermod -aG {session.group.operate} {session.user}
            </code>
          </p>
        </Notice>
      ) : null}
    </div>
  );
}

const STOPPED: Readonly<Record<ConsoleSession['daemon'], string>> = {
  running: 'The service does not answer',
  stopped: 'The service is not running',
  unreachable: 'The service cannot be reached',
  'other-file': 'The running service uses another configuration file',
};

function StoppedNotice(): VNode {
  const { refusal, session } = useLive();
  const daemon = session?.daemon ?? 'stopped';
  return (
    <Notice tone="bad" title={STOPPED[daemon]}>
      <p>
        {refusal === null ? null : `${refusal.message} ${refusal.check} `}
        Pages that need only the configuration file still work. <ReadAt />
      </p>
      {daemon === 'stopped' ? (
        <CopyBox
          label="Commands to start the service"
          text={'sudo systemctl start sallyport\nsystemctl status sallyport'}
        />
      ) : null}
    </Notice>
  );
}

function ReadAt(): VNode | null {
  const { readAt } = useLive();
  const now = useNow();
  if (readAt === null) return null;
  return (
    <>
      What you see was read <MomentAge at={utcTime(readAt)} now={now} />.
    </>
  );
}

/** Instead of every page, without a session. */
export function SessionScreen({ isOver, problem }: { isOver: boolean; problem: string | null }): VNode {
  const title = isOver ? 'This session has ended' : 'Open the console with its link';
  useEffect(() => {
    document.title = `${title} · Sallyport`;
    document.querySelector('h1')?.focus();
  }, [title]);
  return (
    <main class="session-screen">
      <h1 tabIndex={-1}>{title}</h1>
      {problem === null ? null : (
        <Notice tone="bad">
          <p>{problem}</p>
        </Notice>
      )}
      <p>
        {isOver
          ? 'The console was ended, or 30 minutes passed without a request. No setting was changed by this.'
          : 'This browser has no session. Each link works once, for 10 minutes.'}
      </p>
      <ol>
        <li>
          Does <code>sallyport console</code> still run? Press ENTER in its terminal. It prints another link.
        </li>
        <li>If it has ended, run it again on the host:</li>
      </ol>
      <CopyBox label="The command" text="sallyport console" />
      <p>Then open the link that it prints.</p>
    </main>
  );
}
