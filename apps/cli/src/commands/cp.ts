import type { Command } from 'commander';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathOf } from '../containers/containers.js';
import { pack } from '../containers/pack.js';
import { containerPath, statPath, type RemotePath } from '../containers/remote-path.js';
import { unpack } from '../containers/unpack.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';

interface CopyFlags {
  archive?: boolean;
  followLink?: boolean;
  quiet?: boolean;
}

export function define(command: Command, session: Session): void {
  command
    .argument('<source>', 'PATH, or CONTAINER:PATH; -: an archive from standard input')
    .argument('<target>', 'PATH, or CONTAINER:PATH; -: an archive to standard output')
    .option('-a, --archive', 'keep owners and groups')
    .option('-L, --follow-link', 'what a link at SOURCE leads to, not the link')
    .option('-q, --quiet', 'say nothing')
    .action((source: string, target: string, flags: CopyFlags) => copy(session, source, target, flags));
}

async function copy(session: Session, source: string, target: string, flags: CopyFlags): Promise<void> {
  const [from, to] = [containerPath(source), containerPath(target)];
  if (from && to) throw badUsage('from one container into another is not possible at once: copy to a file first');
  if (!from && !to) throw badUsage('one of both must be in a container: CONTAINER:PATH');
  if (from) await copyFrom(session, await from.resolve(session), target, flags);
  else await copyTo(session, source, await to!.resolve(session), flags);
  if (!flags.quiet && session.err.isTerminal && source !== '-' && target !== '-') session.err.write(`${source} → ${target}\n`);
}

async function copyFrom(session: Session, from: RemotePath, target: string, { archive = false, followLink }: CopyFlags): Promise<void> {
  const api = session.api();
  let { path } = from;
  if (followLink) {
    const about = await statPath(api, from);
    if (about?.isLink) path = about.linkTarget;
  }
  const body = await api.stream(pathOf(from.id, 'archive'), { query: { path } });
  if (target === '-') {
    const { stdout } = session.streams();
    if (stdout.isTTY) throw badUsage('an archive is nothing for a terminal: send it into a pipe');
    return pipeline(body, stdout, { end: false });
  }
  const local = resolve(session.workingDir, target);
  const about = await stat(local).catch(() => undefined);
  if (about?.isDirectory()) {
    // What a path ends in is what is copied; of `/.` it is what lies in it.
    return unpack(body, { directory: local, keepOwners: archive, ...(followLink && !isContent(path) && { topName: posix.basename(from.path) }) });
  }
  const parent = await stat(dirname(local)).catch(() => undefined);
  if (!parent?.isDirectory()) throw new Failure(exitStatus.failed, `there is no folder ${dirname(local)}`);
  if (/\/$/.test(target)) throw new Failure(exitStatus.failed, `there is no folder ${local}`);
  if (isContent(path)) {
    await mkdir(local);
    return unpack(body, { directory: local, keepOwners: archive });
  }
  await unpack(body, { directory: dirname(local), topName: basename(local), keepOwners: archive });
}

async function copyTo(session: Session, source: string, to: RemotePath, { archive = false, followLink = false }: CopyFlags): Promise<void> {
  const api = session.api();
  const query = (path: string) => ({ query: { path, noOverwriteDirNonDir: 'true', copyUIDGID: archive ? 'true' : undefined } });
  if (source === '-') return api.upload(pathOf(to.id, 'archive'), session.streams().stdin as AsyncIterable<Buffer>, query(to.path));
  const local = resolve(session.workingDir, source);
  const about = await (followLink ? stat(local) : lstat(local)).catch(() => {
    throw new Failure(exitStatus.failed, `there is no ${local}`);
  });
  let target = to;
  let there = await statPath(api, target);
  if (there?.isLink) {
    target = { ...to, path: there.linkTarget };
    there = await statPath(api, target);
  }
  if (there?.isDirectory) {
    // `folder/.` is what lies in the folder.
    const name = isContent(source) && about.isDirectory() ? '.' : basename(local);
    return api.upload(pathOf(to.id, 'archive'), pack(local, name, followLink), query(target.path));
  }
  if (there && about.isDirectory()) throw new Failure(exitStatus.failed, `${to.path} in the container is a file: a folder cannot be put there`);
  if (!there && /\/$/.test(to.path) && !about.isDirectory()) throw new Failure(exitStatus.failed, `there is no folder ${to.path} in the container`);
  const parent = posix.dirname(target.path.replace(/\/+$/, ''));
  await api.upload(pathOf(to.id, 'archive'), pack(local, posix.basename(target.path), followLink), query(parent));
}

function isContent(path: string): boolean {
  return path.endsWith('/.') || path === '.';
}
