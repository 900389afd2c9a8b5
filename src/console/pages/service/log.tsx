// Log: the lines of the running service, as they are written. At most 1,000 rows are kept. The filters act on those, not on
// what the console sends.

import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLive } from '#console/pages/link/console-context.ts';
import { ActionButton, ChoiceField, CopyButton, TextField } from '#console/pages/parts/controls.tsx';
import { Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { EmptyNote, PageHeading } from '#console/pages/parts/text.tsx';
import { showLocalTime } from '#errors/template.ts';
import { type FollowedLine, LEVEL_NAMES, matches } from './log-lines.ts';
import { useLogLines } from './use-log-lines.ts';

const ANY = 'any';

export function LogPage(): VNode {
  const { status } = useLive();
  const log = useLogLines();
  const [text, setText] = useState('');
  const [level, setLevel] = useState(ANY);
  const [thread, setThread] = useState(ANY);
  const threads = [...new Set(log.lines.map((line) => line.thread))].toSorted();
  const filter = { text, level: level === ANY ? null : level, thread: thread === ANY ? null : thread };
  const shown = log.lines.filter((line) => matches(line, filter));
  return (
    <>
      <PageHeading title="Log" lead={status === null ? undefined : <>The newest lines of {status.log.file}</>}>
        <ActionButton onPress={log.togglePause}>{log.isPaused ? 'Continue' : 'Pause'}</ActionButton>
        <CopyButton text={textOf(shown)} label="the lines that are shown">
          Copy
        </CopyButton>
      </PageHeading>
      <div class="panel row">
        <TextField id="log-text" label="Text" width={24} value={text} onInput={setText} />
        <ChoiceField
          id="log-level"
          label="Level"
          value={level}
          choices={[
            { value: ANY, text: 'All levels' },
            ...LEVEL_NAMES.map((value) => ({ value, text: `${value} and above` })),
          ]}
          onChange={setLevel}
        />
        <ChoiceField
          id="log-thread"
          label="Part"
          value={thread}
          choices={[{ value: ANY, text: 'All parts' }, ...threads.map((value) => ({ value, text: value }))]}
          onChange={setThread}
        />
      </div>
      {log.refusal === null ? null : (
        <ProblemNote problem={log.refusal}>
          <p>This page tries again every 5 seconds.</p>
        </ProblemNote>
      )}
      {log.skipped === 0 ? null : (
        <Notice tone="warning">
          <p>Lines left out, because too many came at once: {log.skipped}. The log file has all of them.</p>
        </Notice>
      )}
      {log.isPaused ? (
        <Notice>
          <p>Paused. New lines since then: {log.held}.</p>
        </Notice>
      ) : null}
      <LogRows lines={shown} isEmpty={log.lines.length === 0} />
    </>
  );
}

function textOf(lines: readonly FollowedLine[]): string {
  return lines.map((line) => `${timeOf(line)} [${line.thread}] ${line.level.toUpperCase()} ${line.message}`).join('\n');
}

function timeOf({ at }: FollowedLine): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? at : showLocalTime(ms).replace('T', ' ');
}

/** Stays at the end while new lines arrive, unless the person has scrolled up. */
function LogRows({ lines, isEmpty }: { lines: readonly FollowedLine[]; isEmpty: boolean }): VNode {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const shown = box.current;
    if (shown !== null && isAtEnd.current) shown.scrollTop = shown.scrollHeight;
  }, [lines]);
  const onScroll = () => {
    const shown = box.current;
    if (shown !== null) isAtEnd.current = shown.scrollHeight - shown.scrollTop - shown.clientHeight < AT_END;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section ref={box} class="log" tabIndex={0} aria-label="Lines of the log" onScroll={onScroll}>
      {lines.length === 0 ? (
        <EmptyNote>{isEmpty ? 'No line has arrived yet.' : 'No line matches the filters.'}</EmptyNote>
      ) : null}
      <ol>{lines.map(rowOf)}</ol>
    </section>
  );
}

const AT_END = 24;

const rows = new WeakMap<FollowedLine, VNode>();

/** A row never changes, so it is made once: comparing a thousand rows four times a second costs a core. */
function rowOf(line: FollowedLine): VNode {
  const known = rows.get(line);
  if (known !== undefined) return known;
  const row = (
    <li key={line.number} class={line.level}>
      <time dateTime={line.at}>{timeOf(line)}</time> <b>{line.level}</b> {`[${line.thread}] ${line.message}`}
    </li>
  );
  rows.set(line, row);
  return row;
}
