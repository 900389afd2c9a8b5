// The pages of the service that are loaded when one of them is opened. They share a script.

import { ActivationPage } from './service/activation.tsx';
import { DiagnosePage } from './service/diagnose.tsx';
import { EndpointsPage } from './service/endpoints.tsx';
import { LogPage } from './service/log.tsx';
import { QueuePage } from './service/queue.tsx';
import { SetupPage } from './service/setup.tsx';
import { SupportLogsPage } from './service/support-logs.tsx';
import { UpdatesPage } from './service/updates.tsx';

/** By their addresses. */
export const SERVICE_PAGES = {
  activation: ActivationPage,
  diagnose: DiagnosePage,
  endpoints: EndpointsPage,
  log: LogPage,
  queue: QueuePage,
  setup: SetupPage,
  logs: SupportLogsPage,
  updates: UpdatesPage,
};
