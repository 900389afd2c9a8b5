// Debian's Prometheus reads the metrics; its parser, the alert rules and the dashboard are tested against them.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { serveMetrics } from '#daemon/metrics/metrics-socket.ts';
import type { MetricsSource } from '#daemon/metrics/metrics-source.ts';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import { originAt, proxyAt } from '#errors/hop.ts';
import { realFiles } from '#system/real-files.ts';
import { aDayOfEvents, openMetrics } from '#test/support/metrics-rig.ts';
import { partFolder, startPart } from '#test/support/part.ts';
import { describeWith } from '#test/support/real-parts.ts';

const run = promisify(execFile);
const examples = fileURLToPath(new URL('../../systemd/examples/', import.meta.url));
const HOSTILE = 'a"b\\c\nd{e="f"} 1\n# EOF\n\u001b[2J\u2028';

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
/** The form that promtool and Prometheus print is larger; the file has one rule in a few lines. */
async function alertRules(): Promise<Rule[]> {
  const text = await readFile(join(examples, 'sallyport-alerts.yml'), 'utf8');
  return [...text.matchAll(/- alert: (\w+)\n +expr: ['"]?(.+?)['"]?$/gm)].map(([, alert = '', expr = '']) => ({
    alert,
    expr,
  }));
}

/** Both sides of a comparison, which give a series whether or not it holds. */
function sidesOf(expr: string): string[] {
  return expr.split(/ (?:==|>|<) /).filter((side) => !/^[\d.]+$/.test(side));
}

async function dashboardExpressions(): Promise<string[]> {
  const text = await readFile(join(examples, 'grafana-dashboard.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll('$instance', '.*')));
}

describeWith(['prometheus-client'], 'metrics and the parser of python3-prometheus-client', () => {
  it('metrics: the OpenMetrics parser accepts them after 200 failures and hostile names', async () => {
    const { metrics } = openMetrics([HOSTILE, 'corp']);
    const codes = (Object.keys(CATALOGUE) as Code[]).slice(0, 200);
    for (const code of codes) {
      for (const hop of [originAt(HOSTILE), proxyAt(HOSTILE, HOSTILE)]) {
        metrics.update({ name: 'download-failed', id: HOSTILE, hop: null, error: new CodedError(code, { hop }) });
      }
    }
    for (const proxy of [HOSTILE, 'corp', 'unknown']) for (const event of aDayOfEvents(proxy)) metrics.update(event);
    const text = await metrics.text('openmetrics');

    const parsed = await parse(text);

    expect(codes).toHaveLength(200);
    expect(parsed.families).toBeGreaterThan(40);
    expect(parsed.failures).toBeGreaterThanOrEqual(200);
    expect(parsed.proxies, 'a name is read as it is in the configuration').toContain(HOSTILE);
  });
});

async function parse(text: string): Promise<{ families: number; failures: number; proxies: string[] }> {
  const program = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = list(parse(sys.stdin.buffer.read().decode()))
samples = [one for family in families for one in family.samples]
failures = sum(1 for one in samples if one.name == 'sallyport_failures_total')
proxies = sorted({one.labels['proxy'] for one in samples if 'proxy' in one.labels})
print(json.dumps({'families': len(families), 'failures': failures, 'proxies': proxies}))`;
  const running = run('/usr/bin/python3', ['-c', program]);
  running.child.stdin?.end(text);
  return JSON.parse((await running).stdout) as Awaited<ReturnType<typeof parse>>;
}

describeWith(['prometheus'], 'metrics and Prometheus', () => {
  it('metrics: each expression of the dashboard and alerts gives a series in Prometheus', async () => {
    const { metrics } = openMetrics();
    for (const event of aDayOfEvents()) metrics.update(event);
    const dir = await mkdtemp(join(tmpdir(), 'prometheus-'));
    const socket = join(dir, 'metrics.sock');
    const source = { text: (format: 'text' | 'openmetrics') => metrics.text(format) } as MetricsSource;
    const server = await serveMetrics(socket, source, { files: realFiles, report: () => undefined });
    const target = await relayTo(socket);
    const prometheus = await startPrometheus(target.port);
    try {
      const expressions = [
        ...(await alertRules()).flatMap(({ expr }) => sidesOf(expr)),
        ...(await dashboardExpressions()),
      ];
      expect(expressions.length).toBeGreaterThan(40);
      // A rate needs two scrapes.
      await untilSeries(prometheus.port, 'count_over_time(up{job="sallyport"}[1m]) > 2');

      const empty = [];
      for (const expr of expressions) if ((await query(prometheus.port, expr)) === 0) empty.push(expr);

      expect(empty).toEqual([]);
      expect(await query(prometheus.port, 'up{job="sallyport"} == 1')).toBe(1);
    } finally {
      await prometheus.stop();
      await target.close();
      await server.close();
      await rm(dir, { recursive: true });
    }
  }, 120_000);

  it('metrics: promtool fires and clears each alert', async () => {
    const rules = await alertRules();
    const dir = await mkdtemp(join(tmpdir(), 'promtool-'));
    try {
      const unknown = rules.filter(({ alert }) => ALERTS[alert] === undefined);
      expect(unknown, 'a rule needs a case in ALERTS').toEqual([]);
      const series = Object.values(ALERTS).flatMap((input) => Object.entries(input));
      const firing = (alert: string) => `count(ALERTS{alertname="${alert}",alertstate="firing"})`;
      // In one group, because promtool makes a database for each.
      const tests = [
        {
          interval: '15m',
          input_series: series.map(([name, values]) => ({ series: name, values })),
          promql_expr_test: rules.flatMap(({ alert }) => [
            { expr: firing(alert), eval_time: '23h', exp_samples: [{ value: 1 }] },
            { expr: firing(alert), eval_time: '47h', exp_samples: [] },
          ]),
        },
      ];
      const file = join(dir, 'tests.json');
      await writeFile(
        file,
        JSON.stringify({ rule_files: [join(examples, 'sallyport-alerts.yml')], evaluation_interval: '15m', tests }),
      );

      const { stdout } = await run('promtool', ['test', 'rules', file]);

      expect(rules).toHaveLength(Object.keys(ALERTS).length);
      expect(stdout).toContain('SUCCESS');
    } finally {
      await rm(dir, { recursive: true });
    }
  }, 120_000);
});

/** A value for a day, then another one for a day, each quarter of an hour. */
const days = (first: number | string, second: number | string) => `${first}x96 ${second}x96`;
const LATER = 10_000_000;
/** Values that make each alert fire during the first day, and not in the second one. Time begins at 0. */
const ALERTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  SallyportDown: { 'up{job="sallyport"}': days(0, 1) },
  SallyportCritical: { 'sallyport_health{level="critical"}': days(1, 0) },
  SallyportWarning: { 'sallyport_health{level="warning"}': days(1, 0) },
  SallyportChecksOverdue: {
    sallyport_check_age_seconds: days(300_000, 10),
    sallyport_check_stale_after_seconds: days(259_200, 259_200),
  },
  SallyportConfigRejected: { sallyport_config_rejected: days(1, 0) },
  SallyportPasswordHeld: { 'sallyport_held_credentials{proxy="corp",why="rejected"}': days(1, '_') },
  SallyportDiskFull: { sallyport_paused_by_disk: days(1, 0) },
  SallyportUpdatesFailing: { sallyport_failing_updates: days(1, 0) },
  SallyportProxyFails: { 'sallyport_failovers_total{proxy="corp"}': '0+2x96 192x96' },
  SallyportLinkDown: { sallyport_platform_connected: days(0, 1) },
  SallyportQueueNearlyFull: {
    'sallyport_spool_bytes{kind="batch"}': days(90, 10),
    'sallyport_spool_max_bytes{kind="batch"}': days(100, 100),
  },
  SallyportQueueNotSent: { 'sallyport_spool_oldest_timestamp_seconds{kind="batch"}': days(-86_400, 150_000) },
  SallyportEntriesHeld: { 'sallyport_spool_held_entries{kind="bundle"}': days(1, 0) },
  SallyportCertificateExpires: {
    'sallyport_certificate_expiry_timestamp_seconds{owner="purpose",name="updates",use="ca"}': days(100_000, LATER),
  },
  SallyportMetadataExpired: { 'sallyport_metadata_expiry_timestamp_seconds{role="timestamp"}': days(-1, LATER) },
};

/** What systemd-socket-proxyd does: passes connections of a TCP port to the socket. */
async function relayTo(path: string): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((client) => {
    const behind = createConnection(path);
    client.pipe(behind).pipe(client);
    for (const end of [client, behind]) {
      end.once('error', () => {
        client.destroy();
        behind.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function startPrometheus(targetPort: number) {
  const part = await startPart('Prometheus', 1, ([port = 0]) => {
    const folder = partFolder('prometheus');
    const config = join(folder, 'prometheus.json');
    const scrape = { job_name: 'sallyport', scrape_interval: '500ms', scrape_timeout: '500ms' };
    const plan = { scrape_configs: [{ ...scrape, static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] }] };
    writeFileSync(config, JSON.stringify(plan));
    const address = `--web.listen-address=127.0.0.1:${port}`;
    return {
      command: 'prometheus',
      args: [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, address],
      folder,
    };
  });
  return {
    port: part.ports[0] ?? 0,
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

/** The number of series that an expression gives. */
async function query(port: number, expr: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const { status, data } = (await response.json()) as { status: string; data?: { result: unknown[] } };
  if (status !== 'success' || data === undefined) throw new Error(`not an expression: ${expr}`);
  return data.result.length;
}

async function untilSeries(port: number, expr: string): Promise<void> {
  await expect.poll(() => query(port, expr).catch(() => 0), { timeout: 20_000, interval: 100 }).toBe(1);
}
