// The names and descriptions of the gauges (docs/monitoring.md). Names never change, because dashboards rely on them.

import { Counter, Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';

/** Every gauge, registered. */
export function makeGauges(registry: Registry<OpenMetricsContentType>) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `sallyport_${name}`, help, labelNames, registers: [registry] });
  return {
    info: gauge('build_info', 'Version of Sallyport; the value is always 1.', ['version']),
    running: gauge('daemon_running', 'Whether these values come from a running daemon (1) or from a command (0).'),
    start: gauge('start_time_seconds', 'When the daemon started, in seconds since 1970.'),
    memory: gauge('resident_memory_bytes', 'Memory of the daemon.'),
    // It is read from the process, and set at each reading.
    cpu: new Counter({
      name: 'sallyport_cpu_seconds_total',
      help: 'CPU time of the daemon since its start.',
      registers: [registry],
    }),
    rejected: gauge('config_rejected', 'Whether the configuration file was rejected and older settings are active.'),
    restart: gauge('config_restart_needed', 'Number of changed keys that take effect after a restart.'),
    level: gauge('health', 'The level of status --check: 1 for the present level, 0 for the others.', ['level']),
    age: gauge('check_age_seconds', 'Time since the last successful check, or since the first start.'),
    stale: gauge('check_stale_after_seconds', 'Age at which checks are overdue (updates.stale_after_hours).'),
    enabled: gauge('purpose_enabled', 'Whether a purpose is enabled.', ['purpose']),
    success: gauge('last_success_timestamp_seconds', 'When a purpose last succeeded.', ['purpose']),
    failure: gauge('last_failure_timestamp_seconds', 'When a purpose last failed.', ['purpose']),
    link: gauge('platform_connected', 'Whether the link to the platform is connected; absent if it is not enabled.'),
    next: gauge('next_check_timestamp_seconds', 'When the next check is due.'),
    published: gauge('published_packages', 'Number of published packages.'),
    publishedBytes: gauge('published_bytes', 'Size of the published packages.'),
    failing: gauge('failing_updates', 'Number of updates that failed in the last round.'),
    ready: gauge('ready_updates', 'Number of updates that are downloaded and verified but not published.'),
    hold: gauge('updates_on_hold', 'Whether a hold prevents the publication of updates.'),
    disk: gauge('paused_by_disk', 'Whether downloads are paused until there is disk space.'),
    transfers: gauge('running_downloads', 'Number of running downloads.'),
    metadata: gauge(
      'metadata_expiry_timestamp_seconds',
      'When the metadata of a signed feed expires; delegated is the delegated role that expires first.',
      ['role'],
    ),
    certificate: gauge(
      'certificate_expiry_timestamp_seconds',
      'When the first certificate of a configured file expires, by its owner and its use.',
      ['owner', 'name', 'use'],
    ),
    learned: gauge(
      'response_timeout_seconds',
      'Response timeout for a package of 10 MB, by proxy and phase: the longest of its routes.',
      ['proxy', 'phase'],
    ),
    credentials: gauge('held_credentials', 'Passwords that are not sent at present, by proxy and reason.', [
      'proxy',
      'why',
    ]),
    entries: gauge('spool_entries', 'Entries that wait to be sent, by kind.', ['kind']),
    bytes: gauge('spool_bytes', 'Size of the entries that wait to be sent.', ['kind']),
    maxEntries: gauge('spool_max_entries', 'Quota of entries.', ['kind']),
    maxBytes: gauge('spool_max_bytes', 'Quota of bytes.', ['kind']),
    oldest: gauge('spool_oldest_timestamp_seconds', 'When the oldest waiting entry was accepted.', ['kind']),
    held: gauge('spool_held_entries', 'Entries that are sent again only by an admin or over another route.', ['kind']),
    rejectedEntries: gauge('spool_rejected_entries', 'Entries that the server rejected.', ['kind']),
    quarantined: gauge('spool_quarantined_entries', 'Damaged entries that were set aside.', ['kind']),
  } as const;
}

/** Sets a time if it is known. */
export function setTime<L extends string>(
  gauge: Gauge<L>,
  labels: Readonly<Partial<Record<L, string>>>,
  time: string | null,
): void {
  const ms = time === null ? Number.NaN : Date.parse(time);
  if (!Number.isNaN(ms)) gauge.set(labels, ms / 1_000);
}
