// The requests of the settings pages: reading the settings, and trying and saving changes.

import { readGateways } from '#config/reading/host-gateways.ts';
import { type AnswerRoute, answerRoute, type ConsoleContext, type ConsoleRoute, streamRoute } from '#console/route.ts';
import type { WireFailure } from '#console/wire.ts';
import type { KeyConflict } from './differences.ts';
import { type FormRequest, formRequestSchema, pinRequestSchema, trialRequestSchema } from './forms.ts';
import { ConflictFound, Saving } from './saving.ts';
import type { TrialView } from './trial-view.ts';

/** The answer if another user changed the file since the page showed it. Nothing was changed. */
export interface ConflictAnswer {
  readonly conflict: {
    readonly error: WireFailure;
    readonly conflicts: readonly KeyConflict[];
    /** The sha256 in hex of the file that has these conflicts. */
    readonly digest: string;
  };
}

/** The routes, which share the change that is being tried. */
export function changeRoutes(context: ConsoleContext): readonly ConsoleRoute[] {
  const { file, stateDir, changeSocket, known, keepSecret, signal } = context;
  const own = { file, stateDir, changeSocket, known, keepSecret, signal, gateways: readGateways };
  return routesOf(new Saving({ ...context.changing(signal), ...own }));
}

/** The routes over these changes. */
export function routesOf(saving: Saving): readonly ConsoleRoute[] {
  const post = (path: string) => ({ method: 'POST', path }) as const;
  return [
    answerRoute({ method: 'GET', path: '/api/settings', request: null }, (_, signal) => saving.settings(signal)),
    answerRoute({ ...post('/api/settings/unlock'), request: pinRequestSchema }, ({ pin }, signal) =>
      saving.unlock(pin, signal),
    ),
    formRoute('/api/diff', (request, signal) => saving.diff(request, signal)),
    formRoute('/api/changes/try', (request, signal) => saving.start('try', request, signal)),
    formRoute('/api/changes/save', (request, signal) => saving.start('save', request, signal)),
    answerRoute({ method: 'GET', path: '/api/changes/trial', request: null }, () =>
      Promise.resolve({ trial: saving.trial }),
    ),
    answerRoute({ ...post('/api/changes/leave'), request: trialRequestSchema }, ({ trial }) => {
      saving.leave(trial);
      return Promise.resolve({ trial: saving.trial });
    }),
    trialRoute('/api/changes/again', ({ trial }, signal) => saving.again(trial, signal)),
    trialRoute('/api/changes/in-clear', ({ trial }, signal) => saving.inClear(trial, signal)),
    trialRoute('/api/changes/anyway', ({ trial }, signal) => saving.saveAnyway(trial, signal)),
    answerRoute({ ...post('/api/timeout/estimate'), request: null }, (_, signal) => saving.estimate(signal)),
    streamRoute<unknown>({ path: '/api/streams/trial', request: null }, async (_, onEvent, signal) => {
      const view = await followTrial(saving, onEvent, signal);
      return { trial: view };
    }),
  ];
}

type Begun = { readonly trial: number } | Awaited<ReturnType<Saving['diff']>>;

function formRoute(path: string, answer: (request: FormRequest, signal: AbortSignal) => Promise<Begun>): AnswerRoute {
  return answerRoute({ method: 'POST', path, request: formRequestSchema }, (request, signal) =>
    orConflict(answer(request, signal)),
  );
}

function trialRoute(
  path: string,
  answer: (request: { readonly trial: number }, signal: AbortSignal) => Promise<Begun>,
): AnswerRoute {
  return answerRoute({ method: 'POST', path, request: trialRequestSchema }, (request, signal) =>
    orConflict(answer(request, signal)),
  );
}

/** A change by another user is an answer and not a failure, because the page has to show it key by key. */
async function orConflict(begun: Promise<Begun>): Promise<Begun | ConflictAnswer> {
  try {
    return await begun;
  } catch (thrown) {
    if (!(thrown instanceof ConflictFound)) throw thrown;
    const { failure, conflicts, digest } = thrown;
    return { conflict: { error: failure, conflicts, digest } };
  }
}

/** Reports the view, and again after each change, until the change has ended. Returns the last view. */
async function followTrial(
  saving: Saving,
  onEvent: (event: TrialView) => void,
  signal: AbortSignal,
): Promise<TrialView | null> {
  let view = saving.trial;
  while (view !== null) {
    onEvent(view);
    if (view.until === null && view.state !== 'writing') return view;
    view = await saving.trialAfter(view.version, signal);
  }
  return null;
}
