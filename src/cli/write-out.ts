/** Writes to standard output without ending the program when nobody reads it any more. */

/** False when nobody reads it any more. What goes wrong is told by each write. */
export function writeOut(text: string): Promise<boolean> {
  if (process.stdout.listenerCount("error") === 0) process.stdout.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) resolve(true);
      else if ("code" in error && error.code === "EPIPE") resolve(false);
      else reject(error);
    });
  });
}
