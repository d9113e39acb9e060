import type { PhysicsEngine } from '../core/physics-world.ts';
import { elementsWithRole, layOut, type MutableStateView, viewsOver } from '../core/state-spec.ts';
import { paramsOfState } from '../task/condition.ts';
import { PhysicsDynamics } from '../task/physics-dynamics.ts';
import type { AnyTask, Params } from '../task/task.ts';

/** One control step of physics, from a given state under a given command. Every step is placed anew: contacts and warm starts are not carried from one to the next. */
export class CommandedPhysics {
  private readonly task: AnyTask;
  private readonly dynamics: PhysicsDynamics;
  private readonly changed: (params: Params) => Params;
  private readonly predicted: Int32Array;
  private readonly context: Int32Array;
  private readonly state: Float64Array;
  private readonly next_: Float64Array;
  private readonly command: Float64Array;
  private readonly stateView: MutableStateView;
  private readonly nextViews: readonly MutableStateView[];
  private readonly active = Uint8Array.of(1);
  private readonly out: Float64Array;

  /** @param changed - the parameters it goes by, of those that a state has. */
  constructor(task: AnyTask, engine: PhysicsEngine, changed: (params: Params) => Params = (params) => params) {
    const spec = layOut(task.state);
    this.task = task;
    this.dynamics = new PhysicsDynamics(task, engine);
    this.changed = changed;
    this.predicted = elementsWithRole(spec, 'dynamic', 'signal');
    this.context = elementsWithRole(spec, 'context');
    this.state = new Float64Array(spec.size);
    this.next_ = new Float64Array(spec.size);
    this.command = new Float64Array(task.commands.length);
    this.stateView = viewsOver(task.state, this.state, 1)[0]!;
    this.nextViews = viewsOver(task.state, this.next_, 1);
    this.out = new Float64Array(this.predicted.length);
  }

  /** @param state - predicted elements. @param context - those of the context. @returns predicted elements one control step later; reused. */
  next(state: Float32Array, context: Float32Array, command: Float32Array): Float64Array {
    this.predicted.forEach((element, i) => {
      this.state[element] = state[i]!;
    });
    this.context.forEach((element, i) => {
      this.state[element] = context[i]!;
    });
    this.command.set(command);
    const params = paramsOfState(this.task, this.stateView, this.task.params);
    this.dynamics.start(0, this.state, this.stateView, this.changed(params));
    this.next_.set(this.state);
    this.dynamics.advance(
      { lanes: 1, state: this.state, next: this.next_, command: this.command, nextViews: this.nextViews, problems: [null] },
      this.active,
    );
    this.predicted.forEach((element, i) => {
      this.out[i] = this.next_[element]!;
    });
    return this.out;
  }

  close(): void {
    this.dynamics.close();
  }
}
