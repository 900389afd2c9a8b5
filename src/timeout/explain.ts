// Describes in words how a limit was calculated, step by step.

import { type Deadline, type Evidence, PAD_MS } from './deadline.ts';

const MB = 1e6;

/** For example `2 s plus 2.5 times the longest of 6 recent waits (0.5 s + 0.51 s per MB)`. */
export function explain(
  { evidence, rule }: Deadline,
  more: { readonly borrowed: boolean; readonly retried: boolean },
): string {
  const words = [evidence === null ? 'no history of this route' : explainLine(evidence, rule)];
  if (rule === 'longer') words.push('extended after a timeout to find out whether the route is slow');
  if (more.borrowed && evidence !== null) words.push('measured for other servers behind this proxy');
  if (more.retried) words.push('at least twice the limit that was too short');
  return words.join(', ');
}

function explainLine({ samples, line, margin }: Evidence, rule: Deadline['rule']): string {
  const parts = [`${rounded(line.baseMs / 1_000)} s`];
  if (line.msPerByte > 0) parts.push(`${rounded((line.msPerByte * MB) / 1_000)} s per MB`);
  const longest = parts.join(' + ');
  if (rule === 'start')
    return `few downloads have been measured (longest wait: ${longest}), so the limit is still long`;
  const waits = samples === 1 ? 'the only recent wait' : `the longest of ${samples} recent waits`;
  return [rounded(PAD_MS / 1_000), 's plus', rounded(margin), 'times', waits, `(${longest})`].join(' ');
}

/** Two significant digits: 0.51, 2.5, 48, 1200. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(2)));
}
