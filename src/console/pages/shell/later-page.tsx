// A page whose script is loaded when it is opened.

import type { ComponentType, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ActionButton } from '#console/pages/parts/controls.tsx';
import { ProblemNote } from '#console/pages/parts/notes.tsx';
import { LoadingNote, PageHeading } from '#console/pages/parts/text.tsx';

export interface LaterPageProps {
  readonly title: string;
  readonly load: () => Promise<ComponentType>;
}

const FAILED = {
  code: 'CONSOLE-DISCONNECTED',
  message: 'The script of this page could not be loaded.',
  check: 'Check that `sallyport console` still runs and, with ssh, that its connection is still open.',
};

export function LaterPage({ title, load }: LaterPageProps): VNode {
  const [page, setPage] = useState<{ readonly Page: ComponentType } | 'failed' | null>(null);
  useEffect(() => {
    load().then(
      (Page) => setPage({ Page }),
      () => setPage('failed'),
    );
  }, []);
  if (page === null) return <LoadingNote what={title} />;
  if (page !== 'failed') return <page.Page />;
  return (
    <>
      <PageHeading title={title} />
      <ProblemNote problem={FAILED}>
        {/* A browser keeps the failure of an import until the page is loaded again. */}
        <ActionButton onPress={() => location.reload()}>Load the console again</ActionButton>
      </ProblemNote>
    </>
  );
}
