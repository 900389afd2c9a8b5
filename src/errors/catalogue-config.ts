// Codes of `src/config`. The code CONFIG is for a file with errors. Each error in the file is a `Problem` with its line
// and column, not a code.

import type { Entry } from './entry.ts';

export const CONFIG_CODES = {
  CONFIG: {
    text: '{file} has {count} error{count:s}. Nothing was started or changed.',
    check: 'Fix the lines listed above, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CREDENTIALS-ELSEWHERE': {
    text: 'Only the running service can read credentials. In {file}, these keys refer to credentials: {keys}. The service is not running, and CREDENTIALS_DIRECTORY is not set here.',
    check:
      'The file itself is correct. Start the service (systemctl start sallyport), then run the command again. ' +
      'If you start Sallyport from your own unit, set LoadCredential= in that unit.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-UNREADABLE': {
    text: 'Cannot read {file}: {reason:words}.',
    check:
      'Check that the file exists and that this user may read it. The example file in the same folder shows every key.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-EDIT': {
    text: 'Sallyport cannot edit line {line} of the configuration file automatically ({key:key}): {reason:words}.',
    check: 'Nothing was written. Change the line by hand, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-RENAMED': {
    text: 'The key {old:key} was renamed to {key:key} in version {since} of the configuration format, but {reason:words}.',
    check:
      'Nothing was written. If the file has the old name, run as root: sallyport config upgrade. Then repeat the change with the new name.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-CHANGED': {
    text: 'Another user or program changed {file} at the same time. Nothing was written.',
    check: 'Check what was changed, then run the command again.',
    class: 'config',
    retry: 'later',
  },
  'CONFIG-OWNER': {
    text: '{file} belongs to user {owner} and group {group}. Saving replaces the file, and your user cannot give the new file the same owner and group. Nothing was written.',
    check: 'Run the command as root (sudo), or as the owner of the file.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-FORBIDDEN': {
    text: 'This user may not change {file} or the files next to it ({reason:words}). Nothing was written.',
    check:
      'Run the command as root (sudo), or as the owner of the folder. Members of the group sallyport-admin may change the configuration of an installed service.',
    class: 'config',
    retry: 'change',
  },
  'KEY-AUTHORITY': {
    text: 'Only {who:words} may set {key:key}. Nothing was written.',
    check: 'Set it {how:words}.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-IMPORT': {
    text: 'Cannot import proxy settings from {file}: {reason:words}.',
    check: 'Nothing was written. To set up the proxy by hand: sallyport proxy add.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-EDITED': {
    text: '{file} is being edited by process {pid} on {host}, since {since:time}. Nothing was written.',
    check: 'Wait until the other `sallyport config edit` ends, or end it.',
    class: 'config',
    retry: 'later',
  },
  'KEY-UNKNOWN': {
    text: 'Cannot set {key:key}: {reason:words}.',
    check:
      'To list every key: sallyport config show. To change a section or several keys at once: sallyport config edit.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-UNKNOWN': {
    text: 'There is no proxy with the name {name}.',
    check: 'Known names: {known:words}. To list them: sallyport proxy list.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-NO-DEFAULT': {
    text: 'None of the proxies is the default.',
    check:
      'Known names: {known:words}. Use one of them in the command, or make one the default: sallyport proxy default NAME. To add a proxy: sallyport proxy add.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-EXISTS': {
    text: 'A proxy with the name {name} already exists. Names are not case-sensitive.',
    check: 'Choose another name, or change the existing proxy: sallyport proxy edit {name}.',
    class: 'config',
    retry: 'change',
  },
  'PROFILE-IN-USE': {
    text: 'Proxy {name} is used by {users:words} and was not deleted.',
    check:
      'Choose another route for each purpose that uses it: sallyport route set. Or delete the proxy with --force. The command then shows what is used instead of this proxy.',
    class: 'config',
    retry: 'change',
  },
  'PASSWORD-ANEW': {
    text: 'You are changing the scheme, address or port of proxy {name}, so its stored password would be sent to a different server. Nothing was saved.',
    check:
      'Enter the password again. A command reads it with --password-stdin or --password-file, or asks for it at a terminal.',
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
      'Create the group and add the service user to it (usermod -aG GROUP sallyport), then restart the service. Or set control.operate_group to another group.',
    class: 'config',
    retry: 'change',
  },
  'METRICS-OFF': {
    text: 'Metrics are off: metrics.enabled is false, or it became true after the daemon started.',
    check: 'Set metrics.enabled to true, then restart the service (systemctl restart sallyport).',
    class: 'config',
    retry: 'change',
  },
  'SECRET-NOT-IN-FORCE': {
    text: 'The settings under test take {key} from a different source than the active settings, or would send it to a different destination. The secret was not read, and nothing was sent.',
    check: 'Type the password instead of naming its file, variable or credential, or run the command as root.',
    class: 'config',
    retry: 'change',
  },
  'CHANGE-PENDING': {
    text: 'Another change, made by {by:words}, is being tested until {until:words} at the latest. This change was not started.',
    check:
      'Wait until the test has ended, or press Ctrl-C in the terminal where it was started. To see its state: sallyport status.',
    class: 'config',
    retry: 'later',
  },
  'CHANGE-NONE': {
    text: 'No change to the settings is waiting for confirmation.',
    check:
      'An earlier change may have timed out, or may already have been saved or discarded. To see the current settings: sallyport status. If the change is missing, make it again.',
    class: 'config',
    retry: 'change',
  },
  'CHANGE-REQUEST': {
    text: 'The change service refused the request: {reason:words}. Nothing was written.',
    check: 'Run the command again. If Sallyport was upgraded, use the sallyport command of the installed version.',
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
    text: 'Refusing to bypass the proxy for {target}: {why:words}, but {rule:words}.',
    check: 'Either {remedy:words}, or {otherwise:words}.',
    class: 'policy',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
