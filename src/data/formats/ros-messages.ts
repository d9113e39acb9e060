/** Messages of ROS 2 in CDR, the encoding they have on the wire and in bags: those that carry plain numbers. */

/** Numbers with a name each. */
export interface NamedNumbers {
  readonly names: readonly string[];
  readonly values: ArrayLike<number>;
}

export const jointState = 'sensor_msgs/msg/JointState';

/** What `ros2 interface show` says, with the messages within, as bags keep it. */
export const jointStateDefinition = `std_msgs/Header header
string[] name
float64[] position
float64[] velocity
float64[] effort
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
`;

const twistNames = ['linear.x', 'linear.y', 'linear.z', 'angular.x', 'angular.y', 'angular.z'];
/** The most numbers of one message. */
const maxNumbers = 2 ** 16;

/** Names and, as positions, values; velocities and efforts are left empty. */
export function jointStateMessage({ names, values }: NamedNumbers, time_ns: bigint): Uint8Array {
  const encoded = names.map((name) => new TextEncoder().encode(name));
  const room = encoded.reduce((sum, name) => sum + name.byteLength + 9, 64 + values.length * 8);
  const cdr = new CdrWriter(room);
  cdr.uint32(Number(time_ns / 1_000_000_000n));
  cdr.uint32(Number(time_ns % 1_000_000_000n));
  cdr.text(new Uint8Array());
  cdr.uint32(encoded.length);
  for (const name of encoded) cdr.text(name);
  cdr.doubles(values);
  cdr.doubles([]);
  cdr.doubles([]);
  return cdr.bytes();
}

/** Types that `rosNumbers` reads. */
export const readableRosTypes: readonly string[] = [
  jointState,
  'std_msgs/msg/Float64MultiArray',
  'std_msgs/msg/Float64',
  'geometry_msgs/msg/Twist',
];

/**
 * The numbers of a message of one of these types. Of a joint state: positions under the joints' names, then `name.velocity` and `name.effort` where it has them.
 * @throws RangeError for a damaged message.
 */
export function rosNumbers(type: string, data: Uint8Array): NamedNumbers {
  const cdr = new CdrReader(data);
  switch (type) {
    case jointState: {
      cdr.uint32();
      cdr.uint32();
      cdr.text();
      const joints = cdr.list(() => cdr.text());
      const [position, velocity, effort] = [cdr.doubles(), cdr.doubles(), cdr.doubles()];
      const parts = [
        { values: position, suffix: '' },
        { values: velocity, suffix: '.velocity' },
        { values: effort, suffix: '.effort' },
      ].filter(({ values }) => values.length > 0);
      const names = parts.flatMap(({ values, suffix }) => values.map((_, i) => `${joints[i] ?? i}${suffix}`));
      return { names, values: parts.flatMap(({ values }) => values) };
    }
    case 'std_msgs/msg/Float64MultiArray': {
      cdr.list(() => [cdr.text(), cdr.uint32(), cdr.uint32()]);
      cdr.uint32();
      return numbered(cdr.doubles());
    }
    case 'geometry_msgs/msg/Twist':
      return { names: twistNames, values: twistNames.map(() => cdr.double()) };
    default:
      return numbered([cdr.double()]);
  }
}

function numbered(values: readonly number[]): NamedNumbers {
  return { names: values.map((_, i) => String(i)), values };
}

/** Little-endian, with the 4 bytes in front that say so; numbers are aligned to their size after those. */
class CdrWriter {
  private readonly view: DataView;
  private at = 4;

  constructor(room: number) {
    this.view = new DataView(new ArrayBuffer(room));
    this.view.setUint8(1, 1);
  }

  uint32(value: number): void {
    this.align(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  text(utf8: Uint8Array): void {
    this.uint32(utf8.byteLength + 1);
    new Uint8Array(this.view.buffer).set(utf8, this.at);
    this.at += utf8.byteLength + 1;
  }

  doubles(values: ArrayLike<number>): void {
    this.uint32(values.length);
    if (values.length > 0) this.align(8);
    for (let i = 0; i < values.length; i++, this.at += 8) this.view.setFloat64(this.at, values[i]!, true);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, 0, this.at);
  }

  private align(size: number): void {
    this.at += (size - ((this.at - 4) % size)) % size;
  }
}

/** Both byte orders. DataView throws RangeError past the end. */
class CdrReader {
  private readonly view: DataView;
  private readonly isLittle: boolean;
  private at = 4;

  constructor(data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.isLittle = (this.view.getUint8(1) & 1) === 1;
  }

  uint32(): number {
    this.align(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, this.isLittle);
  }

  double(): number {
    this.align(8);
    this.at += 8;
    return this.view.getFloat64(this.at - 8, this.isLittle);
  }

  text(): string {
    const length = this.uint32();
    if (this.at + length > this.view.byteLength) throw new RangeError('a text reaches past the end of a message');
    const utf8 = new Uint8Array(this.view.buffer, this.view.byteOffset + this.at, Math.max(0, length - 1));
    this.at += length;
    return new TextDecoder().decode(utf8);
  }

  list<T>(item: () => T): T[] {
    const length = this.uint32();
    if (length > maxNumbers) throw new RangeError(`a message has a list of ${length}`);
    return Array.from({ length }, item);
  }

  doubles(): number[] {
    return this.list(() => this.double());
  }

  private align(size: number): void {
    this.at += (size - ((this.at - 4) % size)) % size;
  }
}
