/** What this library reports while it works. */
export type ImageEvent =
  | { event: 'image-pull-started'; reference: string; registry: string }
  | { event: 'image-pull-retried'; reference: string; registry: string; attempt: number; delayMs: number; error: Error }
  | { event: 'image-mirror-failed'; reference: string; mirror: string; error: Error }
  | { event: 'image-pulled'; reference: string; manifestDigest: string; durationMs: number }
  | { event: 'image-imported'; reference: string; manifestDigest: string; path: string }
  | { event: 'image-committed'; reference: string; manifestDigest: string }
  /** Layers could not be synced to disk: they would be fetched again after a power failure. */
  | { event: 'image-sync-failed'; dir: string; error: Error };
