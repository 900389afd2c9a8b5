// The menu as a state machine: from a state and an event, it calculates the next state and the effects. Pure.
//
// Guarantees: pressing Up twice leads to SETUP NETWORK from three screens only: CONFIG PROXY PARAMETERS, REALLY ENABLE
// PROXY? and REALLY DISABLE PROXY? Nothing is changed before one of these two questions was answered with ENTER. Relies
// on the caller to perform the effects and to send their results as events.

import type { ProxyFacts } from '#changes/proxy/facts.ts';
import { editedProfile } from '#changes/proxy/profile-change.ts';
import { fieldKey, openDraft, openProxyField } from './config-screens.ts';
import { layoutFor } from './display.ts';
import { editField, fieldText, openField } from './field.ts';
import type { Key } from './keys.ts';
import {
  type ChangeResult,
  type Direction,
  FAILURE_ITEMS,
  type FailureView,
  type MenuEffect,
  type MenuEvent,
  type MenuScreen,
  type MenuState,
  type MenuStep,
  type MenuWindow,
} from './screens.ts';
import { isProxyInUse, lockedProfileNotice, requiredNotice, setupItems } from './setup.ts';
import { lastTop } from './text.ts';

const SETUP: MenuScreen = { kind: 'setup', index: 0 };

/** The next state, and what to do. */
export function stepMenu(state: MenuState, event: MenuEvent): MenuStep {
  switch (event.kind) {
    case 'key':
      return event.key.kind === 'interrupt' ? quit(state) : onKey(state, event.key);
    case 'locked':
      return show(dropDraft(state), { kind: 'pin', field: openField('pin', ''), note: event.note, isChecking: false });
    case 'facts':
      return onFacts(state, event);
    case 'unavailable': {
      const { code, message, check } = event.failure;
      const next: MenuScreen = state.facts === null ? { kind: 'waiting' } : SETUP;
      return show(dropDraft(state), { kind: 'notice', title: code, text: `${message} ${check}`, top: 0, next });
    }
    case 'stage': {
      const { screen } = state;
      if (screen.kind !== 'working') return stay(state);
      return show(state, { ...screen, stages: [...screen.stages, event.stage] });
    }
    case 'changed':
      return onChanged(state, event.result);
    case 'activated':
      return onActivated(state, event.result);
    case 'idle':
      return onIdle(state);
    case 'resized':
      return onResized(state, event.window);
  }
}

function onResized(state: MenuState, window: MenuWindow | null): MenuStep {
  const resized = { ...state, window, size: layoutFor({ chosen: state.chosen, window }) };
  const { screen } = resized;
  return 'top' in screen
    ? show(resized, { ...screen, top: Math.min(screen.top, lastTop(resized, screen)) })
    : stay(resized);
}

function onFacts(state: MenuState, { facts, outcome }: Extract<MenuEvent, { kind: 'facts' }>): MenuStep {
  // Without a daemon, no outcome is known. That of the change that was just made is newer.
  const known = {
    ...state,
    facts,
    outcome: outcome.kind === 'unknown' && state.facts !== null ? state.outcome : outcome,
  };
  const { screen } = state;
  // Facts that are read again after a change do not replace its result.
  return screen.kind === 'waiting' || screen.kind === 'pin' ? show(known, SETUP) : stay(known);
}

function onKey(state: MenuState, key: Key): MenuStep {
  const { screen } = state;
  switch (screen.kind) {
    case 'waiting':
      return stay(state);
    case 'pin':
      return onPinKey(state, screen, key);
    case 'setup':
      return onSetupKey(state, screen.index, key);
    case 'config':
    case 'really':
      return onQuestionKey(state, screen, key);
    case 'field':
      return onFieldKey(state, screen, key);
    case 'gateway':
      return onGatewayKey(state, key);
    case 'notice':
      return onNoticeKey(state, screen, key);
    case 'working':
    case 'activating':
      return onWorkingKey(state, screen, key);
    case 'cleartext':
      return onCleartextKey(state, key);
    case 'failed':
      return onFailedKey(state, screen, key);
    case 'choices':
      return onChoicesKey(state, screen, key);
    case 'outcome':
      return onOutcomeKey(state, screen, key);
    case 'activation':
      return onActivationKey(state, screen, key);
  }
}

function onPinKey(state: MenuState, screen: Extract<MenuScreen, { kind: 'pin' }>, key: Key): MenuStep {
  if (screen.isChecking) return stay(state);
  if (key.kind === 'enter') {
    const pin = fieldText(screen.field);
    if (pin === '') return stay(state);
    return show(state, { ...screen, isChecking: true, field: openField('pin', '') }, { kind: 'look', pin });
  }
  const field = editField(screen.field, key);
  return field === null ? stay(state) : show(state, { ...screen, field });
}

function onSetupKey(state: MenuState, index: number, key: Key): MenuStep {
  const items = setupItems(state);
  if (key.kind === 'down') return show(state, { kind: 'setup', index: Math.min(index + 1, items.length - 1) });
  if (key.kind === 'up') return show(state, { kind: 'setup', index: Math.max(index - 1, 0) });
  if (key.kind === 'escape') return quit(state);
  const { facts } = state;
  if (key.kind !== 'enter' || facts === null) return stay(state);
  switch (items[index]) {
    case 'ENABLE PROXY':
    case 'CHANGE PROXY PARAMS':
      return openConfig(state, facts);
    case 'DISABLE PROXY':
      return facts.proxy_required
        ? show(state, requiredNotice(SETUP))
        : show(state, { kind: 'really', direction: 'disable', ups: 0 });
    case 'USER LOGIN':
      return show(state, { kind: 'activation', field: openField('key', '') });
    default:
      return stay(state);
  }
}

/** A profile whose proxies are chosen elsewhere has no parameters to enter; it can only be switched on. */
function openConfig(state: MenuState, facts: ProxyFacts): MenuStep {
  const profile = editedProfile(facts);
  if (profile === null || profile.address !== null) return show(state, { kind: 'config', ups: 0 });
  const next: MenuScreen = isProxyInUse(facts) ? SETUP : { kind: 'really', direction: 'enable', ups: 0 };
  return show(state, lockedProfileNotice(profile, next));
}

/** The three screens that Up Up leaves. */
function onQuestionKey(
  state: MenuState,
  screen: Extract<MenuScreen, { kind: 'config' | 'really' }>,
  key: Key,
): MenuStep {
  if (key.kind === 'up') return screen.ups === 0 ? show(state, { ...screen, ups: 1 }) : toSetup(state);
  if (key.kind === 'enter') {
    if (screen.kind === 'config') return enterConfig(state);
    return startChange(state, screen.direction, false);
  }
  if (key.kind === 'escape' || key.kind === 'left') {
    const isAfterFields = screen.kind === 'really' && screen.direction === 'enable' && state.draft !== null;
    return isAfterFields ? show(state, openProxyField(state, 'password')) : toSetup(state);
  }
  return show(state, { ...screen, ups: 0 });
}

function enterConfig(state: MenuState): MenuStep {
  const { facts } = state;
  if (facts === null) return stay(state);
  const draft = state.draft ?? openDraft(facts, state.gateways);
  const opened = { ...state, draft };
  return show(opened, openProxyField(opened, 'host'));
}

function onFieldKey(state: MenuState, { field }: Extract<MenuScreen, { kind: 'field' }>, key: Key): MenuStep {
  const edited = editField(field, key);
  if (edited !== null) return show(state, { kind: 'field', field: edited });
  const next = fieldKey(state, field, key);
  return next === null ? stay(state) : show(next, next.screen);
}

function onGatewayKey(state: MenuState, key: Key): MenuStep {
  if (key.kind === 'enter') return show(state, openProxyField(state, 'port'));
  return isBack(key) ? show(state, openProxyField(state, 'host')) : stay(state);
}

function onNoticeKey(state: MenuState, screen: Extract<MenuScreen, { kind: 'notice' }>, key: Key): MenuStep {
  if (key.kind === 'up' || key.kind === 'down') return show(state, { ...screen, top: scroll(state, screen, key.kind) });
  if (key.kind === 'escape') return state.facts === null ? stay(state) : toSetup(state);
  if (key.kind !== 'enter') return stay(state);
  if (screen.next.kind === 'waiting') return show(state, screen.next, { kind: 'look', pin: null });
  return show(screen.next.kind === 'setup' ? dropDraft(state) : state, screen.next);
}

function onWorkingKey(
  state: MenuState,
  screen: Extract<MenuScreen, { kind: 'working' | 'activating' }>,
  key: Key,
): MenuStep {
  if (!isBack(key) || screen.isCancelled) return stay(state);
  return show(state, { ...screen, isCancelled: true }, { kind: 'cancel' });
}

function onCleartextKey(state: MenuState, key: Key): MenuStep {
  const { draft } = state;
  if (draft === null) return toSetup(state);
  if (key.kind === 'enter') return startChange({ ...state, draft: { ...draft, inClear: true } }, 'enable', false);
  return isBack(key) ? show(state, { kind: 'choices', direction: 'enable', failure: IN_CLEAR, index: 0 }) : stay(state);
}

function onFailedKey(state: MenuState, screen: Extract<MenuScreen, { kind: 'failed' }>, key: Key): MenuStep {
  if (key.kind === 'up' || key.kind === 'down') return show(state, { ...screen, top: scroll(state, screen, key.kind) });
  if (key.kind !== 'enter' && key.kind !== 'escape') return stay(state);
  const { direction, failure } = screen;
  return show(state, { kind: 'choices', direction, failure, index: 0 });
}

function onChoicesKey(state: MenuState, screen: Extract<MenuScreen, { kind: 'choices' }>, key: Key): MenuStep {
  const { index, direction, failure } = screen;
  if (key.kind === 'down') return show(state, { ...screen, index: Math.min(index + 1, FAILURE_ITEMS.length - 1) });
  if (key.kind === 'up') return show(state, { ...screen, index: Math.max(index - 1, 0) });
  if (isBack(key)) return show(state, { kind: 'failed', direction, failure, top: 0 });
  if (key.kind !== 'enter') return stay(state);
  switch (FAILURE_ITEMS[index]) {
    case 'TRY AGAIN':
      return startChange(state, direction, false);
    case 'KEEP AND EDIT':
      if (direction === 'disable' || state.draft === null) return show(state, { kind: 'really', direction, ups: 0 });
      return show(state, openProxyField(state, 'host'));
    case 'SAVE ANYWAY':
      return startChange(state, direction, true);
    default:
      return toSetup(state);
  }
}

function onOutcomeKey(state: MenuState, screen: Extract<MenuScreen, { kind: 'outcome' }>, key: Key): MenuStep {
  if (key.kind === 'up' || key.kind === 'down') return show(state, { ...screen, top: scroll(state, screen, key.kind) });
  if (key.kind === 'enter' && screen.outcome.kind === 'user-login')
    return show(state, { kind: 'activation', field: openField('key', '') });
  return key.kind === 'enter' || isBack(key) ? toSetup(state) : stay(state);
}

/** A key has four groups of four. */
const KEY_LENGTH = 16;

function onActivationKey(state: MenuState, { field }: Extract<MenuScreen, { kind: 'activation' }>, key: Key): MenuStep {
  // Keys are printed, sent and pasted with hyphens.
  const written =
    key.kind === 'paste' || key.kind === 'text' ? { ...key, text: key.text.replaceAll(/[- ]/g, '') } : key;
  const edited = editField(field, written);
  if (edited !== null) return show(state, { kind: 'activation', field: edited });
  if (isBack(key)) return toSetup(state);
  if (key.kind !== 'enter') return stay(state);
  const text = fieldText(field);
  if (text.length !== KEY_LENGTH) {
    const error = { short: 'FOUR GROUPS OF FOUR', more: `${text.length} OF ${KEY_LENGTH} CHARACTERS WERE ENTERED.` };
    return show(state, { kind: 'activation', field: { ...field, error } });
  }
  return show(
    state,
    { kind: 'activating', isCancelled: false },
    { kind: 'activate', key: text.replaceAll(/(.{4})(?!$)/g, '$1-') },
  );
}

function onActivated(state: MenuState, result: ChangeResult): MenuStep {
  if (state.screen.kind !== 'activating') return stay(state);
  if (result.kind === 'made') return showOutcome(state, result);
  if (result.kind === 'cancelled') return toSetup(state);
  const { code, message, check } = result.failure;
  const next: MenuScreen = { kind: 'activation', field: openField('key', '') };
  return show(state, { kind: 'notice', title: code, text: `${message} ${check}`, top: 0, next });
}

function onChanged(state: MenuState, result: ChangeResult): MenuStep {
  const { screen, draft } = state;
  if (screen.kind !== 'working') return stay(state);
  const { direction } = screen;
  switch (result.kind) {
    case 'made':
      return showOutcome(dropDraft(state), result);
    case 'cancelled':
      return show(state, { kind: 'really', direction, ups: 0 });
    case 'failed': {
      const { failure } = result;
      if (failure.code === 'CONFIG-CHANGED') return lookAgain(state, failure);
      const isReadable = failure.code === 'AUTH-CLEARTEXT' && draft !== null && !draft.inClear;
      if (isReadable) return show(state, { kind: 'cleartext' });
      return show(state, { kind: 'failed', direction, failure, top: 0 });
    }
  }
}

/** What was entered belongs to settings that are no longer there. */
function lookAgain(state: MenuState, { code, message, check }: FailureView): MenuStep {
  const next: MenuScreen = { kind: 'waiting' };
  return show(
    { ...dropDraft(state), facts: null },
    { kind: 'notice', title: code, text: `${message} ${check}`, top: 0, next },
  );
}

function showOutcome(state: MenuState, { outcome, note }: Extract<ChangeResult, { kind: 'made' }>): MenuStep {
  const screen: MenuScreen = { kind: 'outcome', outcome, top: 0 };
  const first: MenuScreen =
    note === null ? screen : { kind: 'notice', title: 'SAVED', text: note, top: 0, next: screen };
  return show({ ...state, outcome }, first, { kind: 'look', pin: null });
}

/** Whatever was entered is forgotten. */
function onIdle(state: MenuState): MenuStep {
  const { kind } = state.screen;
  if (kind === 'waiting' || kind === 'working' || kind === 'activating') return stay(state);
  const idle = dropDraft(state);
  if (kind === 'pin') return show(idle, { kind: 'pin', field: openField('pin', ''), note: '', isChecking: false });
  return show({ ...idle, facts: null }, { kind: 'waiting' }, { kind: 'lock' }, { kind: 'look', pin: null });
}

function startChange(state: MenuState, direction: Direction, saveAnyway: boolean): MenuStep {
  const { facts, draft } = state;
  if (facts === null) return stay(state);
  const screen: MenuScreen = { kind: 'working', direction, saveAnyway, stages: [], isCancelled: false };
  return show(state, screen, { kind: 'change', direction, facts, draft, saveAnyway });
}

const IN_CLEAR = {
  code: 'AUTH-CLEARTEXT',
  message: 'The proxy offers only Basic, which sends the password readable. It was not sent.',
  check: 'Ask the proxy team for another scheme.',
};

function scroll(state: MenuState, screen: Extract<MenuScreen, { readonly top: number }>, key: 'up' | 'down'): number {
  if (key === 'up') return Math.max(0, screen.top - 1);
  return Math.min(lastTop(state, screen), screen.top + 1);
}

const isBack = ({ kind }: Key) => kind === 'left' || kind === 'escape';
const stay = (state: MenuState): MenuStep => ({ state, effects: [] });
const quit = (state: MenuState): MenuStep => ({ state: dropDraft(state), effects: [{ kind: 'quit' }] });
const dropDraft = (state: MenuState): MenuState => ({ ...state, draft: null });
const toSetup = (state: MenuState): MenuStep => show(dropDraft(state), SETUP);

function show(state: MenuState, screen: MenuScreen, ...effects: readonly MenuEffect[]): MenuStep {
  return { state: { ...state, screen }, effects };
}
