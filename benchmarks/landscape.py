"""The loss of the MNIST MLP over two weights: a 100x100 grid, 4,000 images, on 2 cores.

Trains the 784-400-256-10 MLP on mnist10k once, then measures the grid over two weights of the
first layer (the dearest: all later layers see them), of the second and of the head, each in one
process, compilation included, and a plain loop that assigns the two weights and calls `evaluate`
(Keras's own batches of 32, and of 1,000). The loop is measured on `--loop` points and scaled to
the grid. Every tenth of its losses is compared with ours. Bars: under 60 seconds, at least 20
times the plain loop.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measuring import MLZOO, arguments, data_argument, data_file, run_well, table, verdict

PAIRS = {
    "first layer": "hidden1/kernel[300,5],hidden1/kernel[301,17]",
    "second layer": "hidden2/kernel[40,5],hidden2/kernel[41,17]",
    "head": "head/kernel[3,5],head/kernel[4,2]",
}

_MEASURE = """
import json, sys, time
run, names, side, images, loop = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
import numpy as np, keras
from mlzoo import load
from mlzoo.checking.landscapes import loss_surface as around, planes, surfaces
from mlzoo.checking.settings import AroundConfig
opened = load(run)
data = opened.own_data()
config = AroundConfig(plane="weights", weights=names, limit=images)
loss = around.loss_of(opened, data, config, "train")
plane = planes.two_weights(loss.variables, loss.weights(), planes.split_names(names))
began, cpu = time.perf_counter(), time.process_time()
land = surfaces.OnPlane(loss, plane)
found = surfaces.measure(land, plane, side, 1e9)
wall, cpu = time.perf_counter() - began, time.process_time() - cpu
x = np.concatenate([np.asarray(x) for x, _ in loss.parts])
y = np.concatenate([np.asarray(y) for _, y in loss.parts])
model = opened.model
model.compile(loss=loss.loss)
rows = {"wall": wall, "cpu": cpu, "fast": found.fast, "images": len(x)}
places = np.random.default_rng(0).integers(0, side, (loop, 2))
for batch in (32, 1000):
    model.evaluate(x, y, batch_size=batch, verbose=0)
    apart, began, busy = [], time.perf_counter(), time.process_time()
    for i, j in places:
        weights = plane.at(found.a[i], found.b[j])
        for which, _ in plane.weights:
            loss.variables[which].assign(weights[which])
        apart.append(abs(model.evaluate(x, y, batch_size=batch, verbose=0) - found.z[j, i]))
    rows[f"loop {batch}"] = (time.perf_counter() - began) / loop * side**2
    rows[f"loop cpu {batch}"] = (time.process_time() - busy) / loop * side**2
    rows[f"apart {batch}"] = float(max(apart))
print(json.dumps(rows))
"""


def main() -> None:
    parser = arguments(__doc__, side=100, images=4000, loop=10, epochs=3)
    data_argument(parser)
    asked = parser.parse_args()
    data = data_file(asked.data, "mnist10k/mnist10k.npz")
    rows = []
    with tempfile.TemporaryDirectory() as root:
        run_well([MLZOO, "train", "mlp", data, "--set", "hidden=400,256", "--epochs",
                  asked.epochs, "--out", root, "--name", "mnist"])  # fmt: skip
        for where, names in PAIRS.items():
            words = [Path(root) / "mnist", names, asked.side, asked.images, asked.loop]
            cost = run_well([sys.executable, "-c", _MEASURE, *words])
            found = json.loads(cost.out.splitlines()[-1])
            if found["images"] < asked.images:
                print(f"only {found['images']} images are in the training split")
            for batch in (32, 1000):
                rows.append([
                    f"{where}, batch {batch}", found["wall"], found["cpu"],
                    found[f"loop {batch}"], found[f"loop {batch}"] / found["wall"],
                    found[f"loop cpu {batch}"] / found["cpu"], found[f"apart {batch}"],
                    verdict(found["wall"] < 60 and found[f"loop {batch}"] / found["wall"] >= 20),
                ])  # fmt: skip
    print(f"{asked.side}x{asked.side} points, {asked.images} images; the loop measured on "
          f"{asked.loop} points and scaled to {asked.side**2}")  # fmt: skip
    header = ["weights in", "seconds", "cpu s", "loop, s", "ratio", "cpu ratio", "apart", "bars"]
    table(header, rows)


if __name__ == "__main__":
    main()
