/**
 * Runs the slowest test files first, so that at the end no worker is left alone with a slow one. Vitest remembers how
 * long each file took. A fresh checkout, as in CI, has no such memory and runs the largest files first.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, mostly because they wait, in their order of start (a run of 2026-11-30 on two cores). */
export const SLOWEST: readonly string[] = [
  'test/real-parts/systemd-watchdog.test.ts',
  'test/real-parts/systemd-install.test.ts',
  'test/real-parts/menu-process.test.ts',
  'test/real-parts/menu-screens.test.ts',
  'test/updates/crash.test.ts',
  'test/updates/medium/medium.test.ts',
  'test/daemon/platform-kill.test.ts',
  'test/updates/signed/kill.test.ts',
  'test/real-parts/systemd-sockets.test.ts',
  'test/real-parts/squid-cuts.test.ts',
  'test/origin/signing/publish.test.ts',
  'test/platform/inbox/inbox-model.test.ts',
  'test/daemon/platform-send-logs.test.ts',
  'test/real-parts/systemd-menu.test.ts',
  'test/real-parts/systemd-change.test.ts',
  'test/real-parts/squid-fleet.test.ts',
  'test/daemon/reload-process.test.ts',
  'test/daemon/reload/file-gate.test.ts',
  'test/main/main.test.ts',
  'test/daemon/worst-feed.test.ts',
  'test/real-parts/squid-witness.test.ts',
  'test/transfer/copies.test.ts',
  'test/timeout/changes.test.ts',
  'test/proxy/faults.test.ts',
  'test/real-parts/where-credentials-go.test.ts',
  'test/daemon/uploads/banks-day.test.ts',
  'test/real-parts/systemd.test.ts',
  'test/real-parts/systemd-diagnose.test.ts',
  'test/real-parts/one-attempt.test.ts',
  'test/real-parts/other-users-secrets.test.ts',
  'test/daemon/kill.test.ts',
  'test/real-parts/getting-started.test.ts',
  'test/daemon/stop.test.ts',
  'test/cli/confirm-process.test.ts',
  'test/real-parts/soak.test.ts',
  'test/transfer/model.test.ts',
  'test/updates/response-fuzz.test.ts',
  'test/main/secrets.test.ts',
  'test/spool/segments/kill.test.ts',
];

export class SuiteOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Projects stay in one piece: a worker that changes between them starts again.
    const byProject = Map.groupBy(await super.sort(files), ({ project }) => project);
    return [...byProject.values()].flatMap((group) => group.toSorted((a, b) => rankOf(a) - rankOf(b)));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const at = SLOWEST.indexOf(relative(process.cwd(), moduleId));
  return at === -1 ? SLOWEST.length : at;
}
