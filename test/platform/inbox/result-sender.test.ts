// What the sender of results remembers on a connection whose platform confirms nothing.

import { expect, it } from 'vitest';
import { ResultSender } from '#platform/inbox/result-sender.ts';
import { CommandResults } from '#platform/inbox/results.ts';
import type { CommandResult } from '#platform/messages.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';

const resultOf = (command: string): CommandResult => ({ command, outcome: 'done', code: null, job: null });

it('result sender: without confirmations, only what still has a result is remembered', async () => {
  const files = new CrashingFiles();
  await files.makeDirectory('/state', 0o700);
  const { results } = await CommandResults.open(files, '/state');
  await results.put(resultOf('kept'), { name: 'advice', at: 0 });
  const sender = new ResultSender({ send: () => true }, results);
  sender.send(resultOf('kept'));
  for (let count = 0; count < 10_000; count += 1) sender.answer(resultOf(`c${count}`));
  expect(sender.size).toBeLessThan(1_100);
  // What has a result is confirmed as before.
  await sender.confirm('kept');
  expect(results.find('kept')?.confirmed).toBe(true);
});
