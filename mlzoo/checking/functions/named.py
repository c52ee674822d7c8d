"""Named test functions with their views, starts and minima.

Sources: Rosenbrock (1960); Matyas (1965) and Easom (1990) as in Jamil and Yang, "A literature
survey of benchmark functions" (2013). Plain data: nothing heavy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """One test function.

    Attributes:
        text: what it is, as `expressions.parse` reads it.
        view: the square that is shown, from `view[0]` to `view[1]` in both directions.
        start: where paths begin unless said otherwise.
        minima: its global minima; empty where it is unbounded below, None: to be searched.
        circles: radii of circles about the origin that are its global minima, all of them.
        about: one line for people.
    """

    text: str
    view: tuple[float, float]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...] | None
    about: str
    circles: tuple[float, ...] = ()


FUNCTIONS = {
    "bowl": Named("x^2 + y^2", (-7.0, 7.0), (6.0, 6.0), ((0.0, 0.0),), "one round minimum"),
    "bumps": Named(
        "exp(-0.05*x^2 - 0.05*y^2)*sin(x)*cos(y)",
        (-6.0, 6.0),
        (1.0, 2.0),
        None,
        "hills and hollows that fade with the distance",
    ),
    "cubic-ridge": Named(
        "x^3 + 3*x*y^2", (-5.0, 5.0), (4.0, 4.0), (), "flat at the origin, then falls without end"
    ),
    "easom": Named(
        "-cos(x)*cos(y)*exp(-(x-pi)^2 - (y-pi)^2)",
        (-1.0, 7.0),
        (2.0, 2.0),
        ((3.141592653589793, 3.141592653589793),),
        "one hole in a plain that says nothing of it",
    ),
    "matyas": Named(
        "0.26*(x^2 + y^2) - 0.48*x*y",
        (-5.0, 5.0),
        (4.0, -4.0),
        ((0.0, 0.0),),
        "a long valley, fifty times as steep across as along",
    ),
    "monkey-saddle": Named(
        "x^3 - 3*x*y^2", (-3.0, 3.0), (2.0, 0.5), (), "three ways down from a flat saddle"
    ),
    "ripple": Named(
        "sin(sqrt(x^2 + y^2))",
        (-8.0, 8.0),
        (0.8, 0.8),
        (),
        "a local minimum at the origin within circles of lower ones",
        tuple(4.71238898038469 + 6.283185307179586 * k for k in range(20)),
    ),
    "rosenbrock": Named(
        "(1-x)^2 + 100*(y-x^2)^2",
        (-2.0, 2.0),
        (-1.2, 1.0),
        ((1.0, 1.0),),
        "a bent, nearly flat valley between steep walls",
    ),
}
