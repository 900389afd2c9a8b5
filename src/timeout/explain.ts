// Describes in words what a plan rests on, in the order of the decisions.

import type { Deadline, Evidence } from './deadline.ts';

const MB = 1e6;

/** For example `worst of 6 recent was 0.5 s + 0.51 s/MB, margin x2.5`. */
export function explain(
  { evidence, rule }: Deadline,
  more: { readonly borrowed: boolean; readonly retried: boolean },
): string {
  const words = [evidence === null ? 'no history of this route' : explainLine(evidence)];
  if (evidence !== null && rule === 'start') words.push('and the start of an unknown route still counts');
  if (rule === 'longer') words.push('after a timeout a longer wait is tried');
  if (more.borrowed && evidence !== null) words.push('known from other origins behind this proxy');
  if (more.retried) words.push('at least twice what was too short before');
  return words.join(', ');
}

function explainLine({ samples, line, margin }: Evidence): string {
  const parts = [`${rounded(line.baseMs / 1_000)} s`];
  if (line.msPerByte > 0) parts.push(`${rounded((line.msPerByte * MB) / 1_000)} s/MB`);
  return `worst of ${samples} recent was ${parts.join(' + ')}, margin x${rounded(margin)}`;
}

/** Two significant digits: 0.51, 2.5, 48, 1200. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(2)));
}
