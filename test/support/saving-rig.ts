// The settings routes of the console over a real folder and a fake daemon, without HTTP: for tests of what they write.

import type { AnswerRoute } from '#console/route.ts';
import type { SentForm } from '#console/saving/forms.ts';
import { type ConflictAnswer, routesOf } from '#console/saving/routes.ts';
import { type ChangePreview, Saving } from '#console/saving/saving.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';
import type { TrialView } from '#console/saving/trial-view.ts';
import type { CommandRig } from './command-rig.ts';
import { fakeTerminal } from './fake-terminal.ts';

export class SavingRig {
  readonly saving: Saving;
  /** The text of every answer, as a browser gets it. */
  readonly bodies: string[] = [];
  readonly #answers: ReadonlyMap<string, AnswerRoute>;
  readonly #ending = new AbortController();

  /** `changeSocket`: the file is changed through the service, as for a user who cannot write it. */
  constructor(rig: CommandRig, changeSocket: string | null = null, stateDir = `${rig.folder.path}/state`) {
    const context = rig.context(fakeTerminal());
    this.saving = new Saving({
      ...context,
      file: rig.file,
      stateDir,
      changeSocket: changeSocket ?? context.changeSocket,
      signal: this.#ending.signal,
    });
    const answers = routesOf(this.saving).flatMap((route) => (route.kind === 'answer' ? [route] : []));
    this.#answers = new Map(answers.map((route) => [route.path, route]));
  }

  /** Sends a request as the browser does: its body is checked against the schema. */
  async ask<T>(path: string, body: object = {}): Promise<T> {
    const route = this.#answers.get(path);
    if (route === undefined) throw new Error(`no route ${path}`);
    const request = route.request === null ? undefined : route.request.parse(JSON.parse(JSON.stringify(body)));
    const text = JSON.stringify(await route.answer(request, this.#ending.signal));
    this.bodies.push(text);
    return JSON.parse(text) as T;
  }

  async view(): Promise<SettingsView> {
    return await this.ask('/api/settings');
  }

  async diff(form: SentForm): Promise<ChangePreview> {
    const { digest } = await this.view();
    return await this.ask('/api/diff', { digest, form });
  }

  /** Begins a change for the file as it is now, or as `digest` says. */
  async begin(
    kind: 'try' | 'save',
    form: SentForm,
    digest?: string,
  ): Promise<{ readonly trial: number } & Partial<ConflictAnswer>> {
    const at = digest ?? (await this.view()).digest;
    return await this.ask(`/api/changes/${kind}`, { digest: at, form });
  }

  /** The view once the change has one of these states. */
  async until(...states: TrialView['state'][]): Promise<TrialView> {
    for (let view = this.saving.trial; ; view = await this.saving.trialAfter(view?.version ?? 0, this.#ending.signal)) {
      if (view !== null && states.includes(view.state)) {
        this.bodies.push(JSON.stringify(view));
        return view;
      }
    }
  }

  /** Saves a form, and waits for the end. */
  async save(form: SentForm): Promise<TrialView> {
    await this.begin('save', form);
    return await this.until('saved', 'failed', 'refused', 'conflict', 'waiting');
  }

  close(): void {
    this.#ending.abort(new Error('the test is over'));
  }
}
