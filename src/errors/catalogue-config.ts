// Codes of `src/config`. A mistake in the file itself is a `Problem` with line and column; these are the heads of them.

import type { Entry } from './entry.ts';

export const CONFIG_CODES = {
  CONFIG: {
    text: '{file} has mistakes ({count}); nothing was started or changed.',
    check: 'Mend the lines named above, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CREDENTIALS-ELSEWHERE': {
    text: 'Cannot read the credentials that {keys} in {file} name: only the service can, and it is not running (CREDENTIALS_DIRECTORY is not set here).',
    check:
      'The file itself is correct. Start the service (systemctl start sallyport), then run the command again. ' +
      'In a unit of your own, set LoadCredential=.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-UNREADABLE': {
    text: 'Cannot read {file}: {reason:words}.',
    check: 'Check that the file exists and that this user may read it. The example beside it shows every key.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-EDIT': {
    text: 'Line {line} of the configuration file cannot be edited by a command ({key:key}): {reason:words}.',
    check: 'Nothing was written. Change the line by hand, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-RENAMED': {
    text: 'The key {old:key} is {key:key} since version {since} of the configuration format, and {reason:words}.',
    check:
      'Nothing was written. If the file has the old name, run as root: sallyport config upgrade. Then repeat the change with the new name.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-CHANGED': {
    text: '{file} was changed by somebody else at the same moment; nothing was written.',
    check: 'Look at what was changed, then run the command again.',
    class: 'config',
    retry: 'later',
  },
  'CONFIG-OWNER': {
    text: '{file} belongs to user {owner} and group {group}, which this user cannot give a new file to; nothing was written.',
    check: 'Run the command as root (sudo), or as the user that the file belongs to.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-FORBIDDEN': {
    text: 'This user may not change {file} or what stands beside it ({reason:words}); nothing was written.',
    check:
      'Run the command as root (sudo), or as the user that the folder belongs to. Members of the group sallyport-admin may ' +
      'change the configuration of an installed service.',
    class: 'config',
    retry: 'change',
  },
  'KEY-AUTHORITY': {
    text: 'Only {who:words} may set {key:key}. Nothing was written.',
    check: 'Set it {how:words}.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-UNKNOWN': {
    text: 'No proxy has the name {name}.',
    check: 'Known names: {known:words}. See: sallyport proxy list.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-NO-DEFAULT': {
    text: 'No proxy is the default.',
    check:
      'Known names: {known:words}. Name one of them, or make one the default: sallyport proxy default NAME. To make one: sallyport proxy add.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-EXISTS': {
    text: 'A proxy has the name {name} already; case does not count.',
    check: 'Take another name, or change that one: sallyport proxy edit {name}.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-IN-USE': {
    text: 'Proxy {name} is used by {users:words} and was not deleted.',
    check: 'Give them another route (sallyport route set), or add --force, which says what they fall to.',
    class: 'config',
    retry: 'change',
  },
  'PASSWORD-ANEW': {
    text: 'Proxy {name} would get another scheme, address or port, and its password would be shown there; nothing was written.',
    check: 'Enter the password anew: --password-stdin, --password-file, or without flags at a terminal.',
    class: 'config',
    retry: 'change',
  },
  'CONTROL-OTHER-FILE': {
    text: 'The daemon listening at {path} uses {other}, not {file}. The command was not sent to it.',
    check:
      'To use that daemon, name its file with -c. To run a second daemon with {file}, set daemon.state_dir in that file to another folder.',
    class: 'config',
    retry: 'change',
  },
  'CONTROL-GROUP': {
    text: 'Cannot give operate.sock to the group {group} (control.operate_group): {reason:words}.',
    check:
      'Create the group and add the service user to it (usermod -aG GROUP sallyport), then restart the service. Or name another group.',
    class: 'config',
    retry: 'change',
  },
  'SECRET-NOT-IN-FORCE': {
    text: 'The settings under test give {key} another source or destination than the active settings. The secret was not read, and nothing was sent.',
    check: 'Type the password instead of naming its file, variable or credential, or run the command as root.',
    class: 'config',
    retry: 'change',
  },
  'CHANGE-PENDING': {
    text: 'Another change is being tried, for {by:words}, until {until:words} at the latest; this one was not begun.',
    check: 'Wait for it, or end it where it was begun (Ctrl-C). See: sallyport status.',
    class: 'config',
    retry: 'later',
  },
  'CHANGE-NONE': {
    text: 'No change of the settings waits to be confirmed.',
    check: 'Its time is over, or it is settled already. See: sallyport status. Then make it again.',
    class: 'config',
    retry: 'change',
  },
  'CHANGE-REQUEST': {
    text: 'The change service refused the request: {reason:words}. Nothing was written.',
    check:
      'Run the command again. If it fails again after an upgrade, run it with the Sallyport that is installed now.',
    class: 'system',
    retry: 'change',
  },
  'CHANGE-UNREACHABLE': {
    text: 'Cannot use the change service at {path}: {reason:words}.',
    check:
      'Run the command as root (sudo) or as a member of the group sallyport-admin. ' +
      'See: systemctl status sallyport-change.socket. If the connection broke, sallyport status shows whether the change was made.',
    class: 'system',
    retry: 'change',
  },
  'CHANGE-UNTRIED': {
    text: 'No daemon is running to test the change, and the change service writes only what the daemon has accepted. Nothing was written.',
    check: 'Start the service (systemctl start sallyport) and run the command again, or run it as root (sudo).',
    class: 'system',
    retry: 'change',
  },
  'CONFIG-INCOMPLETE': {
    text: '{key} is not set, so {what:words}.',
    check: 'Set {key} in the configuration file.',
    class: 'config',
    retry: 'change',
  },
  'POLICY-DIRECT': {
    text: 'Going direct to {target} is not allowed: {why:words}, and {rule:words} says direct.',
    check: 'Give the purpose {purpose} a proxy in use_proxy_for, or {otherwise:words}.',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
