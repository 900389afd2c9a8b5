// The requests of the settings pages: reading the settings, and trying and saving changes.

import { readGateways } from '#config/reading/host-gateways.ts';
import { type AnswerRoute, answerRoute, type ConsoleContext, type ConsoleRoute, streamRoute } from '#console/route.ts';
import type { WireFailure } from '#console/wire.ts';
import type { KeyConflict } from './differences.ts';
import { formRequestSchema, pinRequestSchema, trialRequestSchema } from './forms.ts';
import { ConflictFound, Saving } from './saving.ts';
import type { TrialView } from './trial-view.ts';

/** The answer if another user changed the file since the page showed it. Nothing was changed. */
export interface ConflictAnswer {
  readonly conflict: { readonly error: WireFailure; readonly conflicts: readonly KeyConflict[] };
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
    answerRoute({ ...post('/api/changes/again'), request: trialRequestSchema }, ({ trial }, signal) =>
      saving.again(trial, signal),
    ),
    answerRoute({ ...post('/api/changes/anyway'), request: trialRequestSchema }, ({ trial }, signal) =>
      saving.saveAnyway(trial, signal),
    ),
    answerRoute({ ...post('/api/timeout/estimate'), request: null }, (_, signal) => saving.estimate(signal)),
    streamRoute<unknown>({ path: '/api/streams/trial', request: null }, async (_, onEvent, signal) => {
      const view = await followTrial(saving, onEvent, signal);
      return { trial: view };
    }),
  ];
}

type FormHandler = (
  ...args: Parameters<Saving['diff']>
) => Promise<{ readonly trial: number } | Awaited<ReturnType<Saving['diff']>>>;

function formRoute(path: string, answer: FormHandler): AnswerRoute {
  return answerRoute({ method: 'POST', path, request: formRequestSchema }, async (request, signal) => {
    try {
      return await answer(request, signal);
    } catch (thrown) {
      if (!(thrown instanceof ConflictFound)) throw thrown;
      const { failure, conflicts } = thrown;
      return { conflict: { error: failure, conflicts } } satisfies ConflictAnswer;
    }
  });
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
