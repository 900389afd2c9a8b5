// Events of the configuration: routes, reloads and changes.

import type { Definition } from './event-definition.ts';

export const CONFIG_EVENTS = {
  'purpose-route': { level: 'info', thread: 'Config', text: 'Route for {purpose}: {how:words} ({why:words}).' },
  'purpose-disabled': {
    level: 'info',
    thread: 'Config',
    text: '{purpose} is configured but not enabled. Its route would be: {how:words} ({why:words}).',
  },
  'purpose-unconfigured': { level: 'info', thread: 'Config', text: '{purpose} is not configured.' },
  'config-warning': { level: 'warn', thread: 'Config', text: '{file}:{line}:{column} {key:key}: {message:words}' },
  'config-mistake': { level: 'error', thread: 'Config', text: '{file}:{line}:{column} {key:key}: {message:words}' },
  'config-deaf': {
    level: 'warn',
    thread: 'Config',
    text: 'File change notifications are unavailable ({reason}); the files are checked for changes every 10 s instead.',
    folds: true,
  },
  'config-restless': {
    level: 'warn',
    thread: 'Config',
    text: 'The configuration has been changing for {elapsed:ms} without a pause; it will be read when the changes stop.',
    folds: true,
  },
  reloading: { level: 'info', thread: 'Config', text: 'Reading {file} again ({cause:words}).' },
  'setting-changed': { level: 'info', thread: 'Config', text: 'Setting changed: {key:key}, {effect:words}.' },
  'secret-fixed': {
    level: 'info',
    thread: 'Config',
    text: 'The secret {key:key} comes from an environment variable or a service credential; a new value needs a restart.',
  },
  'policy-loosened': {
    level: 'warn',
    thread: 'Config',
    text: '{key} is now false: connections may bypass the proxy where other settings allow it.',
  },
  reloaded: {
    level: 'info',
    thread: 'Config',
    text: 'New configuration loaded: {count} setting{count:s} changed, {waiting} waiting for a restart.',
  },
  'reload-unchanged': { level: 'info', thread: 'Config', text: 'Configuration read again: no setting changed.' },
  'reload-problem': { level: 'error', thread: 'Config', text: '{error:advised}' },
  'reload-more': {
    level: 'error',
    thread: 'Config',
    text: '{count} more problem{count:s}; sallyport config check lists all of them.',
  },
  'reload-refused': {
    level: 'error',
    thread: 'Config',
    text: 'Configuration rejected ({count} error{count:s}); the previous settings remain in effect.',
  },
  'file-held': {
    level: 'warn',
    thread: 'Config',
    text: 'The changed {file} has been on hold since {since:words}: its test failed with {code:words} and it was not confirmed (proxy_change). {message:words}',
  },
  'change-tried': {
    level: 'info',
    thread: 'Config',
    text: 'Testing new settings from {by:words} for at most {window:ms}; the previous settings remain in effect.',
  },
  'change-stage': {
    level: 'debug',
    thread: 'Config',
    text: 'Test of new settings: {stage:words} for {purpose}: {result:words}.',
  },
  'diagnosis-stage': {
    level: 'debug',
    thread: 'Config',
    text: 'Diagnosis of {purpose}: {stage:words} to {target} ended after {elapsed:ms} with: {result:words}.',
  },
  'change-failed': {
    level: 'warn',
    thread: 'Config',
    text: 'New settings failed with {code:words}; the previous settings remain in effect. {message:words}',
  },
  'change-confirmed': { level: 'info', thread: 'Config', text: 'The new settings were confirmed by {by:words}.' },
  'change-dropped': {
    level: 'warn',
    thread: 'Config',
    text: 'The new settings from {by:words} were not confirmed; the previous settings remain in effect.',
  },
  'not-put-back': {
    level: 'error',
    thread: 'Config',
    text: 'The {room} module could not return to the previous settings and may use rejected settings until a restart: {error:advised}',
  },
  'folder-exposed': {
    level: 'warn',
    thread: 'Main',
    text: '{path} {reason:words} (owner {owner}, mode {mode}). A user who can write there can replace {folder}.',
  },
  'state-set-aside': { level: 'warn', thread: 'Main', text: '{error:advised}', folds: true },
} as const satisfies Record<string, Definition>;
