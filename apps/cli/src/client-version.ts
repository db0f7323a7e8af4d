/** The version of this program; the same as in package.json, which a bundle does not carry. */
export const clientVersion = '0.1.0';
