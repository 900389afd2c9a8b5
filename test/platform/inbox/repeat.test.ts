// Results on a connection that lasts, such as a sequence of polls: what is not confirmed is sent again.

import { expect, it } from 'vitest';
import type { AgentMessage } from '#platform/messages.ts';
import { TestHost, TestPlatform } from '#test/support/inbox-rig.ts';

/** A host with one connection whose platform has lost the first result. */
async function unconfirmed(outcome: 'waiting' | 'done') {
  const host = new TestHost(() => (outcome === 'done' ? { kind: 'done', job: null } : { kind: 'waiting' }));
  const inbox = await host.open();
  inbox.start();
  const platform = new TestPlatform();
  platform.push({ command: 'send-logs' });
  const take = platform.take.bind(platform);
  platform.take = (message) => (message.type === 'result' ? [] : take(message));
  await host.connect(platform);
  platform.take = take;
  host.sent = [];
  /** Delivers what was sent meanwhile, and its confirmations. */
  const deliver = async (): Promise<string[]> => {
    const sent = host.sent.splice(0).filter((one): one is AgentMessage & { type: 'result' } => one.type === 'result');
    for (const message of sent) {
      for (const answer of platform.take(message)) if (answer.type === 'result-ack') await inbox.receive(answer);
    }
    return sent.map((one) => one.outcome);
  };
  const isConfirmed = () => inbox.done[0]?.confirmed;
  return { host, inbox, deliver, isConfirmed };
}

it('inbox: an unconfirmed result is sent again on the same connection, once it is old', async () => {
  const { inbox, deliver, isConfirmed } = await unconfirmed('waiting');
  // It was sent since the last repetition.
  inbox.repeatResults();
  expect(await deliver()).toEqual([]);
  inbox.repeatResults();
  expect(await deliver()).toEqual(['waiting']);
  expect(isConfirmed()).toBe(true);
  inbox.repeatResults();
  inbox.repeatResults();
  expect(await deliver()).toEqual([]);
});

it('inbox: a confirmation that was lost does not confirm the final result in its place', async () => {
  const { inbox, deliver, isConfirmed } = await unconfirmed('waiting');
  await inbox.finish('c1', { kind: 'done', job: 'job-1' });
  expect(await deliver()).toEqual(['done']);
  // For all the host knows, this confirmed the outcome `waiting`.
  expect(isConfirmed()).toBe(false);
  for (let tick = 0; tick < 2; tick += 1) inbox.repeatResults();
  expect(await deliver()).toEqual(['done']);
  expect(isConfirmed()).toBe(true);
});

it('inbox: results are not repeated before the greeting, and a failed repetition is retried', async () => {
  const { host, inbox, deliver, isConfirmed } = await unconfirmed('done');
  inbox.connected();
  inbox.repeatResults();
  expect(await deliver()).toEqual([]);
  expect(await inbox.receive({ type: 'welcome', activation: 'activated', seq: 1 })).toHaveLength(1);
  inbox.repeatResults();
  host.isConnected = false;
  inbox.repeatResults();
  host.isConnected = true;
  inbox.repeatResults();
  expect(await deliver()).toEqual(['done']);
  expect(isConfirmed()).toBe(true);
});
