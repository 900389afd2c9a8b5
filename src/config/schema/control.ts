// Section `control`: which users may send which requests to the sockets of the daemon. Section `menu`: its PIN. Section
// `metrics`: whether Sallyport provides metrics. Section `telemetry`: the collector that it sends metrics and events to.

import { z } from 'zod';
import { describeKey, section, validatedText } from './key.ts';
import { SECRET_ALLOWED, secretSource } from './leaves.ts';
import { purposeSection, uploadUrl } from './purpose-section.ts';

/** The names that useradd(8) and most directories allow; winbind and sssd use `DOMAIN\group` and `group@domain`. */
const GROUP = /^[A-Za-z0-9_][A-Za-z0-9_. @\\-]{0,254}$/;

const validateGroup = (text: string) =>
  GROUP.test(text) && text.trim() === text
    ? null
    : 'A group name may contain letters, digits, spaces, dots, dashes, underscores, @ and backslashes.';

export const control = section(
  {
    operate_group: describeKey(validatedText(validateGroup).optional(), {
      title: 'Operate group',
      description:
        'The group whose members may start checks and operate the daemon (operate.sock). Members of the service group then have ' +
        'read-only access (look.sock). The service user must be a member of this group.',
      allowed: 'the name or the number (GID) of a group',
      absent: 'the group of the service',
      example: 'sallyport-operators',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Control',
  'Which users may do what through the sockets of the daemon.',
);

export const menu = section(
  {
    pin: describeKey(secretSource.optional(), {
      title: 'PIN of the menu',
      description:
        'A PIN of 4 to 12 digits that sallyport menu asks for when it starts. After 3 wrong attempts, the menu waits before it ' +
        'accepts another one: 30 s, then twice as long each time, up to 15 minutes. ' +
        'The PIN protects the screen, not the change service: members of sallyport-admin can change proxies without it.',
      secret: true,
      allowed: `${SECRET_ALLOWED}; the change service, which checks the PIN, can read only a file`,
      absent: 'the menu asks for no PIN',
      example: { file: 'secrets/menu-pin' },
      effect: 'now',
      setBy: 'root',
    }),
  },
  'Menu',
  'The menu for the console of an appliance (sallyport menu).',
);

export const metrics = section(
  {
    enabled: describeKey(z.boolean().default(false), {
      title: 'Metrics',
      description:
        'Whether the daemon counts transfers, failures and waits, and serves them in the OpenMetrics format on metrics.sock, ' +
        'next to control.sock. Members of the group of the service can read them. The systemd unit sallyport-metrics.socket also serves ' +
        'them on 127.0.0.1:9817.',
      effect: 'restart',
      setBy: 'admin',
    }),
  },
  'Metrics',
  'Values for Prometheus and other monitoring.',
);

export const telemetry = purposeSection(
  {
    name: 'telemetry',
    title: 'Telemetry',
    sends: 'metrics and log events are sent to by OTLP/HTTP, without the path v1/metrics or v1/logs',
    enables: 'metrics are sent to a collector every minute',
    traffic: 'telemetry',
    url: uploadUrl('https://otel.example.com:4318/'),
  },
  {
    logs: describeKey(z.boolean().default(false), {
      title: 'Logs',
      description:
        'Whether the events of the log are also sent. Secrets in them are masked by the same rules as in support logs, also by rules of your own. Events wait in memory only.',
      effect: 'next_transfer',
      setBy: 'root',
    }),
  },
);
