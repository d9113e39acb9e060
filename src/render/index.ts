export type { Camera } from './camera.ts';
export { type Picture, Renderer, type RenderOptions } from './renderer.ts';
