import { describe, expect, it } from 'vitest';
import { LogQueue, type QueuedEvent } from '#uploads/telemetry/log-queue.ts';

const event = (message: string): QueuedEvent => ({
  atMs: 0,
  level: 'info',
  name: 'started',
  thread: 'Main',
  message,
  code: null,
});

const queueOf = (limits: { events: number; characters: number }, ...messages: string[]) => {
  const queue = new LogQueue(limits);
  for (const message of messages) queue.add(event(message));
  return queue;
};
const messagesOf = (queue: LogQueue) => queue.first(100).map(({ message }) => message);

describe('the queue of log events', () => {
  it('log queue: a full queue drops the oldest events and counts them', () => {
    const byEvents = queueOf({ events: 2, characters: 100 }, 'a', 'b', 'c');
    expect({ left: messagesOf(byEvents), dropped: byEvents.dropped }).toEqual({ left: ['b', 'c'], dropped: 1 });

    const byCharacters = queueOf({ events: 100, characters: 5 }, 'aa', 'bb', 'cc');
    expect({ left: messagesOf(byCharacters), dropped: byCharacters.dropped }).toEqual({
      left: ['bb', 'cc'],
      dropped: 1,
    });
  });

  it('log queue: a batch stays until it is removed, and events that arrived meanwhile stay', () => {
    const queue = queueOf({ events: 10, characters: 100 }, 'a', 'b', 'c');
    const batch = queue.first(2);
    queue.add(event('d'));
    expect(queue.length).toBe(4);

    queue.remove(batch);
    expect({ left: messagesOf(queue), dropped: queue.dropped }).toEqual({ left: ['c', 'd'], dropped: 0 });
  });

  it('log queue: an event that was dropped during its request is not removed or counted twice', () => {
    const queue = queueOf({ events: 2, characters: 100 }, 'a', 'b');
    const batch = queue.first(2);
    queue.add(event('c'));
    queue.drop(batch);

    expect({ left: messagesOf(queue), dropped: queue.dropped }).toEqual({ left: ['c'], dropped: 2 });
  });
});
