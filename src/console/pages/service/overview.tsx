// The overview: whether the service works, what a person should look at, and what the service is doing now.

import type { VNode } from 'preact';
import { callVerb } from '#console/pages/link/api.ts';
import { type LoadedAnswer, useLive, useLoaded } from '#console/pages/link/console-context.ts';
import { linkTo } from '#console/pages/link/navigation.ts';
import { ProblemNote } from '#console/pages/parts/notes.tsx';
import { Badge, EmptyNote, FactList, PageHeading, Panel, type Tone } from '#console/pages/parts/text.tsx';
import { outcomeLine } from '#control/platform/outcome.ts';
import type { Status } from '#control/status.ts';
import { ago, timeText } from '#control/text/status-rows.ts';
import { trustRows } from '#control/text/trust-rows.ts';
import type { LogsJob, PlatformRequestRow } from '#control/uploads/send-logs.ts';
import { showForeign } from '#errors/template.ts';
import { attentionItems } from './attention.ts';
import { AttentionList } from './attention-list.tsx';
import { CheckButton } from './check-button.tsx';
import { QueueSummary, RouteTable, TransferPanel } from './overview-parts.tsx';

export function OverviewPage(): VNode {
  const { status } = useLive();
  const waiting = useWaiting();
  return (
    <>
      <PageHeading title="Overview">
        <CheckButton />
      </PageHeading>
      {status === null ? <NoStatus /> : <OverviewPanels status={status} waiting={waiting} />}
    </>
  );
}

function NoStatus(): VNode | null {
  const { link } = useLive();
  if (link === 'loading') return null;
  return (
    <EmptyNote>
      The status appears here as soon as the service answers. <a href={linkTo('setup')}>What a new host needs</a>
    </EmptyNote>
  );
}

interface Waiting {
  readonly requests: readonly PlatformRequestRow[];
  readonly jobs: readonly LogsJob[];
}

/** What the status does not say about support logs. */
function useWaiting(): LoadedAnswer<Waiting> {
  return useLoaded(async (signal) => {
    const [requests, jobs] = await Promise.all([callVerb('listLogsRequests', signal), callVerb('listLogs', signal)]);
    return { requests, jobs };
  }, []);
}

const TONES: Readonly<Record<Status['health']['level'], readonly [Tone, string]>> = {
  ok: ['good', 'OK'],
  warning: ['warning', 'Warning'],
  critical: ['bad', 'Critical'],
};

function OverviewPanels({ status, waiting }: { status: Status; waiting: LoadedAnswer<Waiting> }): VNode {
  const { requests = [], jobs = [] } = waiting.data ?? {};
  const items = attentionItems({ status, requests, jobs });
  return (
    <>
      <VerdictPanel status={status} />
      <Panel id="waiting" title="Waiting for you" tone={items.some(({ tone }) => tone === 'bad') ? 'bad' : 'plain'}>
        {waiting.refusal === null || waiting.refusal.status === 0 ? null : <ProblemNote problem={waiting.refusal} />}
        {items.length === 0 ? (
          <EmptyNote>Nothing waits for you.</EmptyNote>
        ) : (
          <AttentionList items={items} onDone={waiting.reload} />
        )}
      </Panel>
      <TransferPanel updates={status.updates} uploads={status.uploads} />
      <RouteTable status={status} />
      <div class="pair">
        <Panel id="next" title="Next checks">
          <FactList rows={nextRows(status)} />
        </Panel>
        <QueueSummary status={status} />
        <Panel id="trust" title="Trust in updates">
          <FactList rows={trustRows(status.trust)} />
        </Panel>
        <ActivationSummary status={status} />
      </div>
    </>
  );
}

function VerdictPanel({ status }: { status: Status }): VNode {
  const { health, outcome, activation, main } = status;
  const [tone, word] = TONES[health.level];
  const isShown = activation.used || outcome.kind !== 'unknown';
  const since = main.since === null ? '' : ` since ${timeText(main.since)} (${ago(main.since, status.at)})`;
  return (
    <section class={`panel verdict ${tone}`} aria-labelledby="verdict">
      <h2 id="verdict">
        <Badge tone={tone}>{word}</Badge> {health.sentence}
      </h2>
      {isShown ? (
        <p class="outcome">
          <span class="unseen">Outcome: </span>
          {outcomeLine(outcome, { ascii: false })}
        </p>
      ) : null}
      <p class="quiet">
        Sallyport {main.version}
        {main.state === 'running' ? `, running as process ${main.pid}${since}` : ', not running'}. Configuration:{' '}
        {showForeign(status.config.file)}
      </p>
    </section>
  );
}

function nextRows({ updates, at, receipts, platform }: Status): (readonly [string, string])[] {
  const inTime = (time: string) => {
    const ms = Date.parse(time) - Date.parse(at);
    return ms > 0 ? timeText(time) : 'due now';
  };
  const check = updates.next_check === null ? 'not scheduled' : inTime(updates.next_check);
  return [
    ['updates', updates.checking ? 'running now' : check],
    [
      'last read',
      updates.last_success === null
        ? 'none yet'
        : `${timeText(updates.last_success)} (${ago(updates.last_success, at)})`,
    ],
    ...(receipts.next_try === null ? [] : [['receipts', inTime(receipts.next_try)] as const]),
    ...(platform.next_try === null ? [] : [['platform', inTime(platform.next_try)] as const]),
  ];
}

function ActivationSummary({ status: { activation, main } }: { status: Status }): VNode {
  const { used, state } = activation;
  return (
    <Panel id="activation" title="Activation" action={<a href={linkTo('activation')}>Details</a>}>
      <FactList
        rows={[
          ['state', used ? state : 'not used: activation.license_keys is empty'],
          ['agent', main.agent],
        ]}
      />
    </Panel>
  );
}
