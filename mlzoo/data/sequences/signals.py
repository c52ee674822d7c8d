"""Generated signals: a car's acceleration, mixed sines, a chaotic series, a memory task."""

from __future__ import annotations

import numpy as np

STATES = ("standing", "driving", "accelerating", "braking", "crash")
RATE = 10.0
"""Steps a second of the accelerations."""
_GRAVITY = 9.81


def accelerometer(
    count: int, noise: float, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Rides of a car as a sensor in it feels them, with what it does at every step.

    Channels are the accelerations along, across and upwards in m/s², at 10 steps a second.
    Standing and driving at a constant speed differ by the road's rumble; a car accelerates at 1
    to 3 m/s² and brakes at 2 to 6; every fifth ride ends in a crash, a pulse of half a sine of
    0.2 to 0.4 s and 20 to 40 times gravity, after which the car stands.

    Args:
        count: rides.
        noise: standard deviation of the sensor's noise in m/s².
        rng: decides everything.

    Returns:
        Signals (steps, 3) float32 and states (steps,) uint8, positions in `STATES`, of each ride.
    """
    signals, states = [], []
    for ride in range(count):
        pieces = _ride(rng, crash=ride % 5 == 4)
        signal = np.concatenate([piece for piece, _ in pieces])
        signal = signal + rng.normal(0, noise, signal.shape)
        signals.append(signal.astype(np.float32))
        states.append(np.concatenate([np.full(len(p), s, np.uint8) for p, s in pieces]))
    return signals, states


def _ride(rng: np.random.Generator, crash: bool) -> list[tuple[np.ndarray, int]]:
    """Pieces of a ride, each with its state: stand, then accelerate, drive and brake, repeated."""
    pieces = [(_piece(rng, rng.uniform(2, 5), 0.0, 0.02), 0)]
    speed = 0.0
    for _ in range(int(rng.integers(1, 4))):
        rate = rng.uniform(1, 3)
        seconds = rng.uniform(3, 6)
        speed += rate * seconds
        pieces.append((_piece(rng, seconds, rate, 0.3), 2))
        pieces.append((_piece(rng, rng.uniform(3, 8), 0.0, 0.3), 1))
        rate = min(rng.uniform(2, 6), speed / 1.5)
        seconds = min(rng.uniform(1.5, 4), speed / rate)
        speed = max(0.0, speed - rate * seconds)
        pieces.append((_piece(rng, seconds, -rate, 0.3), 3))
    if crash:
        pieces.append((_pulse(rng), 4))
    if crash or speed < 0.5:
        pieces.append((_piece(rng, rng.uniform(2, 5), 0.0, 0.02), 0))
    return pieces


def _piece(rng: np.random.Generator, seconds: float, along: float, rumble: float) -> np.ndarray:
    """Constant acceleration with a rumble that is smooth over a few steps."""
    steps = max(3, round(seconds * RATE))
    rough = rng.normal(0, rumble, (steps + 2, 3))
    smooth = (rough[:-2] + rough[1:-1] + rough[2:]) / 3
    return smooth + np.array([along, 0.0, _GRAVITY])


def _pulse(rng: np.random.Generator) -> np.ndarray:
    """A crash: half a sine backwards, and some of it across and upwards."""
    steps = int(rng.integers(2, 5))
    shape = np.sin(np.pi * (np.arange(steps) + 0.5) / steps)
    force = _GRAVITY * rng.uniform(20, 40) * np.array([-1, rng.uniform(-0.3, 0.3), 0.2])
    return shape[:, None] * force + np.array([0, 0, _GRAVITY])


def sine_mix(steps: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """One long series (steps, 1): sines of periods 24, 7.3 and 61 steps, a trend, and noise."""
    t = np.arange(steps)
    phases = rng.uniform(0, 2 * np.pi, 3)
    waves = ((1.0, 24.0), (0.5, 7.3), (0.8, 61.0))
    mixed = sum(a * np.sin(2 * np.pi * t / p + f) for (a, p), f in zip(waves, phases, strict=True))
    return (mixed + 5e-4 * t + rng.normal(0, noise, steps))[:, None].astype(np.float32)


def mackey_glass(steps: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A chaotic series (steps, 1) that no linear forecast follows for long.

    dx/dt = .2 x(t - 17) / (1 + x(t - 17)^10) - .1 x(t), a step of the series a unit of time, by
    Runge and Kutta's method of fourth order in steps of .1, after 500 units that are left out.
    Mackey and Glass, "Oscillation and chaos in physiological control systems" (1977).
    """
    part, delay, before = 0.1, 170, 5000

    def slope(x: float, late: float) -> float:
        return 0.2 * late / (1 + late**10) - 0.1 * x

    values = (1.2 + 0.1 * rng.uniform(-1, 1, delay + 1)).tolist()
    for _ in range(before + round(steps / part)):
        x, late, next_late = values[-1], values[-delay - 1], values[-delay]
        between = (late + next_late) / 2
        one = slope(x, late)
        two = slope(x + part / 2 * one, between)
        three = slope(x + part / 2 * two, between)
        four = slope(x + part * three, next_late)
        values.append(x + part / 6 * (one + 2 * two + 2 * three + four))
    series = np.array(values[-round(steps / part) :: round(1 / part)])
    return (series + rng.normal(0, noise, steps))[:, None].astype(np.float32)


def delayed_xor(count: int, lag: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return whether the first two bits of a sequence differ, asked `lag` steps later.

    Channels are the bit (random in all steps) and a mark, 1 in the first two steps.

    Returns:
        Sequences (count, lag + 2, 2) float32 and answers (count,) int32.
    """
    bits = rng.integers(0, 2, (count, lag + 2))
    marks = np.zeros_like(bits)
    marks[:, :2] = 1
    answers = (bits[:, 0] ^ bits[:, 1]).astype(np.int32)
    return np.stack([bits, marks], axis=-1).astype(np.float32), answers


DIRECTIONS = ("left", "right", "up", "down")


def moving_spots(
    count: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Films of a spot that moves a pixel a step, from edge to edge, in one of four directions.

    Returns:
        Films (count, 8, 16, 16, 1) float32 and directions (count,) int32, positions in
        `DIRECTIONS`.
    """
    steps, side = 8, 16
    answers = (np.arange(count) % 4).astype(np.int32)
    line = np.arange(side)
    films = rng.normal(0, noise, (count, steps, side, side, 1))
    for film, answer in zip(films, answers, strict=True):
        along, across = rng.integers(4, 12, 2)
        for step in range(steps):
            shift = (step - steps / 2) * (1 if answer in (1, 3) else -1)
            x, y = (along + shift, across) if answer < 2 else (across, along + shift)
            film[step, ..., 0] += np.exp(
                -((line[None, :] - x) ** 2 + (line[:, None] - y) ** 2) / 4.0
            )
    return films.astype(np.float32), answers
