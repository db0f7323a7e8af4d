import { httpGet } from '../harness/api.js';

export interface Caller {
  /** Ends the calls, and says how they went. */
  end(): Promise<{ answers: number; failures: string[] }>;
}

/** Calls a URL again and again, each time on a connection of its own. */
export function keepCalling(url: string, pauseMs = 10): Caller {
  let going = true;
  let answers = 0;
  const failures: string[] = [];
  const done = (async () => {
    while (going) {
      const at = new Date().toISOString();
      try {
        const { status } = await httpGet(url, 20_000);
        if (status === 200) answers++;
        else failures.push(`${at} ${url}: ${status}`);
      } catch (error) {
        failures.push(`${at} ${url}: ${(error as Error).message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  return {
    end: async () => {
      going = false;
      await done;
      return { answers, failures };
    },
  };
}
