import { palette, type Palette } from '../output/colour.js';
import type { Output, Session } from '../session.js';
import type { ServiceProgress } from './convergence.js';

/** Shows how far services are, as often as there is news. */
export interface ProgressView {
  show(services: ServiceProgress[]): void;
}

/** On a terminal a block that is redrawn; in a pipe one line per change; nothing when quiet. */
export function progressView(session: Session, quiet: boolean): ProgressView {
  if (quiet) return { show: () => undefined };
  if (session.out.isTerminal) return blockView(session.out, palette(session.out, session.env));
  return lineView(session.out);
}

const barWidth = 10;

function blockView(out: Output, paint: Palette): ProgressView {
  let drawn: string[] = [];
  return {
    show(services) {
      const lines = blockLines(services, { columns: out.columns, rows: out.rows, paint });
      if (lines.join('\n') === drawn.join('\n')) return;
      const up = drawn.length > 0 ? `\x1b[${drawn.length}A` : '';
      out.write(`${up}${lines.map((line) => `\r\x1b[K${line}\n`).join('')}\x1b[J`);
      drawn = lines;
    },
  };
}

/** The block: one line per service; the finished ones fold when there are more than fit. */
export function blockLines(
  services: ServiceProgress[],
  { columns, rows, paint }: { columns: number; rows: number; paint: Palette },
): string[] {
  const room = Math.max(1, rows - 2);
  const open = services.filter((service) => service.outcome !== 'converged');
  const folded = services.length > room ? services.length - open.length : 0;
  const shown = (folded > 0 ? open : services).slice(0, room - (folded > 0 ? 1 : 0));
  const nameWidth = Math.max(0, ...shown.map((service) => service.name.length));
  const lines = shown.map((service) => blockLine(service, nameWidth, columns, paint));
  if (folded > 0) lines.push(paint.dim(`  ${folded} of ${services.length} services converged`));
  return lines;
}

function blockLine(service: ServiceProgress, nameWidth: number, columns: number, paint: Palette): string {
  const left = `  ${service.name.padEnd(nameWidth)}  [${bar(service)}] ${service.done}/${service.wanted}  `;
  const right = cut(stateText(service), Math.max(0, columns - left.length - 1));
  const colour = service.outcome === 'converged' ? paint.green : service.outcome === 'waiting' || service.outcome === 'canary' ? paint.yellow : paint.red;
  return cut(left, columns - 1) + colour(right);
}

function bar({ done, wanted }: ServiceProgress): string {
  const filled = wanted === 0 ? barWidth : Math.min(barWidth, Math.floor((done / wanted) * barWidth));
  return '#'.repeat(filled).padEnd(barWidth, '.');
}

function stateText({ outcome, detail, reason, wanted }: ServiceProgress): string {
  if (outcome === 'converged') return detail && wanted === 0 ? `converged, ${detail}` : 'converged';
  if (outcome === 'canary') return reason ?? 'canary';
  const words = outcome === 'waiting' ? detail || 'waiting' : outcome === 'failed' ? 'failed' : 'rolled back';
  return reason ? `${words}: ${reason}` : words;
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

function lineView(out: Output): ProgressView {
  const last = new Map<string, string>();
  return {
    show(services) {
      for (const service of services) {
        const line = `${service.name}: ${service.done}/${service.wanted}, ${stateText(service)}`;
        if (last.get(service.id) !== line) out.write(`${line}\n`);
        last.set(service.id, line);
      }
    },
  };
}
