// The pages of the console, in the order of the navigation.

import { OverviewPage } from './service/overview.tsx';
import type { PageEntry } from './shell/page-entry.ts';

export const PAGES: readonly PageEntry[] = [
  { id: 'overview', title: 'Overview', group: 'service', show: () => <OverviewPage /> },
];
