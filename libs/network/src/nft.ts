import koffi from 'koffi';
import { Bug, Temporary } from '../../base/src/index.js';
import { runCommand } from './commands.js';
import { inNamespace } from './namespaces.js';
import { Netlink, netlinkProtocol, readAttributes } from './netlink.js';
import { compileTransaction } from './nft-batch.js';
import { NftWatch } from './nft-watch.js';
import type { NftTouches } from './nft-watch.js';
import { SystemError } from './syscalls.js';

/** nftables of one namespace. */
export interface Nft {
  /** Does one transaction: all of it, or nothing and a `Temporary` error. Empty text is no transaction. */
  run(text: string): Promise<void>;
  /** What others changed in the namespace since the last call; `undefined`: more than could be heard. */
  takeTouches(): NftTouches | undefined;
  close(): void;
}

/** NFNL_SUBSYS_NFTABLES */
const nftables = 10;

/** Longer texts (a full load of many services takes 100 ms and more) must not hold up the process: they go to nft(8). */
const maxInProcessLength = 32 * 1024;

/** `namespaceFd` absent: the process' own namespace. */
export function openNft(namespaceFd?: number): Nft {
  const library = libnftables();
  const context = library && within(namespaceFd, () => library.newContext(0));
  if (library && context) {
    library.bufferErrors(context);
    library.bufferOutput(context);
  }
  const netlink = within(namespaceFd, () => new Netlink(netlinkProtocol.netfilter));
  const watch = within(namespaceFd, () => new NftWatch());

  async function transact(text: string): Promise<void> {
    if (transactDirectly(netlink, text)) return;
    if (!library || !context || text.length > maxInProcessLength) return runNftCommand(text, namespaceFd);
    const failed = within(namespaceFd, () => library.run(context, text)) !== 0;
    if (failed) throw refused(library.errors(context));
  }

  return {
    async run(text) {
      if (text === '') return;
      watch.hear();
      const before = readGeneration(netlink);
      await transact(text);
      const after = readGeneration(netlink);
      watch.hearOwn(after === before + 1 ? after : undefined);
    },
    takeTouches: () => watch.take(),
    close() {
      watch.close();
      netlink.close();
      if (library && context) library.freeContext(context);
    },
  };
}

/** False: it has to be done by the text. A refusal too: nft says in words why, or knows this kernel better than we do. */
function transactDirectly(netlink: Netlink, text: string): boolean {
  const messages = text.length <= maxInProcessLength ? compileTransaction(text) : undefined;
  if (!messages) return false;
  try {
    netlink.transact(messages, nftables);
    return true;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

/** The kernel counts transactions: NFT_MSG_GETGEN of linux/netfilter/nf_tables.h. */
function readGeneration(netlink: Netlink): number {
  const getGeneration = (nftables << 8) | 16;
  const id = 1;
  const body = netlink.get(getGeneration, Buffer.alloc(4));
  const value = body && readAttributes(body.subarray(4)).get(id);
  if (!value) throw new Bug('the kernel does not tell the generation of its nftables rules');
  return value.readUInt32BE(0);
}

interface Library {
  newContext(flags: number): unknown;
  freeContext(context: unknown): void;
  bufferErrors(context: unknown): number;
  bufferOutput(context: unknown): number;
  run(context: unknown, text: string): number;
  errors(context: unknown): string;
}

let loaded: Library | null | undefined;

/** It comes with the nft program of Debian and most others; where it does not, nft(8) does all the work. */
function libnftables(): Library | null {
  loaded ??= loadLibrary();
  return loaded;
}

function loadLibrary(): Library | null {
  try {
    const library = koffi.load('libnftables.so.1');
    return {
      newContext: library.func('void *nft_ctx_new(uint32_t flags)'),
      freeContext: library.func('void nft_ctx_free(void *ctx)'),
      bufferErrors: library.func('int nft_ctx_buffer_error(void *ctx)'),
      bufferOutput: library.func('int nft_ctx_buffer_output(void *ctx)'),
      run: library.func('int nft_run_cmd_from_buffer(void *ctx, const char *text)'),
      errors: library.func('const char *nft_ctx_get_error_buffer(void *ctx)'),
    };
  } catch {
    return null; // not installed, or without one of these functions
  }
}

/** The library may open its socket anew at any call, and must then find itself in the same namespace. */
function within<T>(namespaceFd: number | undefined, job: () => T): T {
  return namespaceFd === undefined ? job() : inNamespace(namespaceFd, job);
}

async function runNftCommand(text: string, namespaceFd?: number): Promise<void> {
  const { status, errors } = await runCommand(['nft', '-f', '-'], text, namespaceFd);
  if (status !== 0) throw refused(errors);
}

function refused(errors: string): Temporary {
  return new Temporary(`nftables refused a transaction: ${errors.trim().split('\n').slice(0, 4).join(' / ')}`);
}
