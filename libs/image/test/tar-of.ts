/** Writes tar archives for tests, hostile ones too: nothing is checked, every field can be set. */
export interface TestEntry {
  name: string;
  /** Type flag; default `0`, a regular file. */
  flag?: string;
  content?: string | Buffer;
  linkName?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  major?: number;
  minor?: number;
  /** Records of an extended header in front of the entry. Values are byte strings. */
  pax?: Record<string, string>;
}

export function tarOf(entries: TestEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(1024)]);
}

function blocksOf(entry: TestEntry): Buffer[] {
  const content = Buffer.isBuffer(entry.content) ? entry.content : Buffer.from(entry.content ?? '');
  const pax = entry.pax ? blocksOf({ name: 'pax', flag: 'x', content: paxRecords(entry.pax) }) : [];
  return [...pax, headerBlock(entry, content.length), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function paxRecords(records: Record<string, string>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.from(` ${key}=${value}\n`, 'latin1');
      let length = rest.length + 1;
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

export function headerBlock(entry: TestEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, offset: number, length: number) => block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  block.write(entry.name, 0, 100, 'latin1');
  octal(entry.mode ?? (entry.flag === '5' ? 0o755 : 0o644), 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(entry.mtime ?? 1_000_000_000, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(entry.flag ?? '0', 156, 'latin1');
  block.write(entry.linkName ?? '', 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(entry.major ?? 0, 329, 8);
  octal(entry.minor ?? 0, 337, 8);
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
