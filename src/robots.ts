/** Robots from files, scenes from scenes, and what tasks on robots have in common: for environments of your own. */
export type { BodySpec, CameraSpec, JointSpec, SceneSpec, SensorSpec, ShapeSpec } from './core/scene-spec.ts';
export { assetRobot } from './scene/assets.ts';
export * from './scene/compose.ts';
export { filesIn, type RobotFiles } from './scene/files.ts';
export { type MjcfOptions, parseMjcf, type RobotFile } from './scene/mjcf.ts';
export * from './task/planar-robot.ts';
export * from './task/robot.ts';
export { RobotKinematics } from './task/robot-kinematics.ts';
export { type Sigmoid, tolerance } from './task/tolerance.ts';
