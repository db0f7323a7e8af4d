/** For the `catch` of a wait whose end the caller's condition sees anyway: an abort is no failure, anything else is. */
export function ignoreAbort(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
