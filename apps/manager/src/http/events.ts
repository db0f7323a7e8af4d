/** What the HTTP side tells whoever watches. Refused requests are no events: the client has been told. */
export type HttpEvent =
  | { event: 'request-failed'; method: string; url: string; error: string; stack?: string }
  /** The framework's own words: they are about our wiring, not about a request. */
  | { event: 'framework'; level: 'warn' | 'error' | 'fatal'; message: string; details?: string };
