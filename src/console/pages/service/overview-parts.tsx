// Panels of the overview: running transfers, the route of each purpose, and the queues.

import type { VNode } from 'preact';
import { useLive } from '#console/pages/link/console-context.ts';
import { linkTo } from '#console/pages/link/navigation.ts';
import { DataTable } from '#console/pages/parts/table.tsx';
import { Badge, clockText, EmptyNote, Panel, ProgressLine, type Tone, useNow } from '#console/pages/parts/text.tsx';
import type { Status } from '#control/status.ts';
import { usageText } from '#control/text/queue-text.ts';
import { ago, failureText, timeText } from '#control/text/status-rows.ts';
import { showDuration, showForeign, showSize } from '#errors/template.ts';

type Updates = Status['updates'];

/** Downloads, the wait for a first byte, and uploads. Nothing while nothing runs. */
export function TransferPanel({ updates, uploads }: Pick<Status, 'updates' | 'uploads'>): VNode | null {
  const { progress } = useLive();
  const running = uploads.flatMap(({ title, transfer }) => (transfer === null ? [] : [{ title, ...transfer }]));
  if (updates.transfers.length + running.length === 0 && updates.waiting === null) return null;
  return (
    <Panel id="transfers" title="Transfers">
      {updates.waiting === null ? null : <FirstByteWait waiting={updates.waiting} />}
      {updates.transfers.map(({ id, received, length, rate }) => (
        <ProgressLine
          key={id}
          label={`Update ${showForeign(id)}`}
          done={Math.max(received, progress.get(id) ?? 0)}
          whole={length}
          text={transferText(Math.max(received, progress.get(id) ?? 0), length, rate)}
        />
      ))}
      {running.map(({ id, title, confirmed, length, rate }) => (
        <ProgressLine
          key={id}
          label={`Sending ${showForeign(title)}, ${showForeign(id)}`}
          done={confirmed}
          whole={length}
          text={transferText(confirmed, length, rate)}
        />
      ))}
    </Panel>
  );
}

/** `12.0 MB of 48.0 MB, 1.5 MB/s, 24 s left`. */
function transferText(done: number, whole: number, rate: number | null): string {
  const parts = [`${showSize(done)} of ${showSize(whole)}`];
  if (rate !== null && rate > 0) {
    parts.push(`${showSize(Math.round(rate))}/s`);
    if (whole > done) parts.push(`${showDuration(Math.ceil((whole - done) / rate) * 1_000)} left`);
  }
  return parts.join(', ');
}

/** `0:09 of 5:40`, counted on between two answers. */
function FirstByteWait({ waiting }: { waiting: NonNullable<Updates['waiting']> }): VNode {
  const { readAt } = useLive();
  const now = useNow();
  const { id, elapsed_ms: before, limit_ms: limit, proxy } = waiting;
  const elapsed = Math.min(limit, before + Math.max(0, now - (readAt ?? now)));
  return (
    <div class="first-byte">
      <ProgressLine
        label={`Update ${showForeign(id)}: waiting for the first byte`}
        done={elapsed}
        whole={limit}
        text={`${clockText(elapsed)} of ${clockText(limit)}`}
      />
      <p class="quiet">{proxy === null ? 'The connection is direct.' : scanSentence(waiting)}</p>
    </div>
  );
}

function scanSentence(waiting: NonNullable<Updates['waiting']>): string {
  const { proxy, held_ms: heldMs, proxy_answers_ms: answersMs, proxy_silent_ms: silentMs, scans } = waiting;
  const name = `Proxy ${showForeign(proxy ?? '')}`;
  if (silentMs !== null) return `${name} has answered no probe for ${showDuration(silentMs)}.`;
  const alive = answersMs === null ? '' : ` It answered a probe within ${showDuration(answersMs)}.`;
  if (!scans) return `${name} cannot read the package, because TLS protects it.${alive}`;
  const before = heldMs === null ? '' : ` It has held packages back for up to ${showDuration(heldMs)} before.`;
  return `${name} may be scanning the package.${before}${alive}`;
}

type Route = Status['routes'][number];

export function RouteTable({ status }: { status: Status }): VNode {
  const shown = status.routes.filter(({ target, how }) => target !== null || how !== 'not configured');
  return (
    <Panel id="routes" title="Routes" action={<a href={linkTo('diagnose')}>Test them</a>}>
      {shown.length === 0 ? <EmptyNote>No purpose has an address yet.</EmptyNote> : null}
      {shown.length === 0 ? null : (
        <DataTable
          caption="The route of each purpose"
          items={shown}
          keyOf={({ purpose }) => purpose}
          columns={[
            { heading: 'Purpose', cell: ({ purpose }) => purpose, isName: true },
            { heading: 'State', cell: (route) => <RouteState route={route} at={status.at} /> },
            { heading: 'Route', cell: (route) => <RouteReason route={route} /> },
            {
              heading: 'Last success',
              cell: ({ last_success: at }) => (at === null ? 'none yet' : ago(at, status.at)),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function RouteState({ route, at }: { route: Route; at: string }): VNode {
  const [tone, word] = stateOf(route);
  const { last_failure: failed, next_try: next } = route;
  return (
    <>
      <Badge tone={tone}>{word}</Badge>
      {failed?.open === true ? (
        <p>
          {failureText(failed.failure)}{' '}
          <span class="quiet">
            ({ago(failed.at, at)}
            {next === null ? '' : `, next try ${timeText(next)}`})
          </span>
        </p>
      ) : null}
    </>
  );
}

function stateOf({
  enabled,
  target,
  last_failure: failed,
  last_success: success,
  how,
}: Route): readonly [Tone, string] {
  if (how === 'refused') return ['bad', 'Refused'];
  if (!enabled) return ['plain', target === null ? 'Not configured' : 'Not enabled'];
  if (failed?.open === true) return ['bad', 'Failing'];
  return success === null ? ['plain', 'Not used yet'] : ['good', 'Working'];
}

function RouteReason({ route: { how, proxy, target, why } }: { route: Route }): VNode {
  const route = proxy === null ? how : `${how} through proxy ${showForeign(proxy)}`;
  return (
    <>
      {route}
      {target === null ? null : <span class="quiet"> to {showForeign(target)}</span>}
      {why.length === 0 ? null : (
        <details>
          <summary>Why</summary>
          <ul>
            {why.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

export function QueueSummary({ status }: { status: Status }): VNode {
  const queues = status.uploads.flatMap(({ title, queue, off }) => (queue === null ? [] : [{ title, queue, off }]));
  return (
    <Panel id="queues" title="Queues" action={<a href={linkTo('queue')}>Details</a>}>
      {queues.length === 0 ? <EmptyNote>Nothing was sent from this host yet.</EmptyNote> : null}
      {queues.map(({ title, queue, off }) => (
        <ProgressLine
          key={queue.kind}
          label={`${showForeign(title)}${off === null ? '' : ' (not enabled)'}`}
          done={queue.waiting.bytes}
          whole={queue.quota.bytes}
          text={usageText(queue, status.at)}
        />
      ))}
    </Panel>
  );
}
