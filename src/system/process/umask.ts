// Reads the umask of this process. Node can read it only by setting it, so it is set and restored in one step.

/** The umask, for example 0o022. The umask stays as it is. */
export function readUmask(): number {
  // Nothing runs in between. 0o077 would only be stricter for a file that another thread creates at this moment.
  const mask = process.umask(0o077);
  process.umask(mask);
  return mask;
}
