// The screen CONFIG PROXY PARAMETERS and the four screens after it, each with one field. Pure.

import type { ProxyFacts } from '#changes/proxy/facts.ts';
import { editedProfile } from '#changes/proxy/profile-change.ts';
import {
  checkHost,
  mayKeepPassword,
  PASSWORD_AGAIN,
  type ProxyAnswers,
  readPassword,
  readPort,
  shownValues,
  showPort,
} from './answers.ts';
import { type FieldState, fieldText, openField } from './field.ts';
import type { Key } from './keys.ts';
import { type MenuScreen, type MenuState, PROXY_FIELDS, type ProxyDraft, type ProxyFieldName } from './screens.ts';
import { directNotice } from './setup.ts';

/** Shown instead of a stored password. */
const UNCHANGED = '(UNCHANGED)';
const UNANSWERED: ProxyAnswers = { host: null, port: null, user: null, password: { kind: 'kept' } };

/** The values that the screens show at first, and no answers. */
export function openDraft(facts: ProxyFacts, gateways: readonly string[]): ProxyDraft {
  return { shown: shownValues(editedProfile(facts), gateways), answers: UNANSWERED, inClear: false };
}

/** The screen of a field, with its answer so far. */
export function openProxyField({ draft }: MenuState, name: ProxyFieldName): MenuScreen {
  if (draft === null) return { kind: 'field', field: openField(name, '') };
  const text = textBefore(draft, name);
  const { shown, answers } = draft;
  const isStored = name === 'password' && text === '' && shown.hasPassword && (answers.user ?? shown.user) !== '';
  const mayKeep = mayKeepPassword(answers);
  const field = openField(name, text, isStored && mayKeep ? UNCHANGED : '');
  return { kind: 'field', field: isStored && !mayKeep ? { ...field, error: PASSWORD_AGAIN } : field };
}

/** The text that a field shows: its answer, or the stored value. */
function textBefore({ shown, answers }: ProxyDraft, of: ProxyFieldName): string {
  switch (of) {
    case 'host':
      return answers.host ?? shown.host;
    case 'port':
      return answers.port === null ? shown.port : showPort(answers.port);
    case 'user':
      return answers.user ?? shown.user;
    case 'password':
      return answers.password.kind === 'typed' ? answers.password.text : '';
  }
}

/** The state after ENTER, Left at the first character, or Esc in a field; null for another key. */
export function fieldKey(state: MenuState, field: FieldState, key: Key): MenuState | null {
  const name = PROXY_FIELDS.find((one) => one === field.name);
  const { draft } = state;
  if (name === undefined || draft === null) return null;
  if (key.kind === 'enter') return takeField({ ...state, draft }, field, name);
  if (key.kind !== 'left' && key.kind !== 'escape') return null;
  const before = PROXY_FIELDS[PROXY_FIELDS.indexOf(name) - 1];
  return { ...state, screen: before === undefined ? { kind: 'config', ups: 0 } : openProxyField(state, before) };
}

type Drafting = MenuState & { readonly draft: ProxyDraft };

function takeField(state: Drafting, field: FieldState, of: ProxyFieldName): MenuState {
  switch (of) {
    case 'host':
      return takeHost(state, field);
    case 'port':
      return takePort(state, field);
    case 'user':
      return takeUser(state, field);
    case 'password':
      return takePassword(state, field);
  }
}

function takeHost(state: Drafting, field: FieldState): MenuState {
  const { shown } = state.draft;
  const text = fieldText(field);
  const isShown = text === shown.host && text !== '';
  const error = isShown && shown.gateway === null ? null : checkHost(text);
  if (error !== null) return refuse(state, field, error);
  // A new profile has no address yet, so the gateway is an answer.
  const host = isShown && shown.gateway === null ? null : text;
  const next = answer(state, { host });
  return { ...next, screen: text === shown.gateway ? { kind: 'gateway' } : openProxyField(next, 'port') };
}

function takePort(state: Drafting, field: FieldState): MenuState {
  const { shown } = state.draft;
  const port = readPort(fieldText(field));
  if (typeof port !== 'number') return refuse(state, field, port);
  const isStored = isExisting(state) && showPort(port) === shown.port;
  const next = answer(state, { port: isStored ? null : port });
  return { ...next, screen: openProxyField(next, 'user') };
}

function takeUser(state: Drafting, field: FieldState): MenuState {
  const { shown } = state.draft;
  const text = fieldText(field);
  const next = answer(state, { user: text === shown.user ? null : text });
  return { ...next, screen: openProxyField(next, 'password') };
}

function takePassword(state: Drafting, field: FieldState): MenuState {
  const { shown, answers } = state.draft;
  const password = readPassword(fieldText(field), {
    user: answers.user ?? shown.user,
    isUserKept: answers.user === null,
    hasPassword: shown.hasPassword,
    mayKeep: mayKeepPassword(answers),
    isKept: field.isKept,
  });
  if ('short' in password) return refuse(state, field, password);
  const next = answer(state, { password });
  const really: MenuScreen = { kind: 'really', direction: 'enable', ups: 0 };
  return { ...next, screen: (state.facts === null ? null : directNotice(state.facts, really)) ?? really };
}

function isExisting({ facts }: MenuState): boolean {
  return facts !== null && editedProfile(facts) !== null;
}

function answer(state: Drafting, part: Partial<ProxyAnswers>): Drafting {
  const { draft } = state;
  return { ...state, draft: { ...draft, answers: { ...draft.answers, ...part }, inClear: false } };
}

function refuse(state: MenuState, field: FieldState, error: NonNullable<FieldState['error']>): MenuState {
  return { ...state, screen: { kind: 'field', field: { ...field, error } } };
}
