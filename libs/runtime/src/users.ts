import { Refused } from '../../base/src/index.js';

export interface ContainerUser {
  uid: number;
  gid: number;
  groups: number[];
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const maxId = 0x7fffffff;

/**
 * `user[:group]` by the container's own files, by Docker's rules: a purely numeric field is always an id and never a name
 * (falling back to names gave the wrong user: CVE-2026-46680); supplementary groups come from the matched user's name and
 * only when no group is given.
 */
export function resolveUser(spec: string, extraGroups: readonly string[], passwdText: string, groupText: string): ContainerUser {
  const [userField = '', groupField = ''] = splitSpec(spec);
  const passwd = parsePasswd(passwdText);
  const group = parseGroup(groupText);
  const entry = findUser(userField || '0', passwd, spec);
  const primary = groupField ? findGroup(groupField, group) : entry.gid;
  const supplementary = groupField || !entry.name ? [] : group.filter(({ members }) => members.includes(entry.name)).map(({ gid }) => gid);
  const groups = [primary, ...supplementary, ...extraGroups.map((name) => findGroup(name, group))];
  return { uid: entry.uid, gid: primary, groups: [...new Set(groups)], home: entry.home || '/' };
}

/** By the container's own passwd; `/` for who is not in it. */
export function homeOf(uid: number, passwdText: string): string {
  return parsePasswd(passwdText).find((entry) => entry.uid === uid)?.home || '/';
}

function splitSpec(spec: string): string[] {
  const fields = spec.split(':');
  if (fields.length > 2) throw new Refused('invalid', `invalid user "${spec}": it has more than one colon`);
  return fields;
}

function findUser(field: string, passwd: readonly PasswdEntry[], spec: string): PasswdEntry {
  const uid = parseId(field, 'user');
  if (uid !== undefined) return passwd.find((entry) => entry.uid === uid) ?? { name: '', uid, gid: 0, home: '/' };
  const entry = passwd.find(({ name }) => name === field);
  if (!entry) throw new Refused('invalid', `unable to find user ${field}: no matching entry in the image's /etc/passwd (user: "${spec}")`);
  return entry;
}

function findGroup(field: string, group: readonly GroupEntry[]): number {
  const gid = parseId(field, 'group');
  if (gid !== undefined) return gid;
  const entry = group.find(({ name }) => name === field);
  if (!entry) throw new Refused('invalid', `unable to find group ${field}: no matching entry in the image's /etc/group`);
  return entry.gid;
}

/** Undefined: a name. */
function parseId(field: string, what: string): number | undefined {
  if (!/^[0-9]+$/.test(field)) return undefined;
  const id = Number(field);
  if (id > maxId) throw new Refused('invalid', `invalid ${what} "${field}": ids go from 0 to ${maxId}`);
  return id;
}

function parsePasswd(text: string): PasswdEntry[] {
  return records(text, 7).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home }] : [],
  );
}

function parseGroup(text: string): GroupEntry[] {
  return records(text, 4).flatMap(([name = '', , gid = '', members = '']) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(',').map((member) => member.trim()) }] : [],
  );
}

function isId(text: string): boolean {
  return /^[0-9]+$/.test(text) && Number(text) <= maxId;
}

function records(text: string, fields: number): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
    .map((line) => line.split(':').map((field) => field.trim()).slice(0, fields));
}
