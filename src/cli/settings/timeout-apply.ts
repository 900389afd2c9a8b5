// `sallyport timeout estimate --apply`: saves the recommended timeout, and passes the measured downloads to the daemon.
//
// Guarantees: a `base_ms` that is longer than the recommendation is kept. If the new value is more than ten times the
// old one, the user must confirm it. This process edits the file with the rights of its user; the daemon gets only the
// measured downloads. A download that overlapped with another, or that resumed an earlier attempt, is left out.

import { UsageError } from '#cli/terminal/usage-error.ts';
import { describeEstimate, estimateToJson } from '#cli/timeout-estimate.ts';
import { isSeed, type TimeoutSeeded, type TimeoutSeeds } from '#control/timeouts.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import type { EstimateReport } from '#estimate/estimate.ts';
import { changeCommand, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import { askYesNo } from './proxy-form.ts';

/** A recommendation of more than this many times the present value is probably wrong. */
const CONFIRMATION_FACTOR = 10;
/** Maximum number of samples in one request; the latest are sent. */
const MAX_SEEDS = 1_000;
const KEY = 'response_timeout.base_ms';

export interface ApplyOptions {
  readonly json: boolean;
  /** Whether `--yes` is given. */
  readonly yes: boolean;
  estimate(): Promise<EstimateReport>;
  /** Stores the samples; null if neither a daemon nor this process could. */
  seed(seeds: TimeoutSeeds): Promise<TimeoutSeeded | null>;
}

/** Prints and saves the estimate and stores the samples. Exit status: 0, or 78 if the file or daemon rejects it. */
export async function applyEstimateCommand(context: CommandContext, options: ApplyOptions): Promise<number> {
  const { terminal } = context;
  return await withSettings(context, async (loaded) => {
    const report = await options.estimate();
    if (!options.json) for (const line of describeEstimate(report)) terminal.out(line);
    const present = loaded.settings.response_timeout.base_ms;
    const wanted = report.advice.baseMs;
    const isLonger = wanted > present;
    if (wanted > present * CONFIRMATION_FACTOR)
      await confirm(context, `${KEY} would grow from ${present} to ${wanted}`, options.yes);
    const facts: Record<string, unknown> = { ...estimateToJson(report), before: present };
    return await changeCommand(context, loaded, {
      edits: isLonger ? [{ kind: 'set', path: KEY, value: wanted }] : [],
      sentences: isLonger ? [`${KEY} is ${wanted}; it was ${present}.`] : [],
      facts,
      json: options.json,
      after: async () => {
        const seeds = seedsOf(report);
        const seeded = seeds.length === 0 ? null : await seedOrPrint(context, () => options.seed(seeds));
        facts['seeded'] = seeded;
        if (!options.json) terminal.out(learningText(seeds.length, seeded));
      },
    });
  });
}

async function confirm({ terminal }: CommandContext, what: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!terminal.answers.interactive) throw new UsageError(`${what}, more than tenfold. Use --yes if this is intended.`);
  terminal.err(`${what}, more than tenfold.`);
  if (!(await askYesNo(terminal, 'Save it?', false))) throw coded('CANCELLED', { reason: 'it was not confirmed' });
}

/** A failure to store the samples is only printed: the file is already written. */
async function seedOrPrint(
  { terminal, known }: CommandContext,
  seed: () => Promise<TimeoutSeeded | null>,
): Promise<TimeoutSeeded | null> {
  try {
    return await seed();
  } catch (thrown) {
    terminal.err(known.redact(asCoded(thrown).message));
    return null;
  }
}

function seedsOf({ packages }: EstimateReport): TimeoutSeeds {
  return packages
    .filter(({ overlapped, resumed }) => !overlapped && !resumed)
    .flatMap(({ id, size, elapsedMs, silenceMs, endedMs }) =>
      size === null || size === 0
        ? []
        : [{ id, size, elapsed_ms: elapsedMs, longest_silence_ms: silenceMs, ended_at: Math.max(0, endedMs) }],
    )
    .filter(isSeed)
    .slice(-MAX_SEEDS);
}

function showDownloads(count: number): string {
  return `${count} ${count === 1 ? 'download' : 'downloads'}`;
}

function learningText(count: number, seeded: TimeoutSeeded | null): string {
  if (count === 0) return 'Nothing to learn from: no download matches a .JAR in the folder.';
  if (seeded === null) return 'Nothing was learned from these downloads.';
  if (seeded.route === null) return 'Nothing was learned from these downloads: the route of updates is not known yet.';
  const { proxy, origin } = seeded.route;
  const routeText = proxy === 'direct' ? 'direct' : `through ${showForeign(proxy)}`;
  const before = seeded.known_before === 0 ? '' : `; ${showDownloads(seeded.known_before)} already known`;
  return `Learned from ${showDownloads(seeded.taken)} for ${showForeign(origin)} ${routeText}${before}.`;
}
