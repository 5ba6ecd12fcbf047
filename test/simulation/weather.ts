import type { Chance } from "./chance.ts";

/** Which faults may happen now. In fair weather none do. */
export class Weather {
  readonly #chance: Chance;
  isFair = false;
  isEngineAway = false;
  isBucketAway = false;
  isDiskFull = false;
  /** How likely a write of the store goes wrong. */
  storeTrouble = 0.01;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  strikes(probability: number): boolean {
    return !this.isFair && this.#chance.happens(probability);
  }

  clear(): void {
    this.isFair = true;
    this.isEngineAway = false;
    this.isBucketAway = false;
    this.isDiskFull = false;
    this.storeTrouble = 0;
  }
}
