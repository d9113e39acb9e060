/** msgpackr exports this build without types; only what `msgpack.ts` uses is declared. */
declare module 'msgpackr/index-no-eval' {
  export class Packr {
    constructor(options: {
      useRecords: false;
      mapsAsObjects: true;
      int64AsType: 'number';
      moreTypes: false;
    });
    pack(value: unknown): Uint8Array;
    unpack(bytes: Uint8Array, end?: number): unknown;
  }
}
