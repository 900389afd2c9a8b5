// Checks whether the program could print the log lines of a page. Every word must be the same, except the values that
// fill the templates.

import { CATALOGUE } from '#errors/catalogue.ts';
import type { Entry } from '#errors/entry.ts';
import { EVENTS } from '#logging/events.ts';
import { threadsOf } from './read-classic.ts';

/** Every line of a page that has the form of a log line. */
export function logLinesOf(page: string): string[] {
  return page.split('\n').filter((line) => /^\d{4}-\d\d-\d\dT/.test(line));
}

/** Whether some event has these words, and its failure those of its code. */
export function couldBePrinted(line: string): boolean {
  return eventOf(line) !== null && isCurrentFailure(line);
}

/** The first event that has these words; null if none has. */
export function eventOf(line: string): string | null {
  return EVENT_LINES.find(({ pattern }) => pattern.test(line))?.name ?? null;
}

const EVENT_LINES = Object.entries(EVENTS).map(([name, event]) => {
  const { level, text } = event;
  const head = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \[${level.toUpperCase()}\] \[Thread: (?:${threadsOf(event).join('|')})\] `;
  return { name, pattern: new RegExp(`^${head}${patternOf(text)}$`) };
});

function isCurrentFailure(line: string): boolean {
  const [, code = '', told = ''] = / \[([A-Z0-9]+(?:-[A-Z0-9]+)+)\] (.*)$/.exec(line) ?? [];
  if (code === '') return true;
  const entry = Object.entries(CATALOGUE).find(([name]) => name === code)?.[1];
  if (entry === undefined) return false;
  const { text, check, checkAtOrigin = check }: Entry = entry;
  return [check, checkAtOrigin].some((advice) => new RegExp(`^${patternOf(text)} ${patternOf(advice)}$`).test(told));
}

/** A template as a pattern: its placeholders match anything. */
function patternOf(template: string): string {
  const parts = template.split(/(\{[^}]+\})/).map((part) => {
    if (part.endsWith(':s}')) return 's?';
    if (part.endsWith(':for}')) return '(?: for update ID .+)?';
    return part.startsWith('{') ? '.+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return parts.join('');
}
