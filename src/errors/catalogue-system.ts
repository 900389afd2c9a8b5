// Codes of `src/system`, and of defects in Sallyport itself.

import type { Entry } from './entry.ts';

export const SYSTEM_CODES = {
  INTERNAL: {
    text: 'Internal error: {reason}.',
    check: 'This is a bug in Sallyport. Please report it with the log lines around it.',
    class: 'internal',
    retry: 'later',
  },
  'FILE-FAILED': {
    text: 'Cannot {operation:words} {path}: {reason:words}.',
    check:
      'Check the path and its folder, their owner and permissions, and that the file system is not mounted read-only.',
    class: 'system',
    retry: 'later',
  },
  'LOG-MISSING': {
    text: 'There is no log at {path}.',
    check:
      'The daemon creates it when it starts. If it has started, check that logging.dir names this folder, and that -c names the configuration of the daemon. To wait for the log, use: sallyport logs -f.',
    class: 'system',
    retry: 'later',
  },
  'DISK-FULL': {
    text: 'Not enough disk space to {operation:words} {path}: {reason:words}.',
    check:
      'Free some space, or lower updates.keep_versions or updates.packages_max_bytes. Sallyport continues automatically when there is space.',
    class: 'system',
    retry: 'change',
  },
  'TOO-MANY-FILES': {
    text: 'Cannot {operation:words}: too many open files ({errno}).',
    check:
      'EMFILE is the limit of the process: raise LimitNOFILE= of the service or ulimit -n. ENFILE is the limit of the host: raise fs.file-max. If the output of ls /proc/PID/fd keeps growing, please report it.',
    class: 'system',
    retry: 'later',
  },
  'OUT-OF-MEMORY': {
    text: 'Cannot {operation:words}: the kernel has no memory left ({errno}).',
    check: 'Free some memory, or raise MemoryMax= of the service.',
    class: 'system',
    retry: 'later',
  },
  'FILE-SYMLINK': {
    text: '{path} is a symbolic link; it was not followed.',
    check: 'Find out who created it, then remove it.',
    class: 'system',
    retry: 'change',
  },
  'FILE-SPECIAL': {
    text: '{path} is a {kind:words}, not a regular file; it was not opened.',
    check: 'If you named this path, name a regular file. Otherwise, find out who created it, then remove it.',
    class: 'system',
    retry: 'change',
  },
  'FILE-LINKED': {
    text: '{path} has {links} hard links; it was not opened.',
    check:
      'Another link may be outside this folder. To list all links, run as root: find / -xdev -samefile {path}. Remove those that should not exist.',
    class: 'system',
    retry: 'change',
  },
  'FILE-FOREIGN': {
    text: '{path} belongs to user ID {owner}, but this process runs as user ID {self}; it was not opened.',
    check: 'Remove it, or make the service user the owner of the folder and its files again (chown).',
    class: 'system',
    retry: 'change',
  },
  'FILE-SWAPPED': {
    text: '{path} is no longer the file that was verified: another file replaced it. It was not published.',
    check:
      'Another user or program can write to that folder. Check owner and mode of that folder and of the folders above it.',
    class: 'system',
    retry: 'change',
  },
  'FOLDER-UNSAFE': {
    text: '{path} ({what:words}) {reason:words}: owner {owner}, mode {mode}. Other users could replace its contents.',
    check: 'Find out who made or changed it. Then run as root: {command:words}.',
    class: 'system',
    retry: 'change',
  },
  'STATE-OF-OTHERS': {
    text: '{path} (daemon.state_dir) belongs to user ID {owner}, but this process runs as user ID {self}. Nothing was changed.',
    check:
      'Start the service and repeat the command: the service then runs it. Or run the command as that user: ' +
      "sudo -u '#{owner}' sallyport, with the same arguments. If this is the service itself, run as root: chown {self} {path}.",
    class: 'system',
    retry: 'change',
  },
  'STATE-UNREADABLE': {
    text: 'Cannot read {path}: {reason:words}. The file was left unchanged because it may be intact.',
    check: 'If its owner or mode is wrong, run as root: chown {self} {path} && chmod 0600 {path}. Otherwise try again.',
    class: 'system',
    retry: 'change',
  },
  'STATE-NEWER': {
    text: '{path} was written by a newer Sallyport: it has format {found}, but this version reads only format {known}. It was renamed to {aside}.',
    check: 'After a downgrade this is normal. Give the file its old name when the newer version is installed again.',
    class: 'system',
    retry: 'never',
  },
  'STATE-DAMAGED': {
    text: '{path} cannot be read ({reason:words}); it was renamed to {aside}.',
    check: 'Nothing to do: the state is rebuilt as far as possible. If this happens again, check the disk.',
    class: 'system',
    retry: 'never',
  },
  'CONTROL-UNREACHABLE': {
    text: 'Cannot reach the daemon at {path}: {reason:words}.',
    check: 'Run the command as root or as a member of the service group. Check that the daemon is running.',
    class: 'system',
    retry: 'change',
  },
  'NO-DAEMON': {
    text: 'No daemon is running: {what:words}.',
    check: 'Start the service (sudo systemctl start sallyport), then run the command again.',
    class: 'system',
    retry: 'change',
  },
  'EDITOR-FAILED': {
    text: 'The editor {editor} failed: {reason:words}. Nothing was written.',
    check:
      'Set the variable EDITOR to an editor such as nano or vi, and run the command again. With sudo: sudo EDITOR=nano sallyport config edit.',
    class: 'system',
    retry: 'change',
  },
  'CONTROL-FOREIGN': {
    text: 'The socket {path} belongs to user ID {owner}, but Sallyport does not run as that user. Nothing was sent to the socket.',
    check:
      'Find out who created it (ls -l). Set daemon.control_socket to a path in a folder that only root and the service can write to.',
    class: 'system',
    retry: 'change',
  },
  'CONTROL-REQUEST': {
    text: 'The daemon refused the request: {reason:words}.',
    check: 'If Sallyport was upgraded, restart the service: the command and the daemon need the same version.',
    class: 'system',
    retry: 'change',
  },
  'CONTROL-ADMIN': {
    text: 'Only root may {what:words}.',
    check: 'Run the same command as root.',
    class: 'system',
    retry: 'change',
  },
  'CONTROL-OPERATE': {
    text: 'Only root and the group of operate.sock may {what:words}. This user can only read the status (over look.sock).',
    check:
      'Run the command as root or as a member of the group that control.operate_group names (by default, the group of the service).',
    class: 'system',
    retry: 'change',
  },
  'CONTROL-BUSY': {
    text: 'Another Sallyport is already running and listens at {path}.',
    check:
      'Stop the other one first. Or, in the configuration of this one, set daemon.state_dir and daemon.control_socket to other paths.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-USER': {
    text: 'The console cannot switch from root to user {user}: {reason:words}. It was not started.',
    check:
      'Check the user with: id {user}. If it is missing, install Sallyport again. Or start the console as your own user.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-LISTEN': {
    text: 'The console cannot listen at {address}: {reason:words}.',
    check: 'Leave --listen out, so that a free port is used, or name another port.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-PAGES': {
    text: 'The pages of the console cannot be read: {path}.',
    check: 'Install Sallyport again. In a checkout, run: npm run -s sallyport -- console.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-KEY': {
    text: 'This link is not valid: it was used before, it is too old, or it belongs to another console.',
    check: 'Press ENTER in the terminal of the console, then open the new link.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-SESSION': {
    text: 'The session has ended, because the console that began it has ended.',
    check:
      'Press ENTER in the terminal of the console, then open the new link. If the console has ended, start it again: sallyport console.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-FOREIGN': {
    text: 'The console refused the request: {reason:words}.',
    check: 'Open the link that the console printed. Over ssh, forward the port with the command that it printed.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-REQUEST': {
    text: 'The console refused the request: {reason:words}.',
    check: 'Reload the page. If Sallyport was upgraded, end the console and start it again.',
    class: 'system',
    retry: 'change',
  },
  'CONSOLE-STREAMS': {
    text: 'Other tabs of this session already show live data. A session has at most three live connections.',
    check:
      'No action is needed: this tab requests the data every five seconds instead. To see live data here, close another tab.',
    class: 'system',
    retry: 'later',
  },
  'LOCK-HELD': {
    text: 'Another Sallyport is using {dir}: process {pid} on {host}, since {since:time}.',
    check:
      'Wait until it ends, or stop it. A daemon that does not answer commands is starting, stopping or stuck. A second Sallyport needs its own daemon.state_dir.',
    class: 'system',
    retry: 'change',
  },
  'STOP-FORCED': {
    text: 'Stopping took longer than {limit:ms}, so Sallyport was stopped by force. Still running: {still:words}.',
    check:
      'The bytes that were already on disk are kept. If this happens again, please report it with the log lines around it.',
    class: 'system',
    retry: 'later',
  },
  'NOTIFY-FAILED': {
    text: 'Cannot notify the service manager at {socket}: {reason}.',
    check:
      'Without these notifications, systemd stops the service (Type=notify). Check that the npm package koffi is in node_modules in the folder of the program (for the service, /usr/lib/sallyport).',
    class: 'system',
    retry: 'change',
  },
  'ENVIRONMENT-REFUSED': {
    text: 'The environment variable {variable} is set. It would change what Node trusts, runs or records.',
    check:
      'Unset it, or start Sallyport with the command sallyport, which removes it. To trust a CA of your own, set updates.ca_file.',
    class: 'config',
    retry: 'change',
  },
  'WAIT-STUCK': {
    text: 'A wait ({what:words}) should have ended {overdue:ms} ago. Sallyport no longer sends watchdog signals to the service manager.',
    check:
      'The service manager will restart the service; downloaded bytes are kept. Please report this with the log lines around it.',
    class: 'internal',
    retry: 'later',
  },
  CANCELLED: {
    text: 'Cancelled: {reason:words}.',
    check: 'Nothing was written. Run the command again.',
    class: 'system',
    retry: 'change',
  },
  'ROUTE-CHANGED': {
    text: 'The new settings changed the route of {purpose}.',
    check: 'Nothing to do: downloaded bytes are kept, and Sallyport continues over the new route.',
    class: 'system',
    retry: 'later',
  },
  'WINDOW-CLOSED': {
    text: 'The hours of updates.window.download ended. They begin again at {until:time}.',
    check:
      'Nothing to do: downloaded bytes are kept, and the download continues when the hours begin. To download now, run sallyport check --now.',
    class: 'system',
    retry: 'later',
  },
  INTERRUPTED: {
    text: 'Interrupted: {reason:words}.',
    check: 'Nothing to do: nothing incomplete was published, and downloaded bytes are kept for the next start.',
    class: 'system',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
