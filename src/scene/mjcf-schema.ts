import { refuse, type XmlElement } from './xml.ts';

/**
 * What of MJCF is read: elements, their attributes and their children. Whatever stands nowhere here is refused by name,
 * so that no file is read as something else than MuJoCo would. `ignored` lists what changes neither motion nor sensors.
 */
interface ElementRule {
  readonly read: readonly string[];
  readonly ignored?: readonly string[];
  /** By tag; `anything` = the whole subtree is for pictures or memory and passed over. */
  readonly children?: Readonly<Record<string, ElementRule>> | 'anything';
}

const words = (text: string): readonly string[] => (text === '' ? [] : text.split(' '));
const rule = (read: string, ignored = '', children?: ElementRule['children']): ElementRule => ({
  read: words(read),
  ignored: words(ignored),
  ...(children && { children }),
});
const passedOver: ElementRule = { read: [], children: 'anything' };

const turning = 'quat axisangle euler xyaxes zaxis';
const geom = rule(
  `name class type size pos ${turning} fromto density mass friction condim contype conaffinity margin solref solimp rgba material mesh gap priority solmix shellinertia`,
  'group user fitscale fluidcoef',
);
const jointRead =
  'name class type pos axis range limited ref armature damping stiffness springref frictionloss margin solreflimit solimplimit springdamper actuatorfrcrange actuatorfrclimited actuatorgravcomp';
const joint = rule(jointRead, 'group user solreffriction solimpfriction');
const site = rule(`name class pos ${turning}`, 'type size rgba group material user');
const camera = rule(`name class mode target pos ${turning} fovy`, 'ipd resolution user');
const motor = 'name class joint gear ctrlrange ctrllimited forcerange forcelimited';
const actuators = {
  motor: rule(motor, 'group user'),
  position: rule(`${motor} kp kv`, 'group user'),
  velocity: rule(`${motor} kv`, 'group user'),
  general: rule(`${motor} gaintype biastype dyntype gainprm biasprm`, 'group user dynprm'),
};
const mesh = rule('name class file scale vertex face inertia refpos refquat', 'content_type smoothnormal maxhullvert normal texcoord');
const material = rule('name class rgba', 'texture texrepeat texuniform emission specular shininess reflectance metallic roughness');

const body: ElementRule = {
  read: words(`name childclass pos ${turning} mocap gravcomp`),
  ignored: ['user', 'sleep'],
  children: {
    get body() {
      return body;
    },
    geom,
    joint,
    freejoint: rule('name', 'group align'),
    inertial: rule(`pos ${turning} mass diaginertia fullinertia`),
    site,
    camera,
    light: passedOver,
  },
};

/** Defaults of elements that are refused or ignored anyway say nothing. */
const silentDefaults = Object.fromEntries(
  words('light pair equality tendon muscle cylinder damper intvelocity adhesion plugin').map((tag) => [tag, passedOver]),
);
const defaults: ElementRule = {
  read: ['class'],
  children: {
    get default() {
      return defaults;
    },
    geom,
    joint,
    site,
    camera,
    mesh,
    material,
    ...actuators,
    ...silentDefaults,
  },
};

const sensor = rule('name site cutoff', 'noise user');
const flag = rule(
  'contact gravity limit equality constraint frictionloss passive spring damper clampctrl filterparent actuation refsafe eulerdamp override sensor invdiscrete',
  'energy fwdinv midphase warmstart island nativeccd multiccd autoreset',
);

export const mjcfRule: ElementRule = {
  read: [],
  ignored: ['model'],
  children: {
    compiler: rule(
      'angle inertiafromgeom settotalmass autolimits eulerseq coordinate boundmass boundinertia balanceinertia meshdir assetdir inertiagrouprange discardvisual',
      'texturedir strippath fusestatic convexhull usethread exactmeshinertia saveinertial alignfree conflict',
    ),
    option: rule(
      'timestep integrator gravity cone impratio iterations density viscosity wind noslip_iterations',
      'solver tolerance jacobian ls_iterations ls_tolerance noslip_tolerance ccd_iterations ccd_tolerance mpr_iterations mpr_tolerance sdf_iterations sdf_initpoints magnetic apirate actuatorgroupdisable collision o_margin o_solref o_solimp o_friction sleep_tolerance',
      { flag },
    ),
    default: defaults,
    asset: rule('', '', { mesh, material, texture: passedOver }),
    worldbody: { ...body, read: [] },
    actuator: rule('', '', actuators),
    contact: rule('', '', { exclude: rule('body1 body2', 'name') }),
    keyframe: rule('', '', { key: rule('name time qpos qvel ctrl', 'act mpos mquat') }),
    sensor: rule('', '', {
      jointpos: rule('name joint cutoff', 'noise user'),
      jointvel: rule('name joint cutoff', 'noise user'),
      accelerometer: sensor,
      gyro: sensor,
      rangefinder: sensor,
      framepos: rule('name objtype objname reftype refname cutoff', 'noise user'),
      framequat: rule('name objtype objname reftype refname cutoff', 'noise user'),
    }),
    visual: passedOver,
    statistic: passedOver,
    size: passedOver,
    custom: passedOver,
  },
};

/** Names stand in messages. */
const longestName = 200;
const nameAttributes = ['name', 'model', 'class', 'childclass'];

/** @throws ROBOT_FILE_INVALID naming the first element or attribute that is not read. */
export function checkAgainst(rule: ElementRule, element: XmlElement): void {
  if (rule.children === 'anything') return;
  for (const name of nameAttributes)
    if ((element.attributes.get(name)?.length ?? 0) > longestName) refuse(element, `${name} is longer than ${longestName} characters`);
  for (const name of element.attributes.keys())
    if (!rule.read.includes(name) && !rule.ignored?.includes(name))
      refuse(element, `<${element.tag}> has attribute '${shown(name)}', which is not supported`);
  for (const child of element.children) {
    const childRule = rule.children && Object.hasOwn(rule.children, child.tag) ? rule.children[child.tag] : undefined;
    if (!childRule) refuse(child, `<${shown(child.tag)}> within <${element.tag}> is not supported`);
    checkAgainst(childRule, child);
  }
}

/** At most as much of a file's own text as a message should carry. */
export function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
