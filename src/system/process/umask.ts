// Reads the umask of this process. Node can only read it together with a write, so both happen at once here.

/** The umask, for example 0o022. The umask stays as it is. */
export function readUmask(): number {
  // Nothing runs in between. 0o077 would only be stricter for a file that another thread creates at this moment.
  const mask = process.umask(0o077);
  process.umask(mask);
  return mask;
}
