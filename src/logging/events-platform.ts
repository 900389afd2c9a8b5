// Events of the link to the platform: commands and reports. Also the events of identity and activation.

import type { Definition } from './event-definition.ts';

export const PLATFORM_EVENTS = {
  // The link itself (`platform/link`)
  'platform-connected': {
    level: 'info',
    thread: null,
    text: 'Connected to the platform at {host} (over: {over:words}, proxy: {through:words}).',
  },
  'platform-blocked': {
    level: 'warn',
    thread: null,
    text: 'WebSocket does not work on this route, so the link uses long polling. WebSocket is tried again in {next:ms}. {error:advised}',
  },
  'platform-failed': {
    level: 'warn',
    thread: null,
    text: 'Cannot connect to the platform; trying again in {next:ms}. {error:advised}',
    folds: true,
  },
  'platform-ended': {
    level: 'info',
    thread: null,
    text: 'The link to the platform ended; connecting again in {next:ms}. This is normal if a proxy closes old connections. Links that ended since the previous line of this kind: {count}. {error:advised}',
  },
  'platform-other-version': {
    level: 'warn',
    thread: null,
    text: 'Ignoring messages from the platform in format {version}; this version of Sallyport reads only format 1.',
  },
  // Starting and stopping
  'platform-on': {
    level: 'info',
    thread: null,
    text: 'Keeping a connection open to {url} (mode: {mode:words}, reports: {reports:words}).',
  },
  'platform-off': {
    level: 'info',
    thread: null,
    text: 'The link to the platform is closed: platform.enabled is false.',
  },
  'platform-unusable': {
    level: 'error',
    thread: null,
    text: 'The link to the platform cannot be used now; trying again in a minute: {error:advised}',
    folds: true,
  },
  // Commands
  'platform-command': {
    level: 'info',
    thread: null,
    text: 'Received command {command} from the platform (ID {id}).',
  },
  'platform-command-done': {
    level: 'info',
    thread: null,
    text: 'Carried out command {id} from the platform.',
  },
  'platform-command-refused': {
    level: 'warn',
    thread: null,
    text: 'Refused command {id} from the platform: {error:advised}',
  },
  'platform-command-failed': {
    level: 'warn',
    thread: null,
    text: 'Command {id} from the platform failed: {error:advised}',
  },
  'platform-command-postponed': {
    level: 'warn',
    thread: null,
    text: 'Command {id} from the platform cannot be carried out now: {error:advised} Next try at {at:time}.',
  },
  'platform-command-unusable': {
    level: 'error',
    thread: null,
    text: 'Discarded a stored command from the platform: {error:advised}',
  },
  'platform-advice': {
    level: 'info',
    thread: null,
    text: 'The platform sent advice from {from}. To read it, run sallyport platform advice.',
  },
  'platform-sequence-back': {
    level: 'warn',
    thread: null,
    text: 'The platform has restarted its command numbers at {seq}, but this host has already received number {after}. The platform was probably restored from a backup. Commands that were already carried out are not repeated.',
  },
  // Reports
  'platform-report-sent': {
    level: 'debug',
    thread: null,
    text: 'Sent a report to the platform (platform.report: {level:words}).',
  },
  // Identity and activation
  'identity-cloned': {
    level: 'warn',
    thread: 'Main',
    text: 'New identity of this host: {error:advised}',
  },
  'identity-unusable': {
    level: 'error',
    thread: 'Main',
    text: 'The identity of this host cannot be used, so this host cannot be activated: {error:advised}',
    folds: true,
  },
  'identity-reset': {
    level: 'warn',
    thread: 'Main',
    text: 'The identity of this host was replaced by {by:words}; the new agent ID is {agent}.',
  },
  'activation-requested': {
    level: 'info',
    thread: 'Main',
    text: 'Activation: {what:words}, requested by {by:words}.',
  },
  'activation-failed': {
    level: 'warn',
    thread: 'Main',
    text: 'Activation failed: {error:advised}',
  },
  'activation-state': {
    level: 'info',
    thread: 'Main',
    text: 'The activation state of this host is now {state:words}.',
  },
  'license-unusable': {
    level: 'warn',
    thread: 'Main',
    text: 'The stored license cannot be used: {error:advised}',
  },
  'license-keys-changed': {
    level: 'info',
    thread: 'Main',
    text: 'License keys in the file {path} of the signed feed: {count} accepted (before: {before}).',
  },
  'license-keys-unread': {
    level: 'warn',
    thread: 'Main',
    text: 'License keys not read: {error:advised}',
  },
  'license-renewal-failed': {
    level: 'warn',
    thread: 'Main',
    text: 'The license was not renewed; the next attempt is tomorrow: {error:advised}',
  },
} as const satisfies Record<string, Definition>;
