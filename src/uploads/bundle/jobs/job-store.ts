// The jobs of support logs on disk: `state/jobs/<id>/job.json`, and the files of the bundle in `work/`.
//
// Guarantees: a change is durable when the function returns. Memory is updated only after the disk. A crash leaves the
// old record or the new one. A folder without a readable record is reported and not changed. A record is deleted after
// all other files of its job, so that a deletion can be repeated after a crash. Relies on the lock of the state folder.

import { join } from 'node:path';
import { asCoded, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Ballast } from '#spool/ballast.ts';
import type { Clock, Random } from '#system/clock.ts';
import { UNFINISHED_SUFFIX } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { isJobId, makeJobId } from './job-id.ts';
import { JOB_FORMAT, JOB_READER, type Job, makeJob, type NewJob } from './job-record.ts';
import { removeTree } from './remove-tree.ts';

/** The folder of all jobs in the state folder. */
const FOLDER = 'jobs';
const RECORD = 'job.json';
const WORK = 'work';

export interface JobStorePorts {
  readonly files: Files;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Space for records when the disk is full. */
  ballast(): Promise<Pick<Ballast, 'spend'>>;
}

/** The only writer of the records. */
export class JobStore {
  readonly dir: string;
  readonly #ports: JobStorePorts;
  readonly #turns = new Turns();
  readonly #jobs = new Map<string, Job>();

  private constructor(ports: JobStorePorts) {
    this.#ports = ports;
    this.dir = join(ports.stateDir, FOLDER);
  }

  /** Whether there is a folder of jobs. Makes nothing. */
  static async exists({ files, stateDir }: Pick<JobStorePorts, 'files' | 'stateDir'>): Promise<boolean> {
    return (await files.list(join(stateDir, FOLDER))).some(isJobId);
  }

  /** Reads every job. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
  static async open(ports: JobStorePorts): Promise<JobStore> {
    const store = new JobStore(ports);
    await ownFolder(ports.files, store.dir, { mode: 0o700, what: 'the folder of jobs' });
    for (const id of (await ports.files.list(store.dir)).filter(isJobId)) await store.#load(id);
    return store;
  }

  /** Every job, oldest first. */
  get all(): readonly Job[] {
    return [...this.#jobs.values()].sort((one, other) => one.created_at - other.created_at);
  }

  get(id: string): Job | null {
    return this.#jobs.get(id) ?? null;
  }

  /** @throws CodedError JOB-UNKNOWN */
  known(id: string): Job {
    const job = this.get(id);
    if (job === null) throw coded('JOB-UNKNOWN', { job: id.slice(0, 64) });
    return job;
  }

  /** The folder in which a job is built. */
  workOf(id: string): string {
    return join(this.dir, id, WORK);
  }

  /** The frozen file of a job. */
  fileOf({ id, built }: Job): string {
    if (built === null) throw coded('INTERNAL', { reason: `job ${id} has no file` });
    return join(this.workOf(id), built.name);
  }

  /** Makes a job with this id, if it can be one and is free, or with a new one; durable on return. @throws CodedError DISK-FULL, FILE-* */
  create(given: Omit<NewJob, 'id'>, wanted: string | null = null): Promise<Job> {
    return this.#turns.run(async () => {
      const { files, clock, random } = this.#ports;
      let id = wanted !== null && isJobId(wanted) ? wanted : makeJobId(clock.now(), random);
      while (this.#jobs.has(id) || (await files.facts(join(this.dir, id))) !== null) {
        id = makeJobId(clock.now(), random);
      }
      const job = makeJob({ ...given, id }, clock.now());
      await files.makeDirectory(this.workOf(id), 0o700);
      try {
        await this.#write(job);
      } catch (thrown) {
        await removeTree(files, join(this.dir, id)).catch(asCoded);
        throw thrown;
      }
      return job;
    });
  }

  /** Changes a record; durable on return. @throws CodedError JOB-UNKNOWN, DISK-FULL, FILE-* */
  update(id: string, change: (job: Job) => Partial<Job>): Promise<Job> {
    return this.#turns.run(async () => {
      const before = this.known(id);
      const changed = { ...before, ...change(before) };
      const isMoved = changed.state !== before.state;
      const job = isMoved ? { ...changed, state_at: this.#ports.clock.now() } : changed;
      const { spend } = await this.#ballast();
      await spend(() => this.#write(job));
      return job;
    });
  }

  /** Deletes a job with its files. Needs no space. @throws CodedError FILE-* */
  remove(id: string): Promise<void> {
    return this.#turns.run(async () => {
      const { files } = this.#ports;
      const folder = join(this.dir, id);
      await removeTree(files, join(folder, WORK));
      await files.remove(join(folder, RECORD));
      this.#jobs.delete(id);
      await removeTree(files, folder);
      await files.syncDirectory(this.dir);
    });
  }

  /** Deletes what was collected, and the frozen file unless it is kept. @throws CodedError FILE-*, DISK-FULL */
  async clearWork(id: string, { keepsFile }: { readonly keepsFile: boolean }): Promise<void> {
    const { files } = this.#ports;
    const { built } = keepsFile ? this.known(id) : { built: null };
    for (const name of await files.list(this.workOf(id))) {
      const path = join(this.workOf(id), name);
      if (name === built?.name) continue;
      if ((await files.facts(path))?.kind === 'directory') await removeTree(files, path);
      else await files.remove(path);
    }
    if (!keepsFile) await this.update(id, () => ({ file_deleted: true }));
  }

  async #load(id: string): Promise<void> {
    const { files, report } = this.#ports;
    const folder = join(this.dir, id);
    const loaded = await loadState(files, join(folder, RECORD), JOB_READER);
    if (loaded.kind === 'loaded' && loaded.value.id === id) this.#jobs.set(id, loaded.value);
    else if (loaded.kind === 'set-aside') report({ name: 'state-set-aside', error: loaded.error });
    // A crash while a job was made or deleted: it was never reported as accepted.
    else if (loaded.kind === 'absent' && !(await this.#hasSetAside(folder))) await removeTree(files, folder);
  }

  async #hasSetAside(folder: string): Promise<boolean> {
    return (await this.#ports.files.list(folder)).some(
      (name) => name.startsWith(`${RECORD}.`) && !name.endsWith(UNFINISHED_SUFFIX),
    );
  }

  async #write(job: Job): Promise<void> {
    await saveState(this.#ports.files, join(this.dir, job.id, RECORD), { format: JOB_FORMAT, value: job });
    this.#jobs.set(job.id, job);
  }

  /** Without a ballast, a full disk is reported as one. */
  async #ballast(): Promise<{ spend: <T>(work: () => Promise<T>) => Promise<T> }> {
    const ballast = await this.#ports.ballast().catch(asCoded);
    return { spend: (work) => ('spend' in ballast ? ballast.spend(work) : work()) };
  }
}
