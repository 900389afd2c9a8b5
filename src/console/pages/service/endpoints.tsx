// Endpoints: the hosts that this host needs to reach, for the proxy team, and as lines for squid.conf.

import type { VNode } from 'preact';
import { useVerb } from '#console/pages/link/console-context.ts';
import { CopyBox } from '#console/pages/parts/controls.tsx';
import { ProblemNote } from '#console/pages/parts/notes.tsx';
import { DataTable } from '#console/pages/parts/table.tsx';
import { EmptyNote, LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { EndpointList, EndpointRow } from '#control/endpoints.ts';
import { hostPort } from '#control/text/endpoint-groups.ts';
import { squidLines } from '#control/text/endpoints-squid.ts';
import { endpointLines } from '#control/text/endpoints-text.ts';
import { showForeign } from '#errors/template.ts';

export function EndpointsPage(): VNode {
  const { data, refusal } = useVerb('endpoints');
  return (
    <>
      <PageHeading
        title="Endpoints"
        lead="Every host that the active settings need. Give the list to the people who run your proxy."
      />
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {data === null && refusal === null ? <LoadingNote what="the endpoints" /> : null}
      {data === null ? null : <EndpointPanels list={data} />}
    </>
  );
}

function EndpointPanels({ list }: { list: EndpointList }): VNode {
  return (
    <>
      <Panel id="hosts" title="Hosts">
        {list.endpoints.length === 0 ? (
          <EmptyNote>The settings need no host yet.</EmptyNote>
        ) : (
          <HostTable list={list} />
        )}
        {list.notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </Panel>
      <Panel id="mail" title="As text, to mail">
        <CopyBox label="The list as text" text={endpointLines(list).join('\n')} isTall />
      </Panel>
      <Panel id="squid" title="As lines for squid.conf">
        <CopyBox label="Lines for squid.conf" text={squidLines(list).join('\n')} isTall />
      </Panel>
    </>
  );
}

const HOW: Readonly<Record<EndpointRow['ways'][number]['how'], string>> = {
  connect: 'CONNECT through',
  plain: 'plain HTTP through',
  socks: 'SOCKS through',
  direct: 'direct',
};

function HostTable({ list }: { list: EndpointList }): VNode {
  return (
    <DataTable
      caption="Hosts that are needed"
      items={list.endpoints}
      keyOf={(row) => JSON.stringify([row.purpose, row.use, row.host, row.port, row.scheme])}
      columns={[
        { heading: 'Host', cell: hostPort, isName: true },
        {
          heading: 'For',
          cell: ({ purpose, use }) => (purpose === null || purpose === use ? use : `${purpose}, ${use}`),
        },
        { heading: 'Route', cell: routeOf },
        { heading: 'TLS', cell: ({ tls_end_to_end: end }) => (end ? 'end to end' : 'none') },
        { heading: 'Set by', cell: ({ from }) => from.join('; ') },
      ]}
    />
  );
}

function routeOf({ ways: candidates, refused }: EndpointRow): string {
  if (refused !== null) return `refused: [${refused.code}] ${refused.message}`;
  return candidates
    .map(({ how, proxy, stands_in: isFallback }) => {
      const route = proxy === null ? HOW[how] : `${HOW[how]} ${showForeign(proxy)}`;
      return isFallback ? `or ${route}` : route;
    })
    .join(', ');
}
