import type { Rng } from '../../math/rng.ts';
import type { Contestant } from './contestants.ts';
import type { Grounds } from './grounds.ts';

/** Where an agent is trained. */
export interface TrainingPlace {
  readonly grounds: Grounds;
  readonly side: 'truth' | 'dream';
  /** Control steps it may take, summed over lanes; null = as many as it likes. */
  readonly stepLimit: number | null;
}

/** Trains one agent, in truth and in the dream alike. */
export type Trainer = (place: TrainingPlace, rng: Rng) => Promise<Contestant>;
