// Events only report (principle 2): only renderers may read which event it is, and only they may listen to events.

import { describe, expect, it } from 'vitest';
import { EVENTS } from '#logging/events.ts';
import { readSource, withoutComments } from './imports.ts';
import { sourceFiles } from './layers.ts';

/** Files that turn events into something to look at. A folder has a `/` at its end. */
const RENDERERS: Readonly<Record<string, string>> = {
  'logging/': 'the log: classic lines, JSON, the terminal',
  'daemon/answers/followers.ts': 'the lines and the progress that a caller follows over Control',
  'daemon/answers/last-failures.ts': 'the last failure of an entry that `queue show` prints',
  'daemon/answers/progress.ts': 'the transfer and the wait that status shows',
  'daemon/metrics/event-metrics.ts': 'the counters of the metrics',
  'daemon/service/service.ts': 'the sentence that systemctl status shows',
  'daemon/uploads/telemetry-running.ts': 'the log events that telemetry sends',
  'cli/settings/confirm.ts': 'lines on the terminal while a change is tried',
  'console/saving/shown-event.ts': 'the stages on a page while a change is tried',
  'console/server/event-lines.ts': 'the progress of transfers that a page of the console shows',
  'menu/use-cases.ts': 'the stages on the display while a change is tried',
  'sallyport.ts': 'the progress bar of a command',
};

/** Who gets every event of the daemon. */
const LISTENERS: Readonly<Record<string, string>> = {
  'daemon/agent.ts': 'passes events on to status and to the commands that wait',
  'daemon/answers/followers.ts': 'the lines and the progress that a caller follows over Control',
  'daemon/metrics/metrics-source.ts': 'passes events on to the counters of the metrics',
  'daemon/service/service.ts': 'the sentence that systemctl status shows',
  'daemon/uploads/telemetry-running.ts': 'the log events that telemetry sends',
};

const NAMES = Object.keys(EVENTS).join('|');
/** `event.name === 'checking'`, also the other way round or destructured, and a `switch` over a name. */
const COMPARED = [
  new RegExp(`\\bname\\s*[!=]==?\\s*['"\`](?:${NAMES})['"\`]`),
  new RegExp(`['"\`](?:${NAMES})['"\`]\\s*[!=]==?\\s*(?:\\w+\\.)*name\\b`),
  /\bswitch\s*\((?:\w+\.)*name\)/,
  /\.(?:has|includes|indexOf)\((?:event|record)\.name\)/,
  /\[(?:event|record)\.name\]/,
];
const LISTENED = /\bevents\.add\(/;

const isListed = (list: Readonly<Record<string, string>>, file: string) =>
  Object.keys(list).some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place));

function compares(code: string): boolean {
  return COMPARED.some((pattern) => pattern.test(withoutComments(code)));
}

describe('events steer nothing', () => {
  it('only renderers look at the name of an event', () => {
    const steering = sourceFiles().filter((file) => !isListed(RENDERERS, file) && compares(readSource(file)));

    expect(steering, 'return a value or call a typed callback instead').toEqual([]);
  });

  it('only the listed files listen to all events', () => {
    const listening = sourceFiles().filter((file) => LISTENED.test(withoutComments(readSource(file))));

    expect(listening).toEqual(Object.keys(LISTENERS));
  });

  it('every listed renderer is there and is one', () => {
    const idle = Object.keys(RENDERERS).filter(
      (place) => !sourceFiles().some((file) => isListed({ [place]: '' }, file) && compares(readSource(file))),
    );

    expect(idle).toEqual([]);
  });

  it.each([
    "if (event.name === 'reloaded') refresh();",
    "if (event.name !== 'receipt-next-try') return;",
    "const isOver = ({ name }: SallyportEvent) => name === 'round-ended';",
    "return 'checking' === event.name;",
    'switch (event.name) {',
    'if (ENDS_WAIT.has(event.name)) stop();',
    'const act = ACTIONS[event.name];',
  ])('sees %s', (code) => {
    expect(compares(code)).toBe(true);
  });

  it.each(["if (profile.name === 'corp') return;", "// event.name === 'reloaded'", "report({ name: 'reloaded' });"])(
    'does not mind %s',
    (code) => {
      expect(compares(code)).toBe(false);
    },
  );
});
