// The page Response timeout: how long Sallyport waits for a package of each size on each route, as a picture and as a
// table.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { callVerb } from '#console/pages/link/api.ts';
import { useLoaded } from '#console/pages/link/console-context.ts';
import { TextField } from '#console/pages/parts/controls.tsx';
import { ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { EmptyNote, FactList, LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import { showDuration } from '#errors/template.ts';
import { FromLog } from './from-log.tsx';
import { SettingsFrame } from './settings-frame.tsx';
import { TimeoutChart } from './timeout-chart.tsx';

type RouteRow = TimeoutExplanation['routes'][number];
type PlanRow = RouteRow['plans'][number];

const MB = 1_000_000;

export function ResponseTimeoutPage(): VNode {
  const [typed, setTyped] = useState('');
  const megabytes = Number(typed);
  const isSize = /^\d{1,6}(?:\.\d{1,3})?$/.test(typed.trim());
  const size = isSize ? Math.round(megabytes * MB) : null;
  const { data, refusal } = useLoaded((signal) => callVerb('explainTimeout', signal, size), [size]);
  return (
    <>
      <PageHeading
        title="Response timeout"
        lead="How long Sallyport waits for a package of each size. A proxy may hold back a package until it has scanned all of it, so larger packages need a longer wait."
      />
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {data === null && refusal === null ? <LoadingNote what="the response timeouts" /> : null}
      <Panel title="At a size" id="at-size">
        <TextField
          id="size"
          label="Size of the package"
          unit="MB"
          width={8}
          value={typed}
          onInput={setTyped}
          problem={typed === '' || isSize ? null : 'Enter a number of megabytes, such as 250.'}
        />
        {data === null || size === null ? null : (
          <FactList rows={data.routes.map((route) => [routeName(route), planSentence(route, size)])} />
        )}
      </Panel>
      {data === null ? null : <Explained explained={data} />}
      <SettingsFrame title="Response timeout" lead={undefined} isPart>
        {(view, loaded) => <FromLog view={view} loaded={loaded} />}
      </SettingsFrame>
    </>
  );
}

function planSentence({ plans }: RouteRow, size: number): string {
  const plan = plans.find((one) => one.size === size);
  return plan === undefined ? '-' : `up to ${showDuration(plan.first_byte_ms)} (${plan.why})`;
}

function Explained({ explained }: { readonly explained: TimeoutExplanation }): VNode {
  const { mode, base_ms: base, routes } = explained;
  return (
    <>
      <Panel title="Mode" id="mode">
        <p>
          {mode === 'fixed'
            ? `The response timeout is fixed: ${showDuration(base)} for every package (response_timeout.base_ms).`
            : 'The response timeout is learned from downloads, for each route and size of package.'}
        </p>
      </Panel>
      {routes.length === 0 ? <EmptyNote>Nothing is known about any route yet.</EmptyNote> : null}
      {routes.map((route, index) => (
        <Panel key={routeName(route)} title={routeName(route)} id={`route-${index}`}>
          <TimeoutChart
            id={`chart-${index}`}
            title={`Wait by size, ${routeName(route)}`}
            points={route.plans.map(({ size, first_byte_ms: wait }) => ({ size, wait }))}
          />
          <PlanTable plans={route.plans} />
          <p class="hint">{evidenceSentence(route)}</p>
        </Panel>
      ))}
    </>
  );
}

function PlanTable({ plans }: { readonly plans: readonly PlanRow[] }): VNode {
  return (
    <DataTable
      caption="Wait by size"
      items={plans}
      keyOf={({ size }) => String(size)}
      columns={[
        { heading: 'Size', isName: true, isNumber: true, cell: ({ size }) => `${size / MB} MB` },
        { heading: 'Wait for the first byte', isNumber: true, cell: (plan) => showDuration(plan.first_byte_ms) },
        { heading: 'Silence after it', isNumber: true, cell: (plan) => showDuration(plan.silence_ms) },
        {
          heading: 'Expected',
          isNumber: true,
          cell: (plan) => (plan.expected_ms === null ? '-' : showDuration(plan.expected_ms)),
        },
        { heading: 'Reason', cell: ({ why }) => why },
      ]}
    />
  );
}

function routeName({ proxy, origin }: RouteRow): string {
  return proxy === 'direct' ? `${origin}, direct` : `${origin} through ${proxy}`;
}

function evidenceSentence({ evidence: { downloads, longest_wait_ms: longest } }: RouteRow): string {
  if (downloads === 0) return 'No download was measured on this route yet.';
  const most = longest === null ? '' : ` The longest wait was ${showDuration(longest)}.`;
  return `Measured: ${downloads} ${downloads === 1 ? 'download' : 'downloads'}.${most}`;
}
