import type { ComposeConfig } from './compose-config.js';
import type { FileContent } from './env-file.js';
import type { Environment } from './interpolate.js';
import { parseDocument, versionOf } from './load-alone.js';
import type { Loading } from './load-alone.js';
import { loadDocument } from './load-document.js';
import { mergeConfigs } from './merge.js';
import { Findings } from './problems.js';
import type { Note, Problem } from './problems.js';
import { selectProfiles } from './profiles.js';
import { get } from './yaml/value.js';
import type { MapValue } from './yaml/value.js';

export interface LoadInput {
  /** In the order given; later ones change earlier ones. */
  files: { path: string; text: string }[];
  /** Absolute; the folder of the first file. Relative paths of all files begin here. */
  workingDir: string;
  env: Environment;
  /** The content of a file that the compose files name (an env file, an included or extended file) by absolute path, undefined when it cannot be read. */
  readFile?: (path: string) => FileContent | undefined;
  /** What ~ stands for; default: HOME of `env`. */
  homeDir?: string;
  /** False: variables stay as they are written. */
  interpolate?: boolean;
  /** Services that name profiles are left out unless one of theirs is among these; `*` stands for all. */
  profiles?: readonly string[];
}

export type LoadResult = { ok: true; config: ComposeConfig; notes: Note[] } | { ok: false; problems: Problem[] };

/**
 * Reads compose files as the docker CLI 28.2 does: parse, interpolate, check against the schema of the version, bring to
 * the long form, merge; with `extends`, `include` and `profiles` of the Compose Specification. Either a configuration with
 * notes, or every problem that was found.
 */
export function loadCompose(input: LoadInput): LoadResult {
  const findings = new Findings();
  const paths = input.files.map((file) => file.path);
  const config = load(input, findings);
  if (!findings.ok || !config) return { ok: false, problems: findings.sortedProblems(paths) };
  return { ok: true, config, notes: findings.sortedNotes(paths) };
}

function load(input: LoadInput, findings: Findings): ComposeConfig | undefined {
  if (input.files.length === 0) {
    findings.problem({ file: '', line: 1, column: 1 }, '', 'no compose file is given', 'name one with --compose-file');
    return undefined;
  }
  const documents = input.files.map((file) => parseDocument(file, findings));
  if (!findings.ok) return undefined;
  rejectOtherVersions(documents as MapValue[], findings);
  const loading: Loading = {
    workingDir: input.workingDir,
    environment: input.env,
    homeDir: input.homeDir ?? input.env['HOME'],
    readFile: input.readFile ?? (() => undefined),
    interpolate: input.interpolate !== false,
    openFiles: [],
  };
  const configs = documents.map((document) => loadDocument(document as MapValue, loading, findings));
  if (!findings.ok) return undefined;
  return selectProfiles(mergeConfigs(configs as ComposeConfig[], findings), input.profiles ?? []);
}

function rejectOtherVersions(documents: MapValue[], findings: Findings): void {
  const expected = versionOf(documents[0] as MapValue);
  for (const document of documents) {
    const version = versionOf(document);
    if (version === expected) continue;
    findings.problem(get(document, 'version')?.at ?? document.at, 'version', `all files must have the same version, but this is ${version} and the first file says ${expected}`);
  }
}
