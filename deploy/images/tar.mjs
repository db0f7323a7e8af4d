/** Writes tar archives that depend on nothing but their input: no time, no owner, ustar headers only. */

const blockSize = 512;

/**
 * @typedef {{ name: string, type: 'file' | 'directory' | 'symlink' | 'hard-link', mode: number, content?: Buffer, linkName?: string }} Entry
 * @param {Entry[]} entries
 */
export function tar(entries) {
  const blocks = [];
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0);
    blocks.push(header(entry, content.length), content, Buffer.alloc((blockSize - (content.length % blockSize)) % blockSize));
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]);
}

const typeFlags = { file: '0', 'hard-link': '1', symlink: '2', directory: '5' };

function header({ name, type, mode, linkName = '' }, size) {
  if (name.length > 100 || linkName.length > 100) throw new Error(`the name ${name} is too long for this writer`);
  const block = Buffer.alloc(blockSize);
  const octal = (value, offset, length) => block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  block.write(name, 0, 'latin1');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(typeFlags[type], 156, 'latin1');
  block.write(linkName, 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(0, 329, 8);
  octal(0, 337, 8);
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
