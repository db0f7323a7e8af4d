/** Libs report what happens as typed events to a function they were given; edges turn them into logs and metrics. */
export type Trace<Event> = (event: Event) => void;
