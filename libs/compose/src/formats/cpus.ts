/** Billionths of a CPU of `0.5`, `2`, `1/3`, `5e-1`; why it is none, otherwise. */
export function parseCpus(text: string): { nanoCpus: bigint } | { message: string } {
  const fraction = parseRational(text);
  if (!fraction) return { message: `"${text}" is not a number of CPUs` };
  const scaled = fraction.numerator * 1_000_000_000n;
  if (scaled % fraction.denominator !== 0n) return { message: `"${text}" is too precise; CPUs are counted in billionths` };
  return { nanoCpus: scaled / fraction.denominator };
}

interface Rational {
  numerator: bigint;
  denominator: bigint;
}

function parseRational(text: string): Rational | undefined {
  const quotient = /^([-+]?[0-9]+)\/([0-9]+)$/.exec(text);
  if (quotient) {
    const denominator = BigInt(quotient[2] as string);
    return denominator === 0n ? undefined : { numerator: signed(quotient[1] as string), denominator };
  }
  const decimal = /^([-+]?)([0-9]*)\.?([0-9]*)(?:[eE]([-+]?[0-9]{1,4}))?$/.exec(text);
  if (!decimal || !/[0-9]/.test((decimal[2] as string) + (decimal[3] as string))) return undefined;
  const [, sign = '', whole = '', digits = '', exponent = '0'] = decimal;
  const power = Number(exponent) - digits.length;
  const magnitude = signed(`${sign}${whole}${digits}`);
  if (power >= 0) return { numerator: magnitude * 10n ** BigInt(power), denominator: 1n };
  return { numerator: magnitude, denominator: 10n ** BigInt(-power) };
}

function signed(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text.replace(/^\+/, ''));
}
