/** The version of Shoal: one for all its programs. */
export const version = '0.1.0';
