import type { StackSpec } from '../../../../libs/model/src/index.js';
import type { StackSubject } from '../../../../libs/stack/src/index.js';

/** What the CLI collects: compose files and every file that they name, so that a manager needs none of the user's disk. */
export interface ComposeBundle {
  files: { path: string; text: string }[];
  /** Relative names are relative to it. */
  workingDir: string;
  env: Record<string, string>;
  /** What `~` in a bind mount stands for. */
  homeDir?: string;
  /** Active ones. */
  profiles?: string[];
  /** Path as the compose file names it, resolved against `workingDir` → content in base64. */
  attachments: Record<string, string>;
}

/** A place in a compose file, and the dotted path of what is there. */
export interface FilePlace {
  file: string;
  line: number;
  column: number;
  path: string;
}

/** What is wrong, and where. */
export type FileProblem = FilePlace & { message: string; suggestion?: string };
/** What does not stop a deploy, but should be known. */
export type FileNote = FilePlace & { message: string };

export type ReadStack =
  | {
      ok: true;
      spec: StackSpec;
      notes: FileNote[];
      /** Where the files speak of an object, so that problems found later point there too. */
      locate(subject: StackSubject): FilePlace;
    }
  | { ok: false; problems: FileProblem[] };

/** From text to what it comes to; every problem at once. */
export interface StackReader {
  read(name: string, bundle: ComposeBundle): ReadStack;
}
