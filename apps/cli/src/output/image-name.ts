/** The image as tables show it: without a digest when it has a tag, without docker.io and library. */
export function displayImage(reference: string): string {
  const [name = '', digest] = splitDigest(reference);
  const tagged = /:[^/:]+$/.test(name);
  if (!tagged && digest) return reference;
  return familiar(name);
}

function splitDigest(reference: string): [string, string?] {
  const at = reference.indexOf('@');
  return at < 0 ? [reference] : [reference.slice(0, at), reference.slice(at + 1)];
}

function familiar(name: string): string {
  return name.replace(/^(docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '');
}
