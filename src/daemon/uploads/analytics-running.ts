// Starts the parts that accept documents (the socket and the drop directory) and the part that sends them.

import { socketsOf } from '#config/places.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { documentRules } from '#uploads/analytics/document-rules.ts';
import type { DocumentRules } from '#uploads/analytics/documents.ts';
import { DropDirectory } from '#uploads/analytics/drop-directory.ts';
import { UserShares } from '#uploads/analytics/user-shares.ts';
import { AnalyticsDelivery } from './analytics-delivery.ts';
import { DropWatch } from './drop-watch.ts';
import type { PurposePorts } from './ports.ts';
import { SubmitSocket } from './submit-socket.ts';

const PURPOSE = 'exposure_analytics';

type Ports = PurposePorts & { readonly documents: Documents };

/** Starts everything. After `stop`, nothing uses the store any more. */
export async function startAnalytics(ports: Ports) {
  const delivery = new AnalyticsDelivery(ports);
  const report = reportOf(PURPOSE, ports.report);
  const { documents, files, clock, redactor } = ports;
  const intake = {
    documents,
    files,
    clock,
    redactor,
    report,
    shares: new UserShares(documents),
    rules: () => rulesOf(ports),
  };
  const { drop_dir: dir } = ports.settings()[PURPOSE];
  const drop =
    dir === undefined ? null : new DropWatch({ dir, drop: new DropDirectory({ dir, ...intake }), clock, report });
  const socket = new SubmitSocket({ path: socketsOf(ports.settings().daemon).submit, ...intake });
  delivery.start();
  drop?.start();
  await socket.start();
  return {
    delivery,
    stop: async (reason: Parameters<AnalyticsDelivery['stop']>[0]) => {
      await Promise.all([socket.stop(), drop?.stop(), delivery.stop(reason)]);
    },
  };
}

/** The rules of the configuration, as they are now. */
function rulesOf({ settings, redactor }: Ports): DocumentRules {
  return documentRules(settings()[PURPOSE].fields, redactor);
}
