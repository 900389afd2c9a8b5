// Events of the process: start and stop, the schedule, the log file and the control sockets.

import type { Definition } from './event-definition.ts';

export const PROCESS_EVENTS = {
  started: {
    level: 'info',
    thread: 'Main',
    text: 'Sallyport {version} started as process {pid}; configuration {file}.',
  },
  stopping: { level: 'info', thread: 'Main', text: 'Stopping ({reason:words}); the bytes downloaded so far are kept.' },
  stopped: { level: 'info', thread: 'Main', text: 'Stopped.' },
  diagnosed: { level: 'info', thread: 'Control', text: 'Diagnosed {what:words}: {found:words}.' },
  'control-listening': { level: 'info', thread: 'Control', text: 'Listening for commands on {path}.' },
  'control-asked': {
    level: 'info',
    thread: 'Control',
    text: 'Request over {socket} from {who:words} to {what:words}.',
  },
  'control-refused': {
    level: 'warn',
    thread: 'Control',
    text: 'Refused a request over {socket} from {who:words} to {what:words}: {error:advised}',
  },
  'menu-pin-wrong': { level: 'warn', thread: 'Control', text: 'Wrong PIN at the menu, from {who:words}.' },
  'change-requested': {
    level: 'info',
    thread: 'Config',
    text: 'Request from {who:words} to {verb:words} settings: {keys:key}.',
  },
  'change-made': {
    level: 'info',
    thread: 'Config',
    text: 'Settings changed at the request of {who:words}: {keys:key}.',
  },
  'change-not-made': {
    level: 'warn',
    thread: 'Config',
    text: 'The change requested by {who:words} was not made: {error:advised}',
  },
  'check-next-try': {
    level: 'info',
    thread: 'Main',
    text: 'Next try at {at:time}; failed checks in a row: {failures}.',
  },
  'slot-overdue': {
    level: 'info',
    thread: 'Main',
    text: 'Missed the check of {slot:time}; running it at {at:time}.',
  },
  'clock-stepped': {
    level: 'info',
    thread: 'Main',
    text: 'The system clock jumped {direction:words} by {by:ms} (the host was suspended, or the clock was set).',
  },
  'next-round': { level: 'info', thread: 'Main', text: 'Next check for updates at {at:time}.' },
  fault: { level: 'error', thread: 'Main', text: '{error:advised}', folds: true },
  'notify-failed': { level: 'warn', thread: 'Main', text: 'Cannot notify systemd: {error:advised}', folds: true },
  'wait-stuck': {
    level: 'error',
    thread: 'Main',
    text: 'Sallyport is stuck: {error:advised}',
    folds: true,
  },
  'log-lines-lost': {
    level: 'warn',
    thread: 'Main',
    text: '{count} line{count:s} missing here: the log file could not be written.',
  },
  'screen-behind': {
    level: 'warn',
    thread: 'Main',
    text: 'The program that reads stdout is too slow, so some lines are left out there. The log file has all lines.',
  },
  'screen-lines-lost': {
    level: 'warn',
    thread: 'Main',
    text: '{count} line{count:s} missing on stdout, because the program that reads stdout was too slow. The log file has all lines.',
  },
  'fault-stack': { level: 'debug', thread: 'Main', text: 'Stack of the internal error: {frames}.' },
  repeated: {
    level: 'warn',
    thread: 'Main',
    text: 'Repeated {times:words} within {elapsed:ms}: {opening} (first at {at:clock}).',
  },
  'set-aside-full': { level: 'warn', thread: 'Main', text: '{dir} is full; its oldest entries are deleted.' },
} as const satisfies Record<string, Definition>;
