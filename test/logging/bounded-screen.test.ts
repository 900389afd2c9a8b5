// A reader that is slow or stuck: what waits for it is bounded, what is dropped is counted, and the count is reported.

import { describe, expect, it } from 'vitest';
import { BACKLOG_LIMIT, BoundedScreen } from '#logging/bounded-screen.ts';

/** A screen whose reader takes nothing until it is told to. */
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
  it('gets no more than the limit, and is told of once', () => {
    const { screen, written, news } = stuck();
    for (let n = 0; n < 10_000; n += 1) screen.write(LINE);

    expect(written.join('').length).toBeLessThanOrEqual(BACKLOG_LIMIT);
    expect(written.length).toBeGreaterThan(1_000);
    expect(news).toEqual(['behind']);
  });

  it('gets lines again once it has caught up, after the count of those that are missing', () => {
    const { screen, written, news, read } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE);
    const taken = written.length;
    read();
    screen.write('next\n');

    expect(news).toEqual(['behind', 2_000 - taken]);
    expect(written.at(-1)).toBe('next\n');
  });

  it('misses no line of a progress bar that is drawn again', () => {
    const { screen, news, read } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE.trimEnd());
    read();

    expect(news).toEqual(['behind', 0]);
  });

  it('says at the end what is missing, when its reader never came back', () => {
    const { screen, written, news } = stuck();
    for (let n = 0; n < 2_000; n += 1) screen.write(LINE);
    screen.close();

    expect(news).toEqual(['behind', 2_000 - written.length]);
  });
});
