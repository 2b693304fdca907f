/** How long after one question the next may be asked, in milliseconds. */
const PAUSE_MS = 250;

/**
 * Asks a question again whenever there is news, however much of it there is: at once, then once for all that came
 * meanwhile, each time after the answer before and a pause. So no news is left out, and no answer is overtaken for ever.
 */
export class Steadily {
  readonly #ask: () => Promise<unknown>;
  #asking = false;
  #news = false;

  /** `ask` must not reject. */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  hear(): void {
    this.#news = true;
    if (!this.#asking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#asking = true;
    while (this.#news) {
      this.#news = false;
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.#asking = false;
  }
}
