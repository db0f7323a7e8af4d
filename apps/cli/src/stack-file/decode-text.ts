/** The text of a YAML file: UTF-8, or UTF-16 with a byte order mark, as docker reads it. Throws with the line that is neither. */
export function decodeText(bytes: Buffer): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const where = encoding === 'utf-8' ? `line ${firstBadLine(bytes)}` : 'it';
    throw new Error(`${where} is not ${encoding.toUpperCase()} text; save the file as UTF-8`, { cause: error });
  }
}

function encodingOf(bytes: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/** Up to the first wrong byte, decoding with replacements and encoding again gives the same bytes. */
function firstBadLine(bytes: Buffer): number {
  const mended = Buffer.from(bytes.toString('utf8'));
  const at = bytes.findIndex((byte, index) => byte !== mended[index]);
  return bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
}
