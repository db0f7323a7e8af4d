import { resolve } from 'node:path';
import { loadCompose, toStackSpec, type ComposeConfig } from '../../../../libs/compose/src/index.js';
import type { StackSubject } from '../../../../libs/stack/src/index.js';
import type { ComposeBundle, FilePlace, ReadStack, StackReader } from './stack-reader.js';

/** Compose files by libs/compose. Every file they name comes with the request: a manager reads nothing from its own disk. */
export const composeReader: StackReader = {
  read(name, bundle): ReadStack {
    const readFile = attachmentsOf(bundle);
    const { files, workingDir, env, homeDir, profiles = [] } = bundle;
    const loaded = loadCompose({ files, workingDir, env, readFile, profiles, ...(homeDir === undefined ? {} : { homeDir }) });
    if (!loaded.ok) return loaded;
    const stack = toStackSpec(loaded.config, name, readFile);
    if (!stack.ok) return stack;
    const anywhere = { file: files[0]!.path, line: 1, column: 1, path: '' };
    return { ok: true, spec: stack.spec, notes: [...loaded.notes, ...stack.notes], locate: (subject) => placeOf(loaded.config, name, subject) ?? anywhere };
  },
};

/** By absolute path, however the client wrote it. */
function attachmentsOf({ workingDir, attachments }: ComposeBundle): (path: string) => Buffer | undefined {
  const contents = new Map(Object.entries(attachments).map(([path, data]) => [resolve(workingDir, path), data]));
  return (path) => {
    const data = contents.get(resolve(workingDir, path));
    return data === undefined ? undefined : Buffer.from(data, 'base64');
  };
}

function placeOf(config: ComposeConfig, stack: string, { kind, name }: StackSubject): FilePlace | undefined {
  const section = config[`${kind}s`];
  const isNamed = (key: string) => `${stack}_${key}` === name || key === name || (section.get(key) as { name?: string } | undefined)?.name === name;
  const key = [...section.keys()].find(isNamed);
  const path = `${kind}s.${key}`;
  const position = config.positions.get(path);
  return position && { ...position, path };
}
