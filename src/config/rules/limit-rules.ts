// Checks the rules between the keys that limit downloads: a limit that limits nothing, and hours that never apply. Pure.

import type { Finding } from '#config/problem.ts';
import { coverAll, type HoursRange, readHours } from '#system/time/open-hours.ts';
import { type Salvaged, warning } from './salvaged.ts';

const WHOLE_WEEK: HoursRange = { days: null, from: 0, to: 1_440 };

/** The findings about `updates.bandwidth` and `updates.window`. */
export function checkLimits({ updates }: Salvaged): Finding[] {
  const { bandwidth, window } = updates ?? {};
  const findings: Finding[] = [];
  if (bandwidth !== undefined) findings.push(...checkBandwidth(bandwidth));
  if (window !== undefined && window.download === undefined && window.publish === undefined) {
    const message = 'This limits nothing. Set download or publish in it, or remove it.';
    findings.push({ ...warning(['updates', 'window'], message), at: 'key' });
  }
  return findings;
}

type Bandwidth = NonNullable<NonNullable<Salvaged['updates']>['bandwidth']>;

function checkBandwidth({ bytes_per_second: general, by_time: entries = [] }: Bandwidth): Finding[] {
  const rates = [general, ...entries.map((entry) => entry?.bytes_per_second)];
  if (rates.every((rate) => rate === undefined)) {
    const message = 'This limits nothing. Set bytes_per_second in it or in an entry of by_time, or remove it.';
    return [{ ...warning(['updates', 'bandwidth'], message), at: 'key' }];
  }
  const findings: Finding[] = [];
  const earlier: HoursRange[] = [];
  for (const [index, entry] of entries.entries()) {
    const range = entry?.hours === undefined ? null : readHours(entry.hours);
    if (range === null) continue;
    if (coverAll(earlier, [range])) {
      const message = 'This entry never applies: earlier entries include all of its hours. Move it up, or remove it.';
      findings.push({ ...warning(['updates', 'bandwidth', 'by_time', index, 'hours'], message), at: 'key' });
    }
    earlier.push(range);
  }
  if (general === undefined || !coverAll(earlier, [WHOLE_WEEK])) return findings;
  const message = 'This limit never applies, because by_time includes all hours of the week.';
  return [...findings, { ...warning(['updates', 'bandwidth', 'bytes_per_second'], message), at: 'key' }];
}
