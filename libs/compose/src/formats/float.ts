const digits = '[0-9]+(?:_[0-9]+)*';
const decimal = new RegExp(`^[-+]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:[eE][-+]?[0-9]+)?$`);

/** A finite decimal number as Go's `ParseFloat` takes it, with underscores between digits; nothing when it is none. */
export function parseFloatText(text: string): number | undefined {
  const value = decimal.test(text) ? Number(text.replaceAll('_', '')) : NaN;
  return Number.isFinite(value) ? value : undefined;
}
