// Arguments that do not suffice: told in one sentence, exit status 64. Thrown where a question would have been asked and
// nobody is there to answer it.

/** A sentence for whoever typed the command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
