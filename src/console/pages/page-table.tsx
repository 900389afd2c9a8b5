// The pages of the console, in the order of the navigation. Only the overview is part of the first load.

import { OverviewPage } from './service/overview.tsx';
import { LaterPage } from './shell/later-page.tsx';
import type { PageEntry } from './shell/page-entry.ts';

type ServicePages = typeof import('./service-pages.ts')['SERVICE_PAGES'];

function servicePage(id: keyof ServicePages, title: string): PageEntry {
  const load = async () => (await import('./service-pages.ts')).SERVICE_PAGES[id];
  return { id, title, group: 'service', show: () => <LaterPage title={title} load={load} /> };
}

export const PAGES: readonly PageEntry[] = [
  { id: 'overview', title: 'Overview', group: 'service', show: () => <OverviewPage /> },
  servicePage('setup', 'Set-up'),
  servicePage('diagnose', 'Diagnose'),
  servicePage('updates', 'Updates'),
  servicePage('logs', 'Support logs'),
  servicePage('queue', 'Queue'),
  servicePage('activation', 'Activation'),
  servicePage('endpoints', 'Endpoints'),
  servicePage('log', 'Log'),
];
