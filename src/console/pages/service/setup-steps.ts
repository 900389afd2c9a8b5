// The steps of the set-up, with the state of each. Pure.

import type { ConsoleSession } from '#console/wire.ts';
import type { Status } from '#control/status.ts';
import { failureText, timeText } from '#control/text/status-rows.ts';
import { showForeign } from '#errors/template.ts';

export interface SetupStep {
  readonly key: 'file' | 'feed' | 'service' | 'proxy' | 'test' | 'check';
  readonly title: string;
  /** unknown: an earlier step comes first. */
  readonly state: 'done' | 'missing' | 'unknown';
  readonly text: string;
  /** Lines for root to copy. */
  readonly commands: string | null;
  readonly page: { readonly id: string; readonly text: string } | null;
}

const EXAMPLE = '/usr/share/sallyport/sallyport.example.yaml';

export interface SetupFacts {
  readonly session: ConsoleSession | null;
  readonly status: Status | null;
  readonly isRunning: boolean;
}

export function isSetUp(steps: readonly SetupStep[]): boolean {
  return steps.every(({ state }) => state === 'done');
}

export function setupSteps(facts: SetupFacts): readonly SetupStep[] {
  const { session, status, isRunning } = facts;
  const file = session?.file ?? status?.config.file ?? '/etc/sallyport/sallyport.yaml';
  return [fileStep(file, status), feedStep(file, status), serviceStep(session, isRunning), ...routeSteps(facts)];
}

function fileStep(file: string, status: Status | null): SetupStep {
  const refused = status?.config.refused ?? null;
  const shown = showForeign(file);
  const common = { key: 'file', title: 'Configuration file', page: null } as const;
  if (refused !== null) {
    return {
      ...common,
      state: 'missing',
      text: `The file was rejected: ${refused.first}`,
      commands: 'sudo sallyport config check',
    };
  }
  if (status !== null) return { ...common, state: 'done', text: `${shown} is in effect.`, commands: null };
  // A service that is stopped says nothing about the file, so the lines replace no file that is there.
  return {
    ...common,
    state: 'unknown',
    text: `The service reads ${shown}. These lines make it from the example if there is none, then check it.`,
    commands: `test -e ${shown} || sudo install -m 0640 -g sallyport ${EXAMPLE} ${shown}\nsudo sallyport config check`,
  };
}

function feedStep(file: string, status: Status | null): SetupStep {
  const common = { key: 'feed', title: 'Update feed', page: null } as const;
  if (status === null)
    return { ...common, state: 'unknown', text: 'The service has to read the file first.', commands: null };
  const { feed } = status.updates;
  if (feed !== null)
    return { ...common, state: 'done', text: `Updates come from ${showForeign(feed)}.`, commands: null };
  return {
    ...common,
    state: 'missing',
    text: `Set \`updates.feed_url\` to the address that the vendor gave you, in ${showForeign(file)}.`,
    commands: 'sudo sallyport config set updates.feed_url https://updates.example.com/feed.json',
  };
}

function serviceStep(session: ConsoleSession | null, isRunning: boolean): SetupStep {
  const common = { key: 'service', title: 'Service', page: null } as const;
  if (isRunning) return { ...common, state: 'done', text: 'The service is running.', commands: null };
  const problem = session?.problem ?? null;
  const reason = problem === null ? 'The service is not running.' : failureText(problem);
  return {
    ...common,
    state: 'missing',
    text: reason,
    commands: 'sudo systemctl enable --now sallyport\nsystemctl status sallyport',
  };
}

function routeSteps({ status }: SetupFacts): SetupStep[] {
  // Updates are the purpose that every host has.
  const route = status?.routes[0] ?? null;
  const isKnown = status !== null && route !== null && route.target !== null;
  const wait = 'The service and the feed come first.';
  const isRefused = route?.how === 'refused';
  const worked = route?.last_success ?? null;
  const checked = status?.updates.last_success ?? null;
  const through =
    route?.proxy == null ? 'Updates are fetched without a proxy.' : `Updates use proxy ${showForeign(route.proxy)}.`;
  const failed = route?.last_failure?.open === true ? failureText(route.last_failure.failure) : null;
  return [
    {
      key: 'proxy',
      title: 'Proxy',
      state: isKnown ? doneIf(!isRefused) : 'unknown',
      text: isKnown ? `${through} Check that this is what your network needs.` : wait,
      commands: null,
      page: { id: 'proxy-settings', text: 'Open Proxy Settings' },
    },
    {
      key: 'test',
      title: 'Connection test',
      state: isKnown ? doneIf(worked !== null) : 'unknown',
      text: isKnown ? (failed ?? connectionText(worked)) : wait,
      commands: null,
      page: { id: 'diagnose', text: 'Open Diagnose' },
    },
    {
      key: 'check',
      title: 'First check',
      state: isKnown ? doneIf(checked !== null) : 'unknown',
      text: checked === null ? 'The feed was not read yet.' : `The feed was read ${timeText(checked)}.`,
      commands: 'sallyport check',
      page: { id: 'overview', text: 'Open the overview, and check for updates now' },
    },
  ];
}

function doneIf(isDone: boolean): 'done' | 'missing' {
  return isDone ? 'done' : 'missing';
}

function connectionText(worked: string | null): string {
  return worked === null ? 'No connection has succeeded yet.' : `A connection succeeded ${timeText(worked)}.`;
}
