// What the updater remembers: the oldest ids that were only observed are dropped for new ones, without a full search.

import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { UpdatesMemory } from '#updates/memory.ts';

const sha256 = 'a'.repeat(64);

describe('memory: known ids', () => {
  it('memory: beyond 100,000 ids the oldest merely seen is forgotten, never a published one', () => {
    const memory = new UpdatesMemory(new CrashingFiles(), '/updates.json');
    for (let n = 0; n < 99_998; n += 1) memory.setId(`p${n}`, { sha256, fate: 'published' });
    memory.setId('old', { sha256, fate: 'seen' });
    memory.setId('taken', { sha256, fate: 'seen' });
    memory.setState('old', 'published');

    // The time of this thread, so that a busy machine makes no difference.
    const began = process.threadCpuUsage();
    for (let n = 0; n < 2_000; n += 1) memory.setId(`n${n}`, { sha256, fate: 'seen' });

    expect(memory.id('old')?.fate).toBe('published');
    expect(memory.id('p0')?.fate).toBe('published');
    expect(memory.id('taken')).toBeNull();
    expect(memory.id('n1999')?.fate).toBe('seen');
    expect(memory.id('n1998')).toBeNull();
    // A search among the published ones takes seconds here.
    expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(200);
  });
});
