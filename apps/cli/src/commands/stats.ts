import type { Command } from 'commander';
import { listContainers, pathOf, type ContainerSummary } from '../containers/containers.js';
import { findTarget, nodeNameOf } from '../containers/target.js';
import { usageOf, type Sample } from '../containers/usage.js';
import { describeStatusOf } from '../failure-report.js';
import { usageListing, type MeasuredContainer } from '../lists/usage.js';
import { printListing } from '../output/listing.js';
import type { Session } from '../session.js';

interface StatsFlags {
  all?: boolean;
  /** False with --no-stream. */
  stream: boolean;
  format?: string;
  json?: boolean;
}

const refreshMs = 500;
/** Moves to the top left and clears what is below. */
const clearScreen = '\x1b[H\x1b[J';

export function define(command: Command, session: Session): void {
  command
    .argument('[container|task|service...]', 'ids or names; without: all that run')
    .option('-a, --all', 'those too that do not run')
    .option('--no-stream', 'once')
    .option('--format <format>', 'table, "table TEMPLATE", json (one object per line), or a Go template')
    .option('--json', 'one JSON array')
    .action((targets: string[], flags: StatsFlags) => showStats(session, targets, flags));
}

async function showStats(session: Session, targets: string[], flags: StatsFlags): Promise<void> {
  const containers =
    targets.length > 0 ? await Promise.all(targets.map((target) => findTarget(session, target))) : await listContainers(session.api(), { ...(flags.all && { all: true }) });
  const measured = await Promise.all(containers.map(async (container): Promise<MeasuredContainer> => ({ container, node: await nodeNameOf(session, container), usage: undefined })));
  if (!flags.stream) {
    await Promise.all(measured.map((one) => measureOnce(session, one)));
    return printListing(session, usageListing(measured), flags);
  }
  await watch(session, measured, flags);
}

/** A container that has just gone, or whose node is away, stays in the table without numbers. */
async function measureOnce(session: Session, one: MeasuredContainer): Promise<void> {
  try {
    one.usage = usageOf(await session.api().get<Sample>(pathOf(one.container.Id, 'stats'), { query: { stream: 0 } }));
  } catch (error) {
    tellOnce(session, one.container, error);
  }
}

/** The table again and again, until Ctrl-C or until none of them runs any more. */
async function watch(session: Session, measured: MeasuredContainer[], flags: StatsFlags): Promise<void> {
  let following = measured.length;
  for (const one of measured) {
    void follow(session, one)
      .catch((error: unknown) => tellOnce(session, one.container, error))
      .finally(() => following--);
  }
  while (following > 0 && !session.interrupt.aborted) {
    await session.clock.sleep(refreshMs, session.interrupt).catch(() => undefined);
    if (session.out.isTerminal) session.out.write(clearScreen);
    printListing(session, usageListing(measured), flags);
  }
}

async function follow(session: Session, one: MeasuredContainer): Promise<void> {
  const body = await session.api().stream(pathOf(one.container.Id, 'stats'), { query: { stream: 1 } });
  let rest = '';
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop()!;
    if (lines.length > 0) one.usage = usageOf(JSON.parse(lines.at(-1)!) as Sample);
  }
  one.usage = undefined;
}

function tellOnce(session: Session, container: ContainerSummary, error: unknown): void {
  if (!session.interrupt.aborted) session.err.write(`${container.Names[0]?.slice(1) ?? container.Id}: ${describeStatusOf(error, session).message}\n`);
}
