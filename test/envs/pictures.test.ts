import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { decode } from 'fast-png';
import { drawEnv, envPictures } from '../../scripts/env-pictures.ts';

const envs = new URL('../../envs/', import.meta.url);
const folders = readdirSync(envs).filter((folder) => existsSync(new URL(`${folder}/picture.png`, envs)));

describe('the pictures of the envs (npm run pictures)', () => {
  it('are each drawn by the script', () => {
    expect(envPictures.map(({ folder }) => folder).sort()).to.deep.equal(folders.sort());
  });

  for (const picture of envPictures)
    it(`${picture.folder}/picture.png is what is drawn today, to the byte`, async () => {
      const kept = decode(readFileSync(new URL(`${picture.folder}/picture.png`, envs)));
      const fresh = await drawEnv(picture);
      expect([kept.width, kept.height, kept.channels]).to.deep.equal([fresh.width, fresh.height, fresh.channels]);
      expect(Buffer.compare(Buffer.from(kept.data), Buffer.from(fresh.data))).to.equal(0);
    });
});
