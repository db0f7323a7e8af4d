import type { Output, Session } from '../session.js';

export type Paint = (text: string) => string;

export interface Palette {
  red: Paint;
  green: Paint;
  yellow: Paint;
  dim: Paint;
  bold: Paint;
}

const plain: Paint = (text) => text;
const sgr = (on: number, off: number): Paint => (text) => `\x1b[${on}m${text}\x1b[${off}m`;

export const colourless: Palette = { red: plain, green: plain, yellow: plain, dim: plain, bold: plain };
const ansi: Palette = { red: sgr(31, 39), green: sgr(32, 39), yellow: sgr(33, 39), dim: sgr(2, 22), bold: sgr(1, 22) };

/** Colours only on a terminal, never with NO_COLOR or --no-color; CLICOLOR_FORCE forces them. */
export function palette(output: Output, env: Session['env']): Palette {
  if (env['NO_COLOR']) return colourless;
  if (env['CLICOLOR_FORCE'] && env['CLICOLOR_FORCE'] !== '0') return ansi;
  return output.isTerminal && env['TERM'] !== 'dumb' ? ansi : colourless;
}
