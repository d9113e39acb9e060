import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isGroundtwinError } from '../../src/errors.ts';
import { checkScene } from '../../src/physics/scene-check.ts';
import { fileLimits, filesIn } from '../../src/scene/files.ts';
import { type MjcfOptions, parseMjcf } from '../../src/scene/mjcf.ts';
import { xmlLimits } from '../../src/scene/xml.ts';

const inWorld = (content: string, sections = '') => `<mujoco model="t">\n${sections}<worldbody>\n${content}\n</worldbody></mujoco>`;
const ball = '<geom size="0.1"/>';
const hinged = (joint: string, sections = '') => inWorld(`<body name="b">${joint}${ball}</body>`, sections);

function refusal(text: string, options?: MjcfOptions): string {
  try {
    parseMjcf(text, options);
  } catch (error) {
    if (isGroundtwinError(error, 'ROBOT_FILE_INVALID')) return error.message;
    throw error;
  }
  throw new Error('it was read');
}

describe('parseMjcf refuses', () => {
  const cases: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['what is no XML', 'hello', /robot\.xml:1: it is not well-formed XML/],
    ['an empty text', '', /not well-formed/],
    ['an element left open', '<mujoco>\n<worldbody>', /:2: it is not well-formed XML \(unclosed tag: worldbody\)/],
    ['another root', '<robot name="a"/>', /root is <robot>/],
    ['a DOCTYPE', `<!DOCTYPE mujoco>\n${inWorld('')}`, /DOCTYPE/],
    ['entities of a DOCTYPE', `<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${inWorld('')}`, /DOCTYPE/],
    ['an unknown entity', inWorld('<body name="&x;"/>'), /undefined entity/],
    ['deep nesting', inWorld(`${'<body>'.repeat(70)}${'</body>'.repeat(70)}`), /nested deeper than 64/],
    ['too many elements', inWorld('<site/>'.repeat(xmlLimits.elements)), /more than 20000 elements/],
    ['too many attributes', `<mujoco ${Array.from({ length: 70 }, (_, i) => `a${i}=""`).join(' ')}/>`, /more than 64 attributes/],
    ['too many bytes', `<mujoco>${' '.repeat(xmlLimits.bytes)}</mujoco>`, /more than 4194304 bytes/],
    ['too many bodies', inWorld('<body/>'.repeat(1001)), /more than 1000 bodies/],
    ['no worldbody', '<mujoco/>', /no <worldbody>/],
    ['an unknown element', inWorld('\n<bodyy/>'), /:4: <bodyy> within <worldbody> is not supported/],
    ['an unknown attribute', inWorld('<geom sizes="1"/>'), /<geom> has attribute 'sizes'/],
    ['an attribute of every object', inWorld('<geom constructor="1"/>'), /'constructor'/],
    ['an element of every object', inWorld('<constructor/>'), /<constructor>/],
    ['equalities', `<mujoco><worldbody/><equality/></mujoco>`, /<equality>/],
    ['tendons', `<mujoco><worldbody/><tendon/></mujoco>`, /<tendon>/],
    ['touch sensors', `<mujoco><worldbody/><sensor><touch/></sensor></mujoco>`, /<touch>/],
    ['ellipsoids', inWorld('<geom type="ellipsoid" size="1 1 1"/>'), /type is 'ellipsoid'; what is read is plane, sphere/],
    ['sizes of NaN', inWorld('<geom size="nan"/>'), /size has 'nan', which is no number/],
    ['infinite sizes', inWorld('<geom size="1e400"/>'), /'1e400'/],
    ['huge sizes', inWorld('<geom size="1e9"/>'), /size 1000000000; it must be above 0/],
    ['negative sizes', inWorld('<geom size="-1"/>'), /size -1/],
    ['no size', inWorld('<geom/>'), /size 0/],
    ['hexadecimal numbers', inWorld('<geom size="0x10"/>'), /'0x10'/],
    ['too many numbers', inWorld('<geom size="1 1 1 1"/>'), /size must be 1 to 3 numbers/],
    ['ends of fromto in one place', inWorld('<geom type="capsule" size="1" fromto="1 1 1 1 1 1"/>'), /same point/],
    ['a ball with fromto', inWorld('<geom size="1" fromto="1 1 1 1 1 2"/>'), /sphere cannot have fromto/],
    ['a zero quaternion', inWorld('<body quat="0 0 0 0"/>'), /quat is zero/],
    ['two orientations', inWorld('<body quat="1 0 0 0" euler="1 0 0"/>'), /quat and euler/],
    ['a zero axis', hinged('<joint axis="0 0 0"/>'), /axis has no direction/],
    [
      'classes nested too deep',
      inWorld(
        '',
        `<default class="main">${Array.from({ length: 20 }, (_, i) => `<default class="c${i}">`).join('')}${'</default>'.repeat(21)}`,
      ),
      /nested deeper than 16/,
    ],
    ['a class nobody defined', inWorld('<geom class="a" size="1"/>'), /class 'a' is not defined/],
    ['two classes of one name', inWorld('', '<default><default class="a"/><default class="a"/></default>'), /two default classes/],
    ['two bodies of one name', inWorld('<body name="a"/><body name="a"/>'), /'a' is empty or already taken/],
    ['a body named world', inWorld('<body name="world"/>'), /already taken/],
    ['two joints of one name', inWorld(`<body><joint name="j"/>${ball}<body><joint name="j"/>${ball}</body></body>`), /joint name 'j'/],
    ['a moving body without mass', inWorld('<body name="b"><joint/></body>'), /body 'b' moves, so it needs a mass/],
    ['masses below 0', inWorld('<geom size="1" mass="-1"/>'), /mass is -1/],
    ['an impossible inertia', inWorld('<body><inertial pos="0 0 0" mass="1" diaginertia="1 1 3"/></body>'), /moments of inertia/],
    ['a free body within another', inWorld(`<body><joint/>${ball}<body><freejoint/>${ball}</body></body>`), /not a child of the world/],
    ['a range upside down', hinged('<joint range="10 -10"/>'), /first must be below/],
    ['a range beyond a turn', hinged('<joint range="-400 10"/>'), /wider than a whole turn/],
    [
      'two hinges in a body',
      hinged('<joint name="h"/><joint name="g" axis="1 0 0"/>'),
      /body 'b' has the joints 'h' \(hinge\), 'g' \(hinge\)/,
    ],
    [
      'slides after their hinge',
      hinged('<joint name="r" axis="0 1 0"/><joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide"/>'),
      /'r' \(hinge\), 'x' \(slide\), 'z' \(slide\)/,
    ],
    [
      'a planar series out of square',
      hinged('<joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="1 0 1"/><joint name="r" axis="0 1 0"/>'),
      /not at right angles/,
    ],
    ['a plane on a moving body', inWorld(`<body><joint/>${ball}<geom type="plane" size="1 1 1"/></body>`), /moves and has a plane/],
    [
      'a driver of no joint',
      hinged('<joint name="j"/>').replace('</worldbody>', '</worldbody><actuator><motor joint="k"/></actuator>'),
      /no joint 'k'/,
    ],
    [
      'a gear of 0',
      hinged('<joint name="j"/>').replace('</worldbody>', '</worldbody><actuator><motor joint="j" gear="0"/></actuator>'),
      /gear is 0/,
    ],
    ['fluids', inWorld('', '<option density="1000"/>'), /density is '1000'; only 0/],
    ['an unknown integrator', inWorld('', '<option integrator="verlet"/>'), /integrator is 'verlet'/],
    ['a step of 0', inWorld('', '<option timestep="0"/>'), /timestep is 0/],
    ['global coordinates', inWorld('', '<compiler coordinate="global"/>'), /coordinate is 'global'/],
    ['includes without files', '<mujoco>\n<include file="a.xml"/><worldbody/></mujoco>', /:2: it needs other files/],
    [
      'an open mesh',
      inWorld('<geom mesh="m"/>', '<asset><mesh name="m" vertex="0 0 0 1 0 0 0 1 0 0 0 1" face="0 1 2 0 1 3 0 1 2 0 1 3"/></asset>'),
      /encloses no volume/,
    ],
    [
      'faces of corners there are not',
      inWorld('', '<asset><mesh name="m" vertex="0 0 0 1 0 0 0 1 0 0 0 1" face="0 1 9 0 1 3 0 1 2 0 1 3"/></asset>'),
      /face of corners/,
    ],
    [
      'a lone gyro',
      inWorld('<site name="s"/>').replace('</worldbody>', '</worldbody><sensor><gyro site="s"/></sensor>'),
      /together with a <accelerometer>/,
    ],
    [
      'an exclusion that would change something',
      inWorld(`<body name="a"><freejoint/>${ball}</body><body name="b"><freejoint/>${ball}</body>`).replace(
        '</worldbody>',
        '</worldbody><contact><exclude body1="a" body2="b"/></contact>',
      ),
      /contacts between 'a' and 'b' cannot be excluded/,
    ],
    [
      'neighbours of a body held fast, which MuJoCo keeps apart',
      inWorld(`<body name="a"><freejoint/>${ball}<body name="m">${ball}<body name="c"><joint/>${ball}</body></body></body>`),
      /'a' and 'c' could touch/,
    ],
  ];
  for (const [what, text, message] of cases)
    it(what, () => {
      expect(refusal(text)).to.match(message);
    });

  it('in time whatever is as large as it may be', function () {
    this.timeout(60_000);
    const many = (count: number, part: (i: number) => string) => Array.from({ length: count }, (_, i) => part(i)).join('');
    const chain = many(990, (i) => `<body name="b${i}"><joint name="j${i}"/>${ball}`);
    const large = [
      inWorld(many(19_000, () => ball)),
      inWorld(many(990, (i) => `<body name="b${i}"><joint name="j${i}"/>${ball}</body>`)),
      inWorld(chain),
      inWorld('<site name="s"/>').replace(
        '</worldbody>',
        `</worldbody><sensor>${many(9_000, () => '<framepos objname="s"/>')}${many(9_000, () => '<framequat objname="s"/>')}</sensor>`,
      ),
      inWorld(
        '',
        `<asset>${many(15_000, (i) => `<mesh name="m${i}" vertex="0 0 0 1 0 0 0 1 0 0 0 1" face="0 2 1 0 1 3 1 2 3 0 3 2"/>`)}</asset>`,
      ),
      `<!DOCTYPE a [${'<!ENTITY a "b">'.repeat(250_000)}]><a/>`,
      inWorld(`<geom size="${'1'.repeat(4_000_000)}"/>`),
    ];
    for (const [i, text] of large.entries()) {
      const start = performance.now();
      try {
        parseMjcf(text);
      } catch (error) {
        if (!isGroundtwinError(error, 'ROBOT_FILE_INVALID')) throw error;
      }
      expect(performance.now() - start, `file ${i}, ms`).to.be.below(1000);
    }
  });

  it('none of the file but names, and those cut short', () => {
    expect(refusal(inWorld(`<${'a'.repeat(100_000)}/>`)).length).to.be.below(300);
    expect(refusal(inWorld(`<geom size="${'9'.repeat(100_000)}"/>`)).length).to.be.below(300);
    expect(refusal(inWorld(`<body name="${'a'.repeat(100_000)}"/>`)).length).to.be.below(300);
    expect(refusal(hinged(`<joint name="${'j'.repeat(190)}"/>`.repeat(1000))).length).to.be.below(2000);
  });
});

describe('parseMjcf reads', () => {
  it('bodies held fast as fixed joints, or as part of what holds them', () => {
    const text = inWorld(
      `<body name="a"><freejoint/>${ball}<body name="m" pos="1 0 0">${ball}<body name="c"><joint name="j"/>${ball}</body></body></body>`,
    );
    const fused = parseMjcf(text, { fuseFixed: true });
    expect(fused.scene.bodies.map(({ name }) => name)).to.deep.equal(['world', 'a', 'c']);
    expect(fused.frames.get('m')).to.deep.equal({ body: 'a', pose: { position_m: [1, 0, 0] } });
    // Two balls 1 m apart: their middle is the centre of mass, and each adds m/4 to the moments across.
    const { mass_kg, centreOfMass_m, inertia_kgm2 } = fused.scene.bodies[1]!.inertial!;
    const own = mass_kg / 2;
    expect(centreOfMass_m).to.deep.equal([0.5, 0, 0]);
    expect(inertia_kgm2[2]).to.be.closeTo(2 * (own * 0.004 + own / 4), 1e-12);
    const apart = parseMjcf(text.replaceAll('0.1"/>', '0.1" conaffinity="0"/>'));
    expect(apart.scene.joints.map(({ name, kind }) => `${name} ${kind}`)).to.deep.equal(['m fixed', 'j hinge']);
    checkScene(apart.scene, apart.mujoco);
  });

  it('massless bodies held fast as part of what holds them', () => {
    const { scene, sites } = parseMjcf(
      inWorld(`<body name="a"><freejoint/>${ball}<body pos="0 0 2"><site name="s" pos="0 1 0"/></body></body>`),
    );
    expect(scene.joints).to.deep.equal([]);
    expect(sites.get('s')).to.deep.equal({ body: 'a', pose: { position_m: [0, 1, 2] } });
  });

  it('flags that switch off contacts, limits and gravity', () => {
    const { scene } = parseMjcf(
      hinged('<joint range="-10 10"/>', '<option><flag contact="disable" limit="disable" gravity="disable"/></option>'),
    );
    expect(scene.joints[0]).not.to.have.property('limits');
    expect(scene.bodies[1]!.shapes[0]).to.have.property('collides', false);
    expect(scene.gravity_mps2).to.deep.equal([0, 0, 0]);
  });

  it('cameras, sensors and keyframes', () => {
    const { scene, keyframes } = parseMjcf(
      `<mujoco><worldbody>
        <camera name="fixed" pos="0 -3 1" xyaxes="1 0 0 0 0 1" fovy="60"/>
        <camera name="aimed" pos="0 -3 1" mode="targetbody" target="b"/>
        <body name="b" pos="0 0 2" euler="0 0 90"><joint name="j"/>${ball}
          <site name="s" pos="0.1 0 0"/><camera name="follow" mode="trackcom" pos="-2 0 0" xyaxes="0 -1 0 0 0 1"/>
        </body></worldbody>
        <sensor>
          <gyro name="turn" site="s"/><jointpos name="q" joint="j"/><jointvel joint="j"/><accelerometer name="imu" site="s"/>
          <framequat name="o" objtype="xbody" objname="b"/><framepos name="p" objtype="xbody" objname="b"/><rangefinder site="s" cutoff="7"/>
        </sensor>
        <keyframe><key name="home" qpos="0.5" time="1"/></keyframe>
      </mujoco>`,
    );
    checkScene(scene, { step_s: 0.01 });
    const [fixed, aimed, follow] = scene.cameras!;
    expect(fixed).to.deep.include({ name: 'fixed', position_m: [0, -3, 1], fieldOfView_rad: Math.PI / 3 });
    expect(fixed!.target_m.map((part) => Math.round(part * 1e9) / 1e9)).to.deep.equal([0, -2, 1]);
    expect(aimed!.target_m).to.deep.equal([0, 0, 2]);
    expect(follow).to.deep.include({ body: 'b', mode: 'following' });
    // The body is turned by a quarter about z: 2 m behind it along x is −2 m along the world's y, and forward is +y.
    expect(follow!.position_m.map((part) => Math.round(part) + 0)).to.deep.equal([0, -2, 0]);
    expect(follow!.target_m.map((part) => Math.round(part) + 0)).to.deep.equal([0, -1, 0]);
    expect(scene.sensors!.map(({ name, kind }) => `${name} ${kind}`)).to.deep.equal([
      'imu imu',
      'q jointPosition',
      'sensor-2 jointVelocity',
      'p framePose',
      'sensor-4 ray',
    ]);
    expect(scene.sensors![4]).to.have.property('range_m', 7);
    expect(keyframes).to.deep.equal([{ name: 'home', time_s: 1, qpos: [0.5] }]);
  });
});

/** A tetrahedron as a binary STL file. */
function stl(count = 4): Uint8Array {
  const corners = [
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ] as const;
  const faces = [
    [0, 2, 1],
    [0, 1, 3],
    [1, 2, 3],
    [0, 3, 2],
  ] as const;
  const bytes = new Uint8Array(84 + 4 * 50);
  const view = new DataView(bytes.buffer);
  view.setUint32(80, count, true);
  for (const [i, face] of faces.entries())
    for (const [k, corner] of face.entries())
      for (const [axis, value] of corners[corner].entries()) view.setFloat32(84 + 50 * i + 12 + 12 * k + 4 * axis, value, true);
  return bytes;
}

describe('files beside a robot file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'groundtwin-mjcf-'));
  const root = join(folder, 'robot');
  const meshed = (file: string, compiler = '') => inWorld('<geom mesh="m"/>', `${compiler}<asset><mesh name="m" file="${file}"/></asset>`);
  const including = (file: string) => inWorld('', `<include file="${file}"/>`);

  before(() => {
    mkdirSync(join(root, 'parts'), { recursive: true });
    writeFileSync(join(folder, 'secret.xml'), '<mujoco/>');
    writeFileSync(join(root, 'box.xml'), '<mujoco><worldbody><geom size="0.5"/></worldbody></mujoco>');
    writeFileSync(join(root, 'bad.xml'), '<mujoco>\n<oops/></mujoco>');
    writeFileSync(join(root, 'self.xml'), '<mujoco><include file="self.xml"/></mujoco>');
    writeFileSync(join(root, 'large.xml'), `<mujoco>${' '.repeat(xmlLimits.bytes)}</mujoco>`);
    writeFileSync(join(root, 'huge.stl'), new Uint8Array(fileLimits.bytes + 1));
    writeFileSync(join(root, 'parts', 'm.stl'), stl());
    writeFileSync(join(root, 'lies.stl'), stl(4_000_000_000));
    writeFileSync(join(root, 'five.stl'), stl(5));
    writeFileSync(join(root, 'short.stl'), 'solid');
    symlinkSync(join(folder, 'secret.xml'), join(root, 'link.xml'));
    symlinkSync(folder, join(root, 'up'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const options = (file = 'robot.xml'): MjcfOptions => ({ file, files: filesIn(root) });

  it('are included where they are named', () => {
    const { scene } = parseMjcf(including('box.xml'), options());
    expect(scene.bodies[0]!.shapes.length).to.equal(1);
    expect(parseMjcf(including('../box.xml'), options('parts/robot.xml')).scene).to.deep.equal(scene);
  });

  it('are read as meshes', () => {
    const { scene } = parseMjcf(meshed('m.stl', '<compiler meshdir="parts"/>'), options());
    const { form } = scene.bodies[0]!.shapes[0]!;
    expect(form.kind === 'mesh' && [form.vertices_m.length, form.triangles.length]).to.deep.equal([12, 12]);
  });

  it('are named in what is wrong with them', () => expect(refusal(including('bad.xml'), options())).to.match(/^bad\.xml:2: <oops>/));

  const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['a path upwards', including('../secret.xml'), /no path within/],
    ['a path down and upwards', including('parts/../../secret.xml'), /no path within/],
    ['an absolute path', including(join(folder, 'secret.xml')), /no path within/],
    ['a path with a NUL', including('box.xml&#1;'), /not well-formed/],
    ['a path of another system', including('..\\secret.xml'), /no path within/],
    ['a URL', including('file:///etc/hosts.xml'), /no path within/],
    ['a link out', including('link.xml'), /leads out/],
    ['a linked folder', including('up/secret.xml'), /leads out/],
    ['another kind of file', including('/dev/zero'), /no path within/],
    ['a file of no listed extension', including('box.txt'), /none of \.xml/],
    ['a folder', including('parts.xml'), /does not exist/],
    ['an include of itself', including('self.xml'), /included twice/],
    ['includes that are too much together', including('large.xml'), /more than 4194304 bytes/],
    ['a file over the size limit', meshed('huge.stl'), /the limit is 16777216/],
    ['a mesh that is no STL', meshed('box.xml'), /no STL file/],
    ['an STL file that claims four billion triangles', meshed('lies.stl'), /4000000000 triangles; the limit/],
    ['an STL file that claims one too many', meshed('five.stl'), /5 triangles, which does not fit its 284 bytes/],
    ['an STL file cut short', meshed('short.stl'), /too short/],
  ];
  for (const [what, text, message] of refused)
    it(`are refused: ${what}`, () => {
      expect(refusal(text, options())).to.match(message);
    });
});
