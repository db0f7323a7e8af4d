import { MemoryStore } from '../src/index.js';
import { storeContract } from './contract.js';

storeContract('MemoryStore', async () => new MemoryStore());
