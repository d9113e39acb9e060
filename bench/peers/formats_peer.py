"""The tools that others read and write episodes with, as a peer: reads one JSON request a line on stdin, answers each with one JSON line on stdout.

make  {format, path, episodes, steps}  -> episodes: what the tool's own writer put there, of Gymnasium's Pendulum with random actions
read  {format, path}                   -> what the tool's own reader finds there; of each format what its users look at
"""

import json
import os
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
import pandas  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.parquet  # noqa: E402

OBSERVATION = ["cosAngle", "sinAngle", "velocity_radps"]
DT_NS = 50_000_000
# When logs begin, ns since the epoch, and how long an action comes after the observation it answers.
LOG_START_NS = 1_700_000_000_000_000_000
ANSWER_NS = 2_000_000


def played(episodes, steps):
    """Episodes of Pendulum-v1 with random actions: arrays as Gymnasium gives them."""
    env = gymnasium.make("Pendulum-v1", max_episode_steps=steps)
    result = []
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        env.action_space.seed(seed)
        columns = {"observation": [observation], "action": [], "reward": [], "terminated": [], "truncated": []}
        over = False
        while not over:
            action = env.action_space.sample()
            observation, reward, terminated, truncated, _ = env.step(action)
            for name, value in zip(columns, (observation, action, float(reward), bool(terminated), bool(truncated))):
                columns[name].append(value)
            over = terminated or truncated
        result.append({name: np.array(values) for name, values in columns.items()})
    return env, result


def plain(episodes):
    return [{name: values.tolist() for name, values in episode.items()} for episode in episodes]


def minari_in(path):
    """Minari looks for data sets under one folder, which it reads from the environment."""
    os.environ["MINARI_DATASETS_PATH"] = str(pathlib.Path(path).parent)
    import minari

    return minari, pathlib.Path(path).name


def make_minari(path, episodes, steps):
    minari, name = minari_in(path)
    from minari.data_collector import EpisodeBuffer

    env, data = played(episodes, steps)
    buffers = [
        EpisodeBuffer(
            id=number,
            seed=number,
            observations=episode["observation"],
            actions=episode["action"],
            rewards=episode["reward"],
            terminations=episode["terminated"],
            truncations=episode["truncated"],
        )
        for number, episode in enumerate(data)
    ]
    minari.create_dataset_from_buffers(name, buffers, env=env, algorithm_name="random")
    return plain(data)


def nested(values):
    return {key: nested(part) for key, part in values.items()} if isinstance(values, dict) else np.asarray(values).tolist()


def described(values):
    if isinstance(values, dict):
        return {key: described(part) for key, part in values.items()}
    return {"shape": list(values.shape), "dtype": str(values.dtype)}


def read_minari(path):
    minari, name = minari_in(path)
    dataset = minari.load_dataset(name)
    found = []
    for episode, metadata in zip(dataset.iterate_episodes(), dataset.storage.get_episode_metadata(range(dataset.total_episodes))):
        found.append(
            {
                "id": int(episode.id),
                "seed": metadata.get("seed"),
                "observation": nested(episode.observations),
                "action": nested(episode.actions),
                "reward": episode.rewards.tolist(),
                "terminated": episode.terminations.astype(int).tolist(),
                "truncated": episode.truncations.astype(int).tolist(),
                "state": nested(episode.infos["state"]) if "state" in episode.infos else None,
                "columns": {"observation": described(episode.observations), "action": described(episode.actions)},
            }
        )
    return {
        "episodes": found,
        "totalEpisodes": int(dataset.total_episodes),
        "totalSteps": int(dataset.total_steps),
        "observationSpace": str(dataset.observation_space),
        "actionSpace": str(dataset.action_space),
    }


def make_lerobot(path, episodes, steps):
    """As LeRobot 3 lays data out; its own writer wants a newer Python and PyTorch."""
    root = pathlib.Path(path)
    _, data = played(episodes, steps)
    rows = [(number, step) for number in range(episodes) for step in range(steps)]
    state = np.concatenate([episode["observation"][:-1] for episode in data])
    table = pyarrow.table(
        {
            "observation.state": pyarrow.FixedSizeListArray.from_arrays(state.ravel(), 3),
            "action": pyarrow.array(np.concatenate([episode["action"][:, 0] for episode in data])),
            "next.reward": pyarrow.array(np.concatenate([episode["reward"] for episode in data]).astype(np.float32)),
            "next.done": pyarrow.array([step == steps - 1 for _, step in rows]),
            "timestamp": pyarrow.array([step * 0.05 for _, step in rows], pyarrow.float32()),
            "frame_index": pyarrow.array([step for _, step in rows], pyarrow.int64()),
            "episode_index": pyarrow.array([number for number, _ in rows], pyarrow.int64()),
            "index": pyarrow.array(range(len(rows)), pyarrow.int64()),
            "task_index": pyarrow.array([0] * len(rows), pyarrow.int64()),
        }
    )
    shapes = {"observation.state": ("float32", 3, OBSERVATION), "action": ("float32", 1, ["torque_Nm"])}
    features = {
        name: dict(zip(("dtype", "shape", "names"), (shapes[name][0], [shapes[name][1]], shapes[name][2])))
        if name in shapes
        else {"dtype": {"float": "float32"}.get(str(column.type), str(column.type)), "shape": [1], "names": None}
        for name, column in zip(table.column_names, table.columns)
    }
    (root / "data" / "chunk-000").mkdir(parents=True)
    (root / "meta").mkdir()
    pyarrow.parquet.write_table(table, root / "data" / "chunk-000" / "file-000.parquet", compression="snappy")
    info = {"codebase_version": "v3.0", "robot_type": None, "fps": 20, "total_episodes": episodes, "features": features}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    return plain(data)


def read_lerobot(path):
    root = pathlib.Path(path)
    data = pyarrow.parquet.read_table(root / "data" / "chunk-000" / "file-000.parquet")
    episodes = pyarrow.parquet.read_table(root / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    tasks = pandas.read_parquet(root / "meta" / "tasks.parquet")
    return {
        "info": json.loads((root / "meta" / "info.json").read_text()),
        "stats": json.loads((root / "meta" / "stats.json").read_text()),
        "types": {field.name: str(field.type) for field in data.schema},
        "columns": {name: data.column(name).to_pylist() for name in data.column_names},
        "episodeTypes": {field.name: str(field.type) for field in episodes.schema},
        "episodes": episodes.to_pylist(),
        "tasks": {str(task): int(row["task_index"]) for task, row in tasks.iterrows()},
    }


def make_mcap(path, episodes, steps):
    """One episode a file, with names of topics and a delay as a logger on a robot has them; compressed."""
    from mcap.writer import Writer

    _, data = played(1, steps)
    with open(path, "wb") as stream:
        writer = Writer(stream)
        writer.start()
        channels = {}
        for topic, names in (("/robot/state", OBSERVATION), ("/robot/command", ["torque_Nm"])):
            schema = {"type": "object", "properties": {name: {"type": "number"} for name in names}}
            id = writer.register_schema(name=topic[1:], encoding="jsonschema", data=json.dumps(schema).encode())
            channels[topic] = writer.register_channel(topic=topic, message_encoding="json", schema_id=id)
        for topic, time_ns, values in logged(data[0]):
            names = OBSERVATION if topic == "/robot/state" else ["torque_Nm"]
            message = json.dumps(dict(zip(names, values))).encode()
            writer.add_message(channels[topic], log_time=time_ns, publish_time=time_ns, data=message)
        writer.finish()
    return plain(data)


def logged(episode):
    for step, observation in enumerate(episode["observation"].tolist()):
        time_ns = LOG_START_NS + step * DT_NS
        yield "/robot/state", time_ns, observation
        if step < len(episode["action"]):
            yield "/robot/command", time_ns + ANSWER_NS, episode["action"][step].tolist()


def read_mcap(path):
    from mcap.reader import make_reader

    with open(path, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        messages = [
            {"topic": channel.topic, "schema": schema.encoding, "encoding": channel.message_encoding, "time_ns": message.log_time, "value": json.loads(message.data)}
            for schema, channel, message in reader.iter_messages()
        ]
        summary = reader.get_summary()
        schemas = {schema.name: json.loads(schema.data) for schema in summary.schemas.values()}
        return {"messages": messages, "count": summary.statistics.message_count, "schemas": schemas}


def make_rosbag(path, episodes, steps):
    """A bag as a robot's recorder writes it: joints in an order of their own, commands as a plain array."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    _, data = played(1, steps)
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    order = [2, 0, 1]
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        joints = writer.add_connection("/robot/state", "sensor_msgs/msg/JointState", typestore=store)
        command = writer.add_connection("/robot/command", "std_msgs/msg/Float64MultiArray", typestore=store)
        for topic, time_ns, values in logged(data[0]):
            if topic == "/robot/state":
                stamp = types["builtin_interfaces/msg/Time"](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
                header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="base")
                position = np.array([values[i] for i in order])
                empty = np.array([], dtype=np.float64)
                message = types["sensor_msgs/msg/JointState"](header, [OBSERVATION[i] for i in order], position, empty, empty)
                writer.write(joints, time_ns, store.serialize_cdr(message, "sensor_msgs/msg/JointState"))
            else:
                layout = types["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)
                message = types["std_msgs/msg/Float64MultiArray"](layout, np.array(values, dtype=np.float64))
                writer.write(command, time_ns, store.serialize_cdr(message, "std_msgs/msg/Float64MultiArray"))
    return plain(data)


def read_rosbag(path):
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    messages = []
    with Reader(path) as reader:
        for connection, time_ns, raw in reader.messages():
            message = store.deserialize_cdr(raw, connection.msgtype)
            stamp = message.header.stamp
            messages.append(
                {
                    "topic": connection.topic,
                    "time_ns": time_ns,
                    "stamp_ns": stamp.sec * 10**9 + stamp.nanosec,
                    "names": list(message.name),
                    "values": message.position.tolist(),
                }
            )
        return {"messages": messages, "count": reader.message_count, "types": {c.topic: c.msgtype for c in reader.connections}}


def read_parquet(path):
    table = pyarrow.parquet.read_table(path)
    return {
        "types": {field.name: str(field.type) for field in table.schema},
        "columns": {name: [list(v) if isinstance(v, bytes) else v for v in table.column(name).to_pylist()] for name in table.column_names},
    }


MAKERS = {"minari": make_minari, "lerobot": make_lerobot, "mcap": make_mcap, "rosbag": make_rosbag}
READERS = {"minari": read_minari, "lerobot": read_lerobot, "mcap": read_mcap, "rosbag": read_rosbag, "parquet": read_parquet}


def answer(line):
    try:
        request = json.loads(line)
        if request["op"] == "make":
            return {"episodes": MAKERS[request["format"]](request["path"], request["episodes"], request["steps"])}
        return READERS[request["format"]](request["path"])
    except Exception as error:  # the other side says what failed
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    # What anything else prints must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        answers.write(json.dumps(answer(line)) + "\n")
        answers.flush()
