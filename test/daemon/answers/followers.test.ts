// Following the log over Control: numbered lines, what was missed, progress, and what is kept.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Followed } from '#control/follow.ts';
import { Followers } from '#daemon/answers/followers.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';

let composed: Composed;
let followers: Followers;
const ending = { controller: new AbortController() };
beforeEach(async () => {
  composed = await composeIn({});
  followers = new Followers(composed.parts);
  ending.controller = new AbortController();
});
afterEach(() => composed.remove());

const say = (id: string) => composed.parts.report({ name: 'downloading', id });
/** Follows until the test ends it; collects what was sent. */
function follow(after: { run: string; number: number } | null) {
  const sent: Followed[] = [];
  const { signal } = ending.controller;
  const over = followers.follow({ after }, (one) => sent.push(one), signal).catch(() => undefined);
  return { sent, over, start: sent[0] as Extract<Followed, { kind: 'start' }> };
}
const numbers = (sent: readonly Followed[]) => sent.flatMap((one) => (one.kind === 'line' ? [one.number] : []));

describe('followers: follow', () => {
  it('sends only new lines, worded as in the log, with consecutive numbers', () => {
    say('before');
    const { sent, start } = follow(null);
    expect(start).toMatchObject({ kind: 'start', newest: 1, missed: 0 });
    say('u1');
    say('u2');
    expect(numbers(sent)).toEqual([2, 3]);
    expect(sent[1]).toMatchObject({ level: 'info', event: 'downloading', message: expect.stringContaining('u1') });
  });

  it('continues after the last line that a caller has, without a gap', () => {
    const first = follow(null);
    say('u1');
    say('u2');
    const again = follow({ run: first.start.run, number: 1 });
    expect(again.start.missed).toBe(0);
    expect(numbers(again.sent)).toEqual([2]);
  });

  it('counts the lines that are no longer kept', () => {
    const { run } = follow(null).start;
    for (let n = 0; n < 1_200; n += 1) say(`u${n}`);
    const again = follow({ run, number: 100 });
    expect(again.start).toMatchObject({ newest: 1_200, missed: 100 });
    expect(numbers(again.sent)).toHaveLength(1_000);
    expect(numbers(again.sent).at(-1)).toBe(1_200);
  });

  it('starts over for a caller that followed another run of the daemon', () => {
    say('u1');
    const { sent, start } = follow({ run: 'another', number: 7 });
    expect(start).toMatchObject({ newest: 1, missed: 0 });
    expect(numbers(sent)).toEqual([]);
  });

  it('sends progress without a number, and keeps none', () => {
    const { sent, start } = follow(null);
    composed.parts.report({ name: 'progress', id: 'u1', received: 10, length: 20 });
    expect(sent[1]).toEqual({ kind: 'progress', id: 'u1', received: 10, length: 20 });
    expect(follow({ run: start.run, number: 0 }).sent).toHaveLength(1);
  });

  it('leaves out lines below the level of the log', () => {
    const { sent } = follow(null);
    composed.parts.report({ name: 'fault-stack', frames: ['x'] });
    expect(sent).toHaveLength(1);
  });

  it('ends with its caller, and for every caller when the daemon stops', async () => {
    const one = follow(null);
    ending.controller.abort();
    await one.over;
    say('u1');
    expect(one.sent).toHaveLength(1);

    ending.controller = new AbortController();
    const other = follow(null);
    followers.end();
    await other.over;
    say('u2');
    expect(other.sent).toHaveLength(1);
  });
});
