// The words of the screens, as the manual of the sensor writes them. Pure.

import { PURPOSES, purposeRow } from '#config/purposes.ts';
import type { Diagnosis } from '#control/control.ts';
import type { FieldName } from '#menu/model/characters.ts';
import { type MenuScreen, type MenuState, SIZES, type TriedStage } from '#menu/model/screens.ts';

export const FIELD_LABELS: Readonly<Record<FieldName, string>> = {
  host: 'PROXY HOST',
  port: 'PROXY PORT',
  user: 'PROXY USER',
  password: 'PROXY PASS',
  pin: 'ENTER PIN',
  key: 'ACTIVATION KEY',
};

const { columns: COLUMNS } = SIZES['16x2'];

type StageName = Diagnosis['purposes'][number]['stages'][number]['name'];

/** Of at most 9 characters, so that `FAILED` fits next to it on a small display. */
const STAGE_LABELS: Readonly<Record<string, string>> = {
  choice: 'ROUTE',
  resolve: 'NAME',
  dial: 'TCP',
  proxy_tls: 'PROXY TLS',
  tunnel: 'CONNECT',
  authentication: 'USER',
  tls: 'TLS',
  http: 'HTTP',
  websocket: 'WEBSOCKET',
  range: 'RANGE',
  upload: 'UPLOAD',
  path: 'PATH',
  clock: 'CLOCK',
} satisfies Record<StageName, string>;

/** By the name of the purpose: its title, or a shorter name if the title is too long for a row. */
const PURPOSE_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  PURPOSES.map((purpose) => {
    const { title, thread } = purposeRow(purpose);
    return [purpose, (title.length > COLUMNS ? thread : title).toUpperCase()];
  }),
);

/** A stage in a line of the large display, with the code of its failure. */
export function stageLine({ stage, purpose, code }: TriedStage): string {
  return `${labelOf(stage, STAGE_LABELS)} ${code ?? 'OK'} (${purpose})`;
}

/** A stage in two rows of 16 columns. The failure itself follows on a screen of its own. */
export function stageRows({ stage, purpose, code }: TriedStage): readonly [string, string] {
  return [labelOf(purpose, PURPOSE_LABELS), `${labelOf(stage, STAGE_LABELS)} ${code === null ? 'OK' : 'FAILED'}`];
}

/** A daemon of another version may have other stages. */
function labelOf(name: string, labels: Readonly<Record<string, string>>): string {
  return labels[name] ?? name.toUpperCase().replaceAll('_', ' ');
}

/** The first line of a screen. */
export function screenTitle({ screen, draft }: Pick<MenuState, 'screen' | 'draft'>): string {
  switch (screen.kind) {
    case 'waiting':
      return 'PLEASE WAIT';
    case 'pin':
    case 'activation':
    case 'field':
      return FIELD_LABELS[screen.field.name];
    case 'setup':
      return 'SETUP NETWORK';
    case 'config':
      return 'CONFIG PROXY PARAMETERS';
    case 'really':
      return screen.direction === 'enable' ? 'REALLY ENABLE PROXY?' : 'REALLY DISABLE PROXY?';
    case 'gateway':
      return `IS ${draft?.answers.host ?? draft?.shown.host ?? ''} REALLY THE PROXY?`;
    case 'cleartext':
      return 'SEND PASSWORD IN CLEAR?';
    case 'working':
      return workingTitle(screen);
    case 'activating':
      return screen.isCancelled ? 'CANCELLING' : 'ACTIVATING';
    case 'notice':
      return screen.title;
    case 'failed':
      return 'CONFIGURATION ERROR';
    case 'choices':
      return 'NOT SAVED';
    case 'outcome':
      return OUTCOME_TITLES[screen.outcome.kind];
  }
}

const OUTCOME_TITLES: Readonly<Record<MenuState['outcome']['kind'], string>> = {
  connected: 'CONNECTED',
  'user-login': 'CONNECTED, NOT ACTIVATED',
  'configuration-error': 'CONFIGURATION ERROR',
  unknown: 'SAVED',
};

function workingTitle({ direction, isCancelled, saveAnyway }: Extract<MenuScreen, { kind: 'working' }>): string {
  if (isCancelled) return 'CANCELLING';
  if (saveAnyway) return 'SAVING';
  return direction === 'enable' ? 'ENABLING PROXY SUPPORT' : 'DISABLING PROXY SUPPORT';
}

const QUESTION = 'ENTER: continue   Up Up: back to SETUP NETWORK';
const SCROLL = 'Up Down: scroll   ENTER: continue';
const FIELD = 'Up Down: change character   Left Right: move   ENTER: take   Esc: back';
const LIST = 'Up Down: select   ENTER: continue';

/** The keys of a screen, for the last line of the large display. */
export function keyHint(screen: MenuScreen): string {
  // Without settings, nothing else can be done.
  const isStuck = screen.kind === 'notice' && screen.next.kind === 'waiting';
  return isStuck ? 'Up Down: scroll   ENTER: try again   Ctrl-C: quit' : HINTS[screen.kind];
}

const HINTS: Readonly<Record<MenuScreen['kind'], string>> = {
  waiting: '',
  pin: 'Up Down: change digit   Left Right: move   ENTER: take',
  setup: `${LIST}   Esc: quit`,
  config: QUESTION,
  really: QUESTION,
  gateway: 'ENTER: yes   Esc: back',
  field: FIELD,
  notice: SCROLL,
  working: 'Esc: cancel',
  cleartext: 'ENTER: yes   Esc: no',
  failed: SCROLL,
  choices: LIST,
  outcome: SCROLL,
  activation: FIELD,
  activating: 'Esc: cancel',
};
