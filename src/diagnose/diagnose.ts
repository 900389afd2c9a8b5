// The diagnosis: tests the connection of every purpose and returns one result. The tests (probes) run concurrently, so
// that a silent route does not delay the others. A wrong password is still sent only once, because all probes use the
// credential guard of the daemon.

import { PURPOSES, urlKeyOf } from '#config/purposes.ts';
import { coded } from '#errors/coded-error.ts';
import { fillTemplate } from '#errors/template.ts';
import { type DescribeContext, describeResult } from './describe.ts';
import { type Probe, type ProbeParts, type ProbeResult, runProbe } from './probe.ts';
import type { Diagnosis, PurposeReport } from './report.ts';
import type { ObservedPart } from './requests.ts';
import type { OpinionSettings } from './second-opinion.ts';
import { describeDifferences, onlyInShell } from './shell.ts';

type Purpose = PurposeReport['purpose'];

export interface Diagnosing extends ProbeParts {
  /** One probe for each configured purpose. */
  readonly probes: readonly Probe[];
  readonly purposes: readonly Purpose[];
  readonly about: DescribeContext;
  /** Called with what a path changed in the response to a range request. */
  learn(part: ObservedPart): void;
  /** Set when an ordinary Node client makes the same request. */
  readonly secondOpinion?: OpinionSettings | undefined;
}

/** Probes every purpose. @throws the reason of the signal; no failure of a route */
export async function diagnose(options: Diagnosing): Promise<Pick<Diagnosis, 'verdict' | 'notes' | 'purposes'>> {
  const { probes, purposes, about } = options;
  const reports = await Promise.all(
    purposes.map(async (purpose) => {
      const probe = probes.find((one) => one.purpose === purpose);
      if (probe === undefined) return unconfigured(purpose);
      const result = await runProbe(probe, options);
      if (result.part !== null) options.learn(result.part);
      return { ...describeResult(result, about), second_opinion: await opinionOn(result, options) };
    }),
  );
  return {
    verdict: overallVerdict(reports) ?? nothingToReach(purposes, about),
    notes: notesOf(about),
    purposes: reports,
  };
}

/** Loaded only on request. */
async function opinionOn(result: ProbeResult, options: Diagnosing): Promise<PurposeReport['second_opinion']> {
  const { clock, signal, secondOpinion: settings } = options;
  if (settings === undefined) return null;
  const { secondOpinion } = await import('./second-opinion.ts');
  // Test uploads are sent once: a scanner that stops one may raise an alarm.
  const again = () => runProbe({ ...result.probe, testUploads: [] }, options);
  return await secondOpinion(result, { clock, signal, settings, again });
}

function unconfigured(purpose: Purpose): PurposeReport {
  return {
    purpose,
    outcome: 'not configured',
    target: null,
    enabled: false,
    proxy: null,
    how: null,
    why: [],
    elapsed_ms: 0,
    failure: null,
    warnings: [],
    proven: [],
    credential_waits: false,
    stages: [],
    endpoints: [],
    second_opinion: null,
  };
}

/** The first line of the answer; null when no purpose is configured. Pure. */
function overallVerdict(reports: readonly PurposeReport[]): Diagnosis['verdict'] | null {
  const failed = reports.filter(({ outcome }) => outcome === 'failed');
  const [first] = failed;
  if (first?.failure != null) {
    const { code, message } = first.failure;
    const more =
      failed.length === 1
        ? ''
        : ` (and ${failed
            .slice(1)
            .map(({ purpose }) => purpose)
            .join(', ')} also failed)`;
    const sentence = `[${code}] ${shownName(first)}: ${message}${more}`;
    return { outcome: 'failed', sentence, purpose: first.purpose, finding: first.failure };
  }
  const warned = reports.find(({ outcome }) => outcome === 'warning');
  const [warning] = warned?.warnings ?? [];
  if (warned !== undefined && warning !== undefined) {
    const sentence = `[${warning.code}] ${shownName(warned)} works, but: ${warning.message}`;
    return { outcome: 'warning', sentence, purpose: warned.purpose, finding: warning };
  }
  const working = reports.filter(({ outcome }) => outcome === 'ok');
  if (working.length === 0) return null;
  const routes = working.map(({ purpose, proxy, enabled }) => {
    const route = fillTemplate(proxy === null ? '{purpose} direct' : '{purpose} through {proxy}', { purpose, proxy });
    return enabled ? route : `${route} (not enabled)`;
  });
  return { outcome: 'ok', sentence: `All is well: ${routes.join(', ')}.`, purpose: null, finding: null };
}

/** The name of the purpose as sentences show it. */
function shownName({ purpose, enabled }: PurposeReport): string {
  return enabled ? purpose : `${purpose} (not enabled)`;
}

function nothingToReach(purposes: readonly Purpose[], { toFinding }: DescribeContext): Diagnosis['verdict'] {
  const [first, ...more] = purposes;
  const key = urlKeyOf(first === undefined || more.length > 0 ? PURPOSES[0] : first);
  const finding = toFinding(coded('CONFIG-INCOMPLETE', { key, what: 'there is no server to connect to' }));
  return { outcome: 'failed', sentence: `[${finding.code}] ${finding.message}`, purpose: null, finding };
}

/** What a user in a shell should know about the service. */
function notesOf({ service, shell }: DescribeContext): string[] {
  const notes = describeDifferences(service, shell);
  if (onlyInShell(service, shell).length > 0)
    notes.push('A request that works in your shell may still fail in the service.');
  return notes;
}
