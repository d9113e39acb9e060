/** Time as the server and the client see it; tests inject their own. */
export interface Clock {
  /** Monotonic, from any origin. */
  now_ms(): number;
  /** Runs `task` once after a delay; the returned function calls it off. */
  after(delay_ms: number, task: () => void): () => void;
}

/** A clock on the platform's timers. @param now_ms - a monotonic reading; the roots pass `() => performance.now()`. */
export function clockFrom(now_ms: () => number): Clock {
  const after = (delay_ms: number, task: () => void) => {
    const timer = setTimeout(task, delay_ms);
    return () => clearTimeout(timer);
  };
  return Object.freeze({ now_ms, after });
}
