// A reader that is slow or stuck: what waits for it is bounded, what is dropped is counted, and the count is reported.

import { describe, expect, it } from 'vitest';
import { BACKLOG_LIMIT, BoundedScreen } from '#logging/bounded-screen.ts';

/** A screen whose reader reads nothing until `read` is called. */
function stuck() {
  const written: string[] = [];
  const news: (string | number)[] = [];
  let waiting = 0;
  let drained: () => void = () => undefined;
  const screen = new BoundedScreen(
    {
      write: (text) => {
        written.push(text);
        waiting += text.length;
      },
      tty: false,
      color: false,
      columns: () => 80,
      backlog: () => waiting,
      onceDrained: (callback) => {
        drained = callback;
      },
    },
    { behind: () => news.push('behind'), caughtUp: (lost) => news.push(lost) },
  );
  const read = () => {
    waiting = 0;
    drained();
  };
  return { screen, written, news, read };
}

const LINE = `${'x'.repeat(999)}\n`;

describe('a screen whose reader does not keep up', () => {
  it('bounded screen: a slow reader gets at most the limit and is reported once', () => {
    const { screen, written, news } = stuck();
    for (let n = 0; n < 10_000; n += 1) screen.write(LINE);

    expect(written.join('').length).toBeLessThanOrEqual(BACKLOG_LIMIT);
    expect(written.length).toBeGreaterThan(1_000);
    expect(news).toEqual(['behind']);
  });

  it('bounded screen: after catching up it gets the count of lost lines, then lines again', () => {
    const { screen, written, news, read } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE);
    const taken = written.length;
    read();
    screen.write('next\n');

    expect(news).toEqual(['behind', 2_000 - taken]);
    expect(written.at(-1)).toBe('next\n');
  });

  it('bounded screen: a redrawn progress bar is not counted as lost', () => {
    const { screen, news, read } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE.trimEnd());
    read();

    expect(news).toEqual(['behind', 0]);
  });

  it('bounded screen: lost lines are reported at the end if the reader stays stuck', () => {
    const { screen, written, news } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE);
    screen.close();

    expect(news).toEqual(['behind', 2_000 - written.length]);
  });
});
