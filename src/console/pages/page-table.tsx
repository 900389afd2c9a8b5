// The pages of the console, in the order of the navigation. Only the overview is part of the first load.

import { OverviewPage } from './service/overview.tsx';
import { LaterPage } from './shell/later-page.tsx';
import type { PageEntry } from './shell/page-entry.ts';

type ServicePages = typeof import('./service-pages.ts')['SERVICE_PAGES'];

function servicePage(id: keyof ServicePages, title: string): PageEntry {
  const load = async () => (await import('./service-pages.ts')).SERVICE_PAGES[id];
  return { id, title, group: 'service', show: () => <LaterPage title={title} load={load} /> };
}

type SettingsPages = typeof import('./settings-pages.ts')['SETTINGS_PAGES'];

function settingsPage(id: keyof SettingsPages, title: string): PageEntry {
  const load = async () => (await import('./settings-pages.ts')).SETTINGS_PAGES[id];
  return { id, title, group: 'settings', show: () => <LaterPage title={title} load={load} /> };
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
  settingsPage('proxy-settings', 'Proxy Settings'),
  settingsPage('proxy-profiles', 'Proxy profiles'),
  settingsPage('response-timeout', 'Response timeout'),
  settingsPage('configuration', 'Configuration'),
];
