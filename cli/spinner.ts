// A sign of life while a command waits. On a terminal only, and on stderr: output stays clean for whoever reads it.

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 90;
const CLEAR_LINE = '\r\u001b[K';

export interface Spinner {
  stop(): void;
}

/** `what` must be printable. Without a terminal it is said once. */
export function startSpinner(what: string): Spinner {
  if (!process.stderr.isTTY) {
    console.error(`${what} …`);
    return { stop: () => undefined };
  }
  const started = Date.now();
  let frame = 0;
  const timer = setInterval(() => {
    const seconds = Math.floor((Date.now() - started) / 1000);
    process.stderr.write(
      `${CLEAR_LINE}${FRAMES[frame % FRAMES.length] ?? ''} ${what} (${seconds} s)`,
    );
    frame += 1;
  }, FRAME_MS);
  return {
    stop() {
      clearInterval(timer);
      process.stderr.write(CLEAR_LINE);
    },
  };
}
