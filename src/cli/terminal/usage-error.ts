// The error for invalid or missing arguments: one sentence, exit status 64. It is also thrown if a command has to ask a
// question but there is no terminal.

/** The message is a sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
