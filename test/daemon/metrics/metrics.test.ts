// What the metrics count and show, how many series there can be, and that text from outside cannot break their form.

import { describe, expect, it } from 'vitest';
import { plainText } from '#daemon/metrics/metrics.ts';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import { originAt, proxyAt, THIS_HOST } from '#errors/hop.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { FakeClock } from '#test/support/fake-clock.ts';
import { aBusyStatus, aDayOfEvents, openMetrics } from '#test/support/metrics-rig.ts';

const MAX_SERIES = 2_000;
const HOSTILE = 'a"b\\c\nd{e="f"} 1\n# EOF\n\u001b[2J\u2028';

const seriesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

function failed(code: Code, hop: unknown = null): SallyportEvent {
  return { name: 'download-failed', id: '7', hop: null, error: new CodedError(code, { hop: hop as never }) };
}

describe('metrics', () => {
  it('count transfers, bytes, waits, failures and connections', async () => {
    const { metrics, clock } = openMetrics();
    for (const event of aDayOfEvents()) {
      metrics.update(event);
      if (event.name === 'waiting') (clock as FakeClock).advance(700);
    }

    const lines = seriesOf(await metrics.text('openmetrics'));

    expect(lines).toEqual(
      expect.arrayContaining([
        'sallyport_transfers_total{kind="package",result="success"} 1',
        'sallyport_transfers_total{kind="package",result="failure"} 0',
        'sallyport_transfers_total{kind="bundle",result="success"} 1',
        'sallyport_received_bytes_total 100',
        'sallyport_sent_bytes_total{kind="bundle"} 500',
        'sallyport_sent_bytes_total{kind="batch"} 90',
        'sallyport_connections_total{purpose="updates",proxy="corp"} 1',
        'sallyport_failovers_total{proxy="corp"} 1',
        'sallyport_failures_total{code="TCP-REFUSED",hop="unknown"} 1',
        'sallyport_first_byte_wait_seconds_bucket{le="0.5",proxy="corp"} 0',
        'sallyport_first_byte_wait_seconds_bucket{le="1",proxy="corp"} 1',
        'sallyport_first_byte_deadline_seconds_sum{proxy="corp"} 30',
        'sallyport_download_duration_seconds_sum 2',
        'sallyport_longest_silence_seconds_sum 0.3',
        'sallyport_upload_duration_seconds_sum 4',
        'sallyport_checks_total{result="success"} 1',
        'sallyport_packages_total{result="published"} 1',
      ]),
    );
  });

  it('a resumed download counts only the bytes that arrived now', async () => {
    const { metrics } = openMetrics();
    metrics.update({ name: 'resuming', id: '1', offset: 60, length: 100 });
    metrics.update({ name: 'progress', id: '1', received: 80, length: 100 });
    metrics.update({ name: 'downloaded', id: '1', length: 100, elapsed: 1, silence: 1 });

    expect(await metrics.text('openmetrics')).toContain('\nsallyport_received_bytes_total 40\n');
  });

  it('show the status, and drop a series whose proxy or queue is gone', async () => {
    const { metrics, facts, clock } = openMetrics();
    const lines = seriesOf(await metrics.text('openmetrics'));
    expect(lines).toEqual(
      expect.arrayContaining([
        'sallyport_health{level="ok"} 1',
        'sallyport_health{level="critical"} 0',
        'sallyport_spool_entries{kind="batch"} 3',
        'sallyport_spool_max_bytes{kind="bundle"} 1000',
        'sallyport_held_credentials{proxy="corp",why="rejected"} 1',
        'sallyport_platform_connected 1',
        'sallyport_metadata_expiry_timestamp_seconds{role="delegated"} 1826668800',
        'sallyport_certificate_expiry_timestamp_seconds{owner="purpose",name="updates",use="ca"} 1826668800',
        'sallyport_response_timeout_seconds{proxy="corp",phase="first_byte"} 16',
        'sallyport_last_success_timestamp_seconds{purpose="updates"} 1795133100',
      ]),
    );

    facts.current = { ...facts.current, status: aBusyStatus({ credentials: [], uploads: [] }) };
    expect(seriesOf(await metrics.text('openmetrics')), 'a reading is given again for a second').toEqual(lines);
    (clock as FakeClock).advance(1_001);
    const after = await metrics.text('openmetrics');
    expect(after).not.toContain('sallyport_held_credentials{');
    expect(after).not.toContain('sallyport_spool_bytes{');
  });

  it('have at most 2,000 series after every failure at every hop with the most proxies', async () => {
    const names = Array.from({ length: 64 }, (_, index) => `proxy-${index}`);
    const { metrics } = openMetrics(names);
    for (const code of Object.keys(CATALOGUE) as Code[]) {
      for (const hop of [null, THIS_HOST, proxyAt(HOSTILE, 'x:1'), originAt(`${code}.example.com:443`)]) {
        metrics.update(failed(code, hop));
      }
    }
    for (const name of names) for (const event of aDayOfEvents(name)) metrics.update(event);

    const text = await metrics.text('openmetrics');

    expect(seriesOf(text).length).toBeGreaterThan(1_000);
    expect(seriesOf(text).length).toBeLessThanOrEqual(MAX_SERIES);
    expect(text).toContain('sallyport_failures_total{code="other",hop="other"}');
    expect(text).toContain('sallyport_connections_total{purpose="updates",proxy="other"} 44');
  });

  it('text from outside does not become a label', async () => {
    const { metrics, facts } = openMetrics();
    for (const event of aDayOfEvents(HOSTILE)) metrics.update(event);
    const roles = [{ role: HOSTILE, version: 1, expires: HOSTILE, threshold: 1, signers: [] }];
    const status = aBusyStatus();
    facts.current = { ...facts.current, status: { ...status, trust: { ...status.trust, roles } } };

    const text = await metrics.text('openmetrics');

    expect(text).toContain('sallyport_connections_total{purpose="updates",proxy="other"} 1');
    expect(text).not.toContain('a"b');
    expect(text).not.toContain('role=');
    expect(text, 'a time that cannot be parsed').not.toMatch(/nan/i);
  });

  it('a hostile name that the configuration has is escaped', async () => {
    const { metrics } = openMetrics([HOSTILE]);
    for (const event of aDayOfEvents(HOSTILE)) metrics.update(event);

    const text = await metrics.text('openmetrics');

    expect(text).toContain('proxy="a\\"b\\\\c\\nd{e=\\"f\\"} 1\\n# EOF\\n');
    expect(text.match(/^# EOF$/gm)).toHaveLength(1);
  });

  it('an event of another version with other fields is accepted', () => {
    const { metrics } = openMetrics();
    expect(() => metrics.update({ name: 'downloaded', id: null } as never)).not.toThrow();
    expect(() => metrics.update({ name: 'uploaded', length: Number.NaN, elapsed: -1 } as never)).not.toThrow();
  });

  it('in the older format, counters are named in full and there is no end mark', async () => {
    const { metrics } = openMetrics();
    const text = await metrics.text('text');

    expect(text).toContain('# TYPE sallyport_checks_total counter\n');
    expect(text).not.toContain('# EOF');
    expect(plainText('# HELP a b\n# TYPE a gauge\na 1\n# EOF\n')).toBe('# HELP a b\n# TYPE a gauge\na 1\n');
  });
});
