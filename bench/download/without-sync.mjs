// Preloaded into Sallyport for the rows without durability: fsync does nothing.
import { open } from 'node:fs/promises';

const file = await open('/dev/null');
const { prototype } = Object.getPrototypeOf(file).constructor;
prototype.sync = async () => undefined;
prototype.datasync = async () => undefined;
await file.close();
