import { expect, it } from 'vitest';
import { HopMemories } from '#proxy/hop-memory.ts';
import { systemClock } from '#system/clock.ts';

const clock = { ...systemClock, monotonic: () => 7 };
const said = (...rawHeaders: string[]) => ({ status: 200, reason: 'OK', rawHeaders });

it('hop memory: the latest observed time stays after a response without Date', () => {
  const memory = new HopMemories(clock).of('http://a:1', 'proxy a');
  expect(memory.observedTime).toBeNull();
  memory.noteHead(said('Date', 'Wed, 25 Nov 2026 12:00:00 GMT'));
  memory.noteHead(said('Date', 'Wed, 25 Nov 2026 13:00:00 GMT'));
  memory.noteHead(said());
  expect(memory.observedTime).toEqual({ by: 'proxy a', dateMs: Date.parse('2026-11-25T13:00:00Z'), monotonicMs: 7 });
});

it('hop memory: it records whether tunnels to port 443 pass', () => {
  const memory = new HopMemories(clock).of('http://a:1', 'proxy a');
  memory.noteTunnel('updates.example.com:8443');
  expect(memory.passes443).toBe(false);
  memory.noteTunnel('[::1]:443');
  expect(memory.passes443).toBe(true);
});

it('hop memory: each hop has its own', () => {
  const memories = new HopMemories(clock);
  memories.of('http://a:1', 'proxy a').noteTunnel('x:443');
  expect([memories.of('http://a:1', 'proxy a').passes443, memories.of('http://b:1', 'proxy b').passes443]).toEqual([
    true,
    false,
  ]);
});

it('hop memory: the least recently used is dropped, however many hosts redirects name', () => {
  const memories = new HopMemories(clock);
  const known = (url: string) => memories.of(url, 'x').passes443;
  memories.of('http://proxy:1', 'proxy').noteTunnel('x:443');
  memories.of('http://other:1', 'other').noteTunnel('x:443');
  for (let host = 0; host < 1_000; host += 1) {
    memories.of(`${host}.cdn.example:443`, 'a host');
    memories.of('http://proxy:1', 'proxy');
  }
  expect([known('http://proxy:1'), known('http://other:1')]).toEqual([true, false]);
});
