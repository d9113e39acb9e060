export { defaultCamera } from './default-camera.ts';
export { type DrawnBody, Renderer, type RenderOptions } from './renderer.ts';
