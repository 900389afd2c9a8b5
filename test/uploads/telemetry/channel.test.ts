import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import type { EventName } from '#logging/events.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { Channel } from '#uploads/telemetry/channel.ts';

function failure(retryAfterMs: number | null = null) {
  const hop = originAt('otel.example:4318');
  return coded('ORIGIN-STATUS', {
    url: 'https://otel.example/',
    status: 503,
    reason: [],
    title: null,
    hop,
    retryAfterMs,
  });
}

function rig(random = 0) {
  const clock = new FakeClock();
  const said: EventName[] = [];
  const channel = new Channel('logs', { clock, random: () => random, report: ({ name }) => said.push(name) });
  const waitMs = () => channel.pausedUntilMs - clock.monotonic();
  return { clock, channel, waitMs, said: () => said.filter((name) => name !== 'telemetry-failed-again') };
}

describe('a channel to the collector', () => {
  it('telemetry: an outage is one line when it begins and one when it ends', () => {
    const { channel, said } = rig();
    for (let count = 0; count < 50; count += 1) channel.failed(failure());
    expect(said()).toEqual(['telemetry-failed']);
    expect(channel.isFailing).toBe(true);

    for (let count = 0; count < 50; count += 1) channel.accepted(null, 0);
    expect(said()).toEqual(['telemetry-failed', 'telemetry-recovered']);
    channel.failed(failure());
    expect(said()).toEqual(['telemetry-failed', 'telemetry-recovered', 'telemetry-failed']);
  });

  it('telemetry: rejected parts of requests are one line when they begin and when they end', () => {
    const { channel, said } = rig();
    for (let count = 0; count < 50; count += 1) channel.accepted({ rejected: 2, message: 'too old' }, 2);
    expect(said()).toEqual(['telemetry-rejected']);
    for (let count = 0; count < 50; count += 1) channel.accepted(null, 2);
    expect(said()).toEqual(['telemetry-rejected', 'telemetry-accepted']);
  });

  it('telemetry: the wait after failures is at least a minute and at most five', () => {
    for (const random of [0, 0.5, 0.999_999]) {
      const { channel, waitMs } = rig(random);
      const waits = Array.from({ length: 20 }, () => {
        channel.failed(failure());
        return waitMs();
      });
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000);
      expect(Math.max(...waits)).toBeLessThanOrEqual(300_000);
    }
  });

  it('telemetry: Retry-After is obeyed up to an hour, and spread over hosts', () => {
    const soon = rig(0.5);
    soon.channel.failed(failure(600_000));
    expect(soon.waitMs()).toBe(605_000);

    const never = rig();
    never.channel.failed(failure(86_400_000 * 31));
    expect(never.waitMs()).toBe(3_600_000);
    never.channel.resume();
    expect(never.waitMs()).toBeLessThan(0);
  });
});
