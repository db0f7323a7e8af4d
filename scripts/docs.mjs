// Keeps documents true to the code: writes the tables that are made from it, and finds names of files that are gone.
//
//   node scripts/docs.mjs            writes the tables between their markers
//   node scripts/docs.mjs --check    fails when a table is out of date or a file is not there
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { buildSync } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const taskStateFile = 'libs/model/src/task-state.ts';

/** Each table: the document that holds it, the name of its markers, its text. */
const tables = [
  ['docs/task-model.md', 'states', await stateTable()],
  ['docs/task-model.md', 'transitions', await transitionTable()],
  ['docs/ARCHITECTURE.md', 'import rules', importTable()],
  ['docs/placement.md', 'filters', await filterTable()],
  ['docs/options.md', 'service keys', await optionTable()],
  ['docs/compose.md', 'other keys', await sectionTable()],
  ['docs/updates.md', 'update rules', await updateTable()],
  ['docs/networking.md', 'truth table', await truthTable()],
];

const problems = process.argv.includes('--check') ? [...staleTables(), ...deadLinks()] : writeTables();
for (const problem of problems) console.error(`docs: ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);

function writeTables() {
  for (const [file, name, table] of tables) writeFileSync(join(root, file), replaceTable(file, name, table));
  return [];
}

function staleTables() {
  return tables
    .filter(([file, name, table]) => replaceTable(file, name, table) !== read(file))
    .map(([file, name]) => `the table "${name}" in ${file} is not what the code says: run node scripts/docs.mjs`);
}

function replaceTable(file, name, table) {
  const text = read(file);
  const begin = `<!-- ${name}: made by scripts/docs.mjs -->\n`;
  const end = `<!-- end of ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no markers for the table "${name}"`);
  return `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`;
}

/** The states' meanings are the comments beside them. */
async function stateTable() {
  const meanings = new Map([...read(taskStateFile).matchAll(/^ {2}'(\w+)', \/\/ (.+)$/gm)].map(([, state, meaning]) => [state, meaning]));
  const { taskStates, isTerminal } = await load(taskStateFile);
  const rows = taskStates.map((state) => [`\`${state}\``, meanings.get(state) ?? '', isTerminal(state) ? 'yes' : '']);
  return markdown(['state', 'meaning', 'ended'], rows);
}

async function filterTable() {
  const { filters } = await load('libs/scheduler/src/filters.ts');
  return markdown(['filter', 'a node passes when', 'else'], filters.map(({ name, about, explain }) => [name, about, `\`${explain(2)}\``]));
}

async function transitionTable() {
  const { transitions, compareStates } = await load(taskStateFile);
  const earlier = (to) => (compareStates(to, 'new') === 0 ? '' : 'any earlier');
  const rows = Object.entries(transitions).flatMap(([actor, rules]) =>
    rules.length === 0 ? [[actor, '', '', 'moves no task; it deletes those that nobody needs']] : rules.map(({ from, to, when }) => [actor, from === '*' ? earlier(to) : `\`${from}\``, `\`${to}\``, when]),
  );
  return markdown(['actor', 'from', 'to', 'when'], rows);
}

async function optionTable() {
  const { optionTable } = await load('libs/compose/src/option-table.ts');
  return markdown(['key', 'here', 'what to know'], effectRows(optionTable));
}

async function sectionTable() {
  const { sectionTable } = await load('libs/compose/src/section-table.ts');
  const rows = Object.entries(sectionTable).flatMap(([section, keys]) => effectRows(keys).map((row) => [section, ...row]));
  return markdown(['of a', 'key', 'here', 'what to know'], rows);
}

function effectRows(table) {
  const words = { acts: 'acts', differs: 'differs', none: 'no effect' };
  return Object.entries(table).map(([key, { effect, note }]) => [`\`${key}\``, words[effect], note]);
}

async function updateTable() {
  const { updateRules } = await load('libs/model/src/update-rules.ts');
  return markdown(['below `deploy`', 'without it', 'what it says'], updateRules.map((rule) => [`\`${rule.key}\``, rule.default, rule.meaning]));
}

async function truthTable() {
  const { places, table, targets, words } = await load('e2e/network/truth-table.ts');
  const inWords = (cell) => (typeof cell === 'string' ? cell : Object.entries(cell).map(([way, word]) => `${way} ${word}`).join(', '));
  const rows = Object.entries(targets).map(([target, name]) => [name, ...Object.keys(places).map((place) => inWords(table[target][place]))]);
  const meanings = Object.entries(words).map(([word, meaning]) => [`${word}`, meaning]);
  return `${markdown(['from →', ...Object.values(places)], rows)}\n${markdown(['word', 'meaning'], meanings)}`;
}

function importTable() {
  const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'));
  return markdown(['rule', 'why'], forbidden.map(({ name, comment }) => [`\`${name}\``, comment]));
}

function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

/** A module of TypeScript, as it is. */
async function load(file) {
  const { outputFiles } = buildSync({ entryPoints: [join(root, file)], bundle: true, format: 'esm', platform: 'node', write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}

/** Links, which are relative to their document, and paths in backticks, which begin at the root. */
function deadLinks() {
  return documents().flatMap((file) => {
    const text = read(file);
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target).filter((target) => !/^[a-z]+:/.test(target));
    const paths = [...text.matchAll(/`((?:apps|libs|proto|deploy|docs|e2e|scripts|bench)\/[^`\s<>*{}…]+)`/g)].map(([, path]) => path);
    return [
      ...links.filter((target) => !existsSync(resolve(root, dirname(file), target))),
      ...paths.filter((path) => !existsSync(join(root, path))),
    ].map((target) => `${file} names ${target}, which is not there`);
  });
}

function documents() {
  const below = (dir) => readdirSync(join(root, dir), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.md'));
  return ['README.md', ...below('docs').map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))];
}

function read(file) {
  return readFileSync(join(root, file), 'utf8');
}
