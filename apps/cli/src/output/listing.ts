import type { Session } from '../session.js';
import { compileTemplate } from './template.js';
import { alignTabs } from './table.js';

/** The flags that every list has. */
export interface ListFlags {
  quiet?: boolean;
  /** `table`, `table TEMPLATE`, `json`, or a Go template. */
  format?: string;
  json?: boolean;
}

/**
 * One object in a list. `cells` are the placeholders of templates, cut and worded for people.
 * `full` is what `json` prints: whole values, RFC 3339 stamps.
 */
export interface Row {
  id: string;
  cells: Record<string, unknown>;
  full: Record<string, unknown>;
}

export interface Listing {
  /** Table header of each placeholder. */
  headers: Record<string, string>;
  /** The default table: a template with tabs between the columns. */
  table: string;
  rows: Row[];
}

/** Prints a list as docker does, byte for byte where docker prints a table. */
export function printListing(session: Session, listing: Listing, flags: ListFlags): void {
  for (const line of listingLines(listing, flags)) session.out.write(`${line}\n`);
}

function listingLines(listing: Listing, flags: ListFlags): string[] {
  const { rows } = listing;
  if (flags.json) return JSON.stringify(rows.map((row) => row.full), null, 2).split('\n');
  if (flags.quiet && !flags.format) return rows.map((row) => row.id);
  const format = flags.format ?? 'table';
  if (format === 'json') return rows.map((row) => JSON.stringify(row.full));
  const table = /^table(?:\s+(.*))?$/s.exec(format);
  if (!table) {
    const template = compileTemplate(format, { strict: true });
    return rows.map((row) => template.render(row.cells));
  }
  if (flags.quiet) return rows.map((row) => row.id);
  return tableLines(listing, table[1] ?? listing.table);
}

function tableLines({ headers, rows }: Listing, source: string): string[] {
  const body = compileTemplate(source, { strict: true });
  const headerRow = Object.fromEntries(
    Object.entries(headers).map(([name, header]) => [name, name === 'Label' ? (label: unknown) => String(label).toUpperCase() : header]),
  );
  const headerTemplate = compileTemplate(withoutFunctions(source), { strict: true });
  return alignTabs([headerTemplate.render(headerRow), ...rows.map((row) => body.render(row.cells))]);
}

/** The header of `{{upper .Name}}` or of `{{if .Self}}*{{end}}` is that of its placeholder alone. */
function withoutFunctions(source: string): string {
  return source
    .replace(/\{\{-?\s*if\b.*?\{\{-?\s*end\s*-?\}\}/gs, '')
    .replace(/\{\{-?\s*(?:\w+\s+)*(\.\w+)[^}]*?(\s"[^"]*")?\s*-?\}\}/g, (_, name: string, argument?: string) => `{{${name}${name === '.Label' ? (argument ?? '') : ''}}}`);
}
