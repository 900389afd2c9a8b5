// The attempts at a PIN are stored, so that a restart of the menu allows no more of them.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { PinAttempts } from '#menu/pin-attempts.ts';
import { realFiles } from '#system/real-files.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
let nowMs: number;
beforeEach(async () => {
  folder = await ConfigFolder.make();
  nowMs = 1_000_000;
});
afterEach(() => folder.remove());

const start = (path: string | null = folder.path) => new PinAttempts(realFiles, { now: () => nowMs }, path);

it('PIN attempts: a restart after each wrong one does not shorten the wait', async () => {
  for (const waitMs of [0, 0, 0, 30_000]) expect(await start().begin()).toBe(waitMs);
  nowMs += 30_000;
  expect(await start().begin()).toBe(0);
  expect(await start().begin()).toBe(60_000);
});

it('PIN attempts: a right PIN ends the count for the next start as well', async () => {
  const menu = start();
  for (let attempt = 0; attempt < 3; attempt += 1) await menu.begin();
  await menu.succeed();
  expect(await start().begin()).toBe(0);
});

it('PIN attempts: without a folder, those of one process are limited', async () => {
  const menu = start(null);
  for (const waitMs of [0, 0, 0, 30_000]) expect(await menu.begin()).toBe(waitMs);
});
