"""Errors of networks trained on equations, of surrogates, and of networks with symmetries.

Medians over seeds, exactly as a user types it. Equations: relative L2 error, beside a classical
solver, and the time; bars of 1e-4 within 60 s of CPU on ordinary equations, 2e-3 on heat, 1e-2 on
the wave and Helmholtz's equation, 1e-3 on Burgers', 5e-3 on the L. Lotka and Volterra's equations
are scored against `solve_ivp`. Inverse: the diffusivity of a beam from 200 measurements with noise
.01, 20 seeds; bars: a median error of 1 %, and 95 % intervals that cover in 17. Surrogates:
Burgers' equation with random starts, at the resolution of training and at twice it; bar: the
Fourier neural operator's error there is at most half of the U-Net's. Symmetries: scikit-learn's
digits at random angles, a CNN and one of p4 with as many weights, neither augmented; bar: at most
0.7 of the CNN's errors. Dynamics: a Hamiltonian network on the pendulum and a plain one with as
many weights, both from new starts for 50 units of time: how far the energy drifts. Hybrid: few
solved cases of diffusion and reaction, with the equation's residual beside the loss and without.
Peers: heat with values at the ends, and Poisson's equation on a square, beside DeepXDE with the
same network, points and steps of Adam, float32: steps in a second of CPU once all is compiled;
bars: 1.5 times those of its faster backend, 3 times for Poisson's equation, whose derivatives are
of order 2 in two coordinates; errors that are no worse.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, arguments, middle, peers_python, run_well, shown, table, verdict

BARS = {
    "exponential-decay": 1e-4,
    "damped-oscillator": 1e-4,
    "lotka-volterra": 1e-4,
    "heat": 2e-3,
    "wave": 1e-2,
    "helmholtz": 1e-2,
    "burgers": 1e-3,
    "poisson-l-shape": 5e-3,
}
ORDINARY = ("exponential-decay", "damped-oscillator", "lotka-volterra")
ORDINARY_SECONDS = 60.0
MEASUREMENTS, NOISE, DIFFUSIVITY, INVERSE_SEEDS = 200, 0.01, 0.1, 20
MEDIAN_ERROR, COVERED = 0.01, 17
INVERSE = """\
unknowns: [u]
coordinates: {x: [0, 1], t: [0, 1]}
parameters: {a: {fit: [0.01, 1]}}
equations: ["u_t = a*u_xx"]
conditions:
  - {where: "t = 0", equation: "u = cos(pi*x)"}
  - {where: "x = 0", equation: "u_x = 0"}
  - {where: "x = 1", equation: "u_x = 0"}
data: measured.csv
"""
SURROGATES = {"fno": ["--set", "coordinates=periodic"], "unet": [], "deeponet": []}
POINTS, FINE_CASES, FINE_SEED = 128, 200, 1_000
HALF = 0.5
DYNAMICS = {"hamiltonian": [], "mlp": ["--set", "activation=tanh", "--preset", "none"]}
STARTS, STEPS, TIME_STEP = 20, 1000, 0.05
FEW, HYBRID_EPOCHS, HYBRID_WEIGHTS = 40, 300, (0.01, 0.1)
PEER_STEPS, PEER_EPOCH = 3000, 100
PEER_BACKENDS = ("jax", "tensorflow")
PEER_PROBLEMS = {
    "heat": (
        1.5,
        """\
unknowns: [u]
coordinates: {x: [0, 1], t: [0, 1]}
parameters: {a: 0.1}
equations: ["u_t = a*u_xx"]
conditions:
  - {where: "t = 0", equation: "u = sin(pi*x)"}
  - {where: "x = 0", equation: "u = 0"}
  - {where: "x = 1", equation: "u = 0"}
exact: {u: "exp(-a*pi**2*t)*sin(pi*x)"}
""",
    ),
    "poisson": (
        3.0,
        """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 1]}
equations: ["u_xx + u_yy = -2*pi**2*sin(pi*x)*sin(pi*y)"]
conditions:
  - {where: "x = 0", equation: "u = 0"}
  - {where: "x = 1", equation: "u = 0"}
  - {where: "y = 0", equation: "u = 0"}
  - {where: "y = 1", equation: "u = 0"}
exact: {u: "sin(pi*x)*sin(pi*y)"}
""",
    ),
}
"""Bar of the steps, and the problem file."""
HYBRID = ["--set", "width=16", "--set", "modes=8", "--set", "layers=3", "--early-stopping", 0]
SIDE, DIGITS_EPOCHS, FEWER_ERRORS = 16, 40, 0.7


def measure(problem: str, seeds: int, backend: str, out: str) -> tuple[list[Any], bool]:
    """Train on a problem with several seeds; its line of the table, and whether its bar is met."""
    errors, seconds, classical = [], [], None
    for seed in range(seeds):
        typed = [MLZOO, "train", "pinn", problem, "--seed", seed]
        print(shown(typed), flush=True)
        cost = run_well([*typed, "--out", out, "--json"], KERAS_BACKEND=backend)
        record = json.loads(cost.out)
        errors.append(record["headline"]["value"])
        seconds.append(cost.cpu)
        classical = record["test"]["baselines"].get("classical")
    error, cpu = middle(errors), middle(seconds)
    held = error <= BARS[problem] and (problem not in ORDINARY or cpu <= ORDINARY_SECONDS)
    beside = [classical["relative_l2"], classical["note"]] if classical else ["", "the reference"]
    return [problem, error, max(errors), cpu, BARS[problem], verdict(held), *beside], held


def equations(problems: list[str], seeds: int, backend: str) -> bool:
    """Print the table of equations; return whether all bars are met."""
    with tempfile.TemporaryDirectory() as out:
        rows = [measure(name, seeds, backend, out) for name in problems]
    header = ["problem", "relative L2", "worst", "CPU s", "bar", "", "classical", "by"]
    table(header, [row for row, _ in rows])
    return all(held for _, held in rows)


def inverse(seeds: int, backend: str) -> bool:
    """Fit the diffusivity of a beam to new measurements for each seed; print the table."""
    rows, errors, covered = [], [], 0
    with tempfile.TemporaryDirectory() as out:
        for seed in range(seeds):
            problem = write_inverse(Path(out), seed)
            typed = [MLZOO, "train", "pinn", problem, "--seed", seed, "--pictures", "none"]
            print(shown(typed), flush=True)
            cost = run_well([*typed, "--out", out, "--json"], KERAS_BACKEND=backend)
            [estimate] = json.loads(cost.out)["estimates"].values()
            value, low, high = (estimate[key] for key in ("value", "low", "high"))
            errors.append(abs(value / DIFFUSIVITY - 1))
            covered += low <= DIFFUSIVITY <= high
            rows.append([seed, value, low, high, cost.cpu])
    table(["seed", "a", "low", "high", "CPU s"], rows)
    share = COVERED / INVERSE_SEEDS
    held = middle(errors) <= MEDIAN_ERROR and covered >= share * seeds
    print(
        f"median error of a: {middle(errors):.2%}, bar {MEDIAN_ERROR:.0%}; its interval covers in "
        f"{covered} of {seeds} seeds, bar {share:.0%} {verdict(held)}"
    )
    return held


def write_inverse(folder: Path, seed: int) -> Path:
    """Write a problem whose diffusivity is not given, and measurements with noise."""
    import numpy as np

    rng = np.random.default_rng(seed)
    x, t = rng.uniform(0, 1, (2, MEASUREMENTS))
    u = np.exp(-DIFFUSIVITY * np.pi**2 * t) * np.cos(np.pi * x)
    rows = np.stack([x, t, u + NOISE * rng.normal(size=MEASUREMENTS)], axis=1)
    inner = folder / f"inverse-{seed}"
    inner.mkdir()
    header = {"delimiter": ",", "header": "x,t,u", "comments": ""}
    np.savetxt(inner / "measured.csv", rows, **header)
    path = inner / "inverse-heat.yaml"
    path.write_text(INVERSE)
    return path


def surrogates(seeds: int, backend: str, epochs: int) -> bool:
    """Print the table of surrogates; return whether the bar is met."""
    rows, errors = [], {}
    with tempfile.TemporaryDirectory() as out:
        finer, scale = write_finer(Path(out))
        for model, settings in SURROGATES.items():
            same, twice, seconds = [], [], []
            for seed in range(seeds):
                typed = [MLZOO, "train", model, "burgers-fields", *settings]
                typed += ["--epochs", epochs, "--seed", seed]
                print(shown(typed), flush=True)
                name = f"{model}-{seed}"
                more = ["--out", out, "--name", name, "--json"]
                cost = run_well([*typed, *more], KERAS_BACKEND=backend)
                same.append(json.loads(cost.out)["headline"]["value"] / scale)
                seconds.append(cost.cpu)
                scored = [MLZOO, "evaluate", Path(out) / name, finer, "--json"]
                result = json.loads(run_well(scored, KERAS_BACKEND=backend).out)
                twice.append(result["metrics"]["rmse"] / scale)
            errors[model] = middle(twice)
            rows.append([model, middle(same), middle(twice), max(twice), middle(seconds)])
    header = ["model", f"{POINTS} points", f"{2 * POINTS} points", "worst", "CPU s"]
    print(f"relative L2 error on Burgers' equation, {seeds} seeds, {epochs} epochs")
    table(header, rows)
    ratio = errors["fno"] / errors["unet"]
    bar = f"bar {HALF:g} {verdict(ratio <= HALF)}"
    print(f"error of fno over that of unet at {2 * POINTS} points: {ratio:.3g}, {bar}")
    return ratio <= HALF


def symmetries(seeds: int, backend: str) -> bool:
    """Print the table of networks on turned digits; return whether the bar is met."""
    rows, errors = [], {}
    with tempfile.TemporaryDirectory() as out:
        digits = write_turned_digits(Path(out))
        for model in ("cnn", "cnn_equivariant"):
            wrong, changed, weights, seconds = [], [], 0, []
            for seed in range(seeds):
                typed = [MLZOO, "train", model, digits, "--augment", "none", "--seed", seed]
                typed += ["--epochs", DIGITS_EPOCHS, "--early-stopping", 0]
                print(shown(typed), flush=True)
                more = ["--out", out, "--name", f"{model}-{seed}", "--json"]
                cost = run_well([*typed, *more], KERAS_BACKEND=backend)
                record = json.loads(cost.out)
                wrong.append(1 - record["test"]["metrics"]["accuracy"])
                weights, _ = record["parameters"], seconds.append(cost.cpu)
                checked = [MLZOO, "check", Path(out) / f"{model}-{seed}", "--symmetry", "rot90"]
                result = json.loads(run_well([*checked, "--json"], KERAS_BACKEND=backend).out)
                changed.append(result["symmetries"][0]["changed_classes"])
            errors[model] = middle(wrong)
            rows.append(
                [model, weights, middle(wrong), max(wrong), middle(changed), middle(seconds)]
            )
    header = ["model", "weights", "error rate", "worst", "changed by a quarter turn", "CPU s"]
    print(f"digits at random angles, {seeds} seeds, {DIGITS_EPOCHS} epochs, no augmentation")
    table(header, rows)
    ratio = errors["cnn_equivariant"] / errors["cnn"]
    bar = f"bar {FEWER_ERRORS:g} {verdict(ratio <= FEWER_ERRORS)}"
    print(f"errors of cnn_equivariant over those of cnn: {ratio:.3g}, {bar}")
    return ratio <= FEWER_ERRORS


def hybrid(seeds: int, backend: str) -> bool:
    """Print errors of surrogates with the residual of an equation and without, by paired seeds."""
    import numpy as np

    from mlzoo.sources._parametric import SIDE as POINTS_A_SIDE
    from mlzoo.sources._parametric import reaction

    rows = []
    with tempfile.TemporaryDirectory() as out:
        new = Path(out) / "new.npz"
        sources, solved = reaction(FINE_CASES, POINTS_A_SIDE, np.random.default_rng(FINE_SEED))
        np.savez(new, x=sources[..., None], y=solved)
        scale = float(np.sqrt(np.mean(solved**2)))
        for weight in (None, *HYBRID_WEIGHTS):
            typed = [MLZOO, "train", "fno", "reaction-fields", "--source-set", f"samples={FEW}"]
            typed += [*HYBRID, "--epochs", HYBRID_EPOCHS]
            if weight:
                typed += ["--equation", "reaction-fields", "--equation-weight", weight]
            errors = []
            for seed in range(seeds):
                print(shown([*typed, "--seed", seed]), flush=True)
                name = f"fno-{weight}-{seed}"
                more = ["--out", out, "--name", name, "--pictures", "none", "--json"]
                run_well([*typed, "--seed", seed, *more], KERAS_BACKEND=backend)
                scored = [MLZOO, "evaluate", Path(out) / name, new, "--json"]
                result = json.loads(run_well(scored, KERAS_BACKEND=backend).out)
                errors.append(result["metrics"]["rmse"] / scale)
            rows.append([weight or "without", *errors, middle(errors)])
    print(f"relative L2 error on {FINE_CASES} new cases after {FEW} (60 % of them for training)")
    table(["weight", *(f"seed {seed}" for seed in range(seeds)), "median"], rows)
    best = min(rows[1:], key=lambda row: row[-1])
    wins = sum(one < other for one, other in zip(best[1:-1], rows[0][1:-1], strict=True))
    held = best[-1] < rows[0][-1]
    print(
        f"with weight {best[0]} over without: {best[-1] / rows[0][-1]:.3g} {verdict(held)}, better "
        f"in {wins} of {seeds} seeds"
    )
    return held


def peers(seeds: int, backend: str) -> bool:
    """Print steps per second and errors beside DeepXDE's; return whether the bars are met."""
    held = [beside(problem, seeds, backend) for problem in PEER_PROBLEMS]
    return all(held)


def beside(name: str, seeds: int, backend: str) -> bool:
    """Print those of one problem; return whether its bars are met."""
    bar, text = PEER_PROBLEMS[name]
    rates: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    script = Path(__file__).with_name("peers") / "equations.py"
    python = peers_python()
    with tempfile.TemporaryDirectory() as out:
        problem = Path(out) / f"{name}.yaml"
        problem.write_text(text)
        typed = [MLZOO, "train", "pinn", problem, "--precision", "float32", "--set", "lbfgs=0"]
        typed += ["--set", "balance=false", "--pictures", "none", "--baselines", "none"]
        print(shown([*typed, "--epochs", PEER_STEPS // PEER_EPOCH]), flush=True)
        for seed in range(seeds):
            costs = []
            for steps in (PEER_STEPS, 4 * PEER_STEPS):  # the same but for the steps between
                more = ["--epochs", steps // PEER_EPOCH, "--seed", seed, "--out", out, "--json"]
                costs.append(run_well([*typed, *more], KERAS_BACKEND=backend))
                peer = PEER_BACKENDS[len(costs) - 1]  # in turns, so that noise hits all alike
                measured = run_well([python, script, name, PEER_STEPS, seed], DDE_BACKEND=peer)
                result = json.loads(measured.out.splitlines()[-1])
                rates.setdefault(f"DeepXDE, {peer}", []).append(PEER_STEPS / result["seconds"])
                errors.setdefault(f"DeepXDE, {peer}", []).append(result["relative_l2"])
            between = 3 * PEER_STEPS / (costs[1].cpu - costs[0].cpu)
            rates.setdefault("mlzoo", []).append(between)
            errors.setdefault("mlzoo", []).append(json.loads(costs[0].out)["headline"]["value"])
    names = [*(f"DeepXDE, {peer}" for peer in PEER_BACKENDS), "mlzoo"]
    rows = [[each, middle(rates[each]), middle(errors[each]), max(errors[each])] for each in names]
    table(["", "steps a second of CPU", "relative L2", "worst"], rows)
    ratio = rows[-1][1] / max(row[1] for row in rows[:-1])
    least = min(row[2] for row in rows[:-1])
    held = ratio >= bar, rows[-1][2] <= least
    text = f"{name}: steps over those of the faster backend {ratio:.3g}, bar {bar:g}"
    print(f"{text} {verdict(held[0])}")
    print(f"errors no worse {verdict(held[1])}")
    return all(held)


def dynamics(seeds: int, backend: str, epochs: int) -> bool:
    """Print how the energy of the pendulum drifts; return whether it drifts less where it can't."""
    import numpy as np

    from mlzoo.sources._pendulum import ENERGY, swings

    rows, drifts = [], {}
    with tempfile.TemporaryDirectory() as out:
        starts = Path(out) / "starts.csv"
        states = swings(STARTS, np.random.default_rng(FINE_SEED))[:, 0]
        header = {"delimiter": ",", "header": "angle,momentum", "comments": ""}
        np.savetxt(starts, states, **header)
        for model, settings in DYNAMICS.items():
            each, errors, weights, seconds = [], [], 0, []
            for seed in range(seeds):
                typed = [MLZOO, "train", model, "pendulum", "--set", "hidden=64,64", *settings]
                typed += ["--epochs", epochs, "--seed", seed]
                print(shown(typed), flush=True)
                more = ["--out", out, "--name", f"{model}-{seed}", "--pictures", "none", "--json"]
                cost = run_well([*typed, *more], KERAS_BACKEND=backend)
                record = json.loads(cost.out)
                errors.append(record["test"]["metrics"]["rmse"])
                weights, _ = record["parameters"], seconds.append(cost.cpu)
                rolled = [MLZOO, "predict", Path(out) / f"{model}-{seed}", starts]
                rolled += ["--steps", STEPS, "--time-step", TIME_STEP, "--energy", ENERGY, "--json"]
                states = json.loads(run_well(rolled, KERAS_BACKEND=backend).out)
                energies = np.array([row["energy"] for row in states]).reshape(STARTS, -1)
                each.append(float(np.median(np.abs(energies - energies[:, :1]).max(axis=1))))
            drifts[model] = middle(each)
            rows.append([model, weights, middle(errors), middle(each), max(each), middle(seconds)])
    print(f"pendulum, {seeds} seeds, {epochs} epochs; drift by time {STEPS * TIME_STEP:g}")
    table(["model", "weights", "rmse of rates", "energy drift", "worst", "CPU s"], rows)
    ratio = drifts["hamiltonian"] / drifts["mlp"]
    print(f"energy drift of hamiltonian over that of mlp: {ratio:.3g} {verdict(ratio < 1)}")
    return ratio < 1


def write_turned_digits(folder: Path) -> Path:
    """Write scikit-learn's 1,797 digits, enlarged and each turned by an angle of its own."""
    import cv2
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    angles = np.random.default_rng(0).uniform(0, 360, len(digits.images))
    center = (SIDE - 1) / 2
    turned = []
    for image, angle in zip(digits.images, angles, strict=True):
        large = cv2.resize(image * 15.9375, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        turn = cv2.getRotationMatrix2D((center, center), angle, 1.0)
        turned.append(cv2.warpAffine(large, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR))
    pixels = np.clip(np.rint(np.stack(turned)), 0, 255).astype(np.uint8)
    path = folder / "turned-digits.npz"
    np.savez(path, x=pixels, y=digits.target)
    return path


def write_finer(folder: Path) -> tuple[Path, float]:
    """Write new cases of twice the resolution; return the file and the solutions' rms."""
    import numpy as np

    from mlzoo.sources._parametric import burgers

    starts, ends = burgers(FINE_CASES, 2 * POINTS, np.random.default_rng(FINE_SEED))
    path = folder / "finer.npz"
    np.savez(path, x=starts, y=ends)
    return path, float(np.sqrt(np.mean(ends**2)))


def main() -> None:
    parser = arguments(__doc__, seeds=5, backend="jax", epochs=60)
    parts = ("equations", "inverse", "surrogates", "symmetries", "dynamics", "hybrid", "peers")
    parser.add_argument("--part", choices=parts, help="(default all)")
    parser.add_argument("--problems", nargs="+", default=list(BARS), choices=BARS)
    args = parser.parse_args()
    chosen = [args.part] if args.part else parts
    held = []
    if "equations" in chosen:
        held.append(equations(args.problems, args.seeds, args.backend))
    if "inverse" in chosen:
        held.append(inverse(INVERSE_SEEDS if args.seeds == 5 else args.seeds, args.backend))
    if "surrogates" in chosen:
        held.append(surrogates(args.seeds, args.backend, args.epochs))
    if "symmetries" in chosen:
        held.append(symmetries(args.seeds, args.backend))
    if "dynamics" in chosen:
        held.append(dynamics(args.seeds, args.backend, args.epochs))
    if "hybrid" in chosen:
        held.append(hybrid(args.seeds, args.backend))
    if "peers" in chosen:
        held.append(peers(args.seeds, args.backend))
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
