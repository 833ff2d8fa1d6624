# SPDX-License-Identifier: Apache-2.0
"""The plan of a synthetic scene: what stands where, in clusters as in a real street."""

from __future__ import annotations

import numpy as np

from adaseg_fast.data.scenes.buildings import Building, Fence
from adaseg_fast.data.scenes.cars import Car
from adaseg_fast.data.scenes.furniture import Bollard, Lamp, SignPost, TrafficLight, Tree
from adaseg_fast.data.scenes.people import Bicyclist, Pedestrian
from adaseg_fast.data.scenes.street import FAR, NEAR, Side, Stage, Street, Thing, pick

_CLOSEST = 5.0  # metres; anything that moves would fill the image if it were nearer


def populate(stage: Stage, rng: np.random.Generator) -> list[Thing]:
    """Return everything that stands in the street, in no particular order."""
    street = stage.street
    things: list[Thing] = []
    for side in street.sides:
        things += _buildings(stage, rng, side)
        things += _gardens(stage, rng, side)
        things += _furniture(street, rng, side)
        things += _parked_cars(street, rng, side)
    things += _traffic(street, rng)
    things += _walkers(street, rng)
    things += _cyclists(street, rng)
    if street.junction is not None:
        things += _junction(street, rng, street.junction)
    return things


def _distance(rng: np.random.Generator, near: float, far: float) -> float:
    """Draw a distance with a uniform logarithm, so that all scales in the image are as frequent."""
    return float(np.exp(rng.uniform(np.log(near), np.log(far))))


def _buildings(stage: Stage, rng: np.random.Generator, side: Side) -> list[Thing]:
    """Place houses along the whole street, with gaps, and none at junctions."""
    things: list[Thing] = []
    gaps, junction = rng.uniform(0.0, 0.4), stage.street.junction
    z, hidden = -float(rng.uniform(0, 10)), 0.0
    while z < FAR - 5:
        house = Building.random(rng, stage, side, z, hidden=hidden)
        end = house.depth
        if junction is None or end < junction[0] - 3 or z > junction[1] + 3:
            things.append(house)
            gap = float(rng.uniform(2, 10)) if rng.random() < gaps else 0.0
            z, hidden = end + gap, 0.0 if gap else house.height
        else:  # it would stand on the crossing road: try farther away, finally beyond that road
            z, hidden = z + 3.0 if z < junction[0] - 12 else junction[1] + 3.01, 0.0
    return things


def _gardens(stage: Stage, rng: np.random.Generator, side: Side) -> list[Thing]:
    """Place fences, bushes and trees between pavement and buildings."""
    things: list[Thing] = []
    if side.facade < side.edge + 0.5:
        return things
    junction = stage.street.junction
    for _ in range(int(rng.integers(1, 4))):
        start = _distance(rng, NEAR + 3, 60)
        end = start + 4.0 * int(rng.integers(2, 9))
        if junction is None or end < junction[0] - 3 or start > junction[1] + 3:
            things += Fence.random(rng, stage, side.sign * side.edge, (start, end))
    for _ in range(int(rng.integers(0, 9))):
        z = _distance(rng, 5, 80)
        offset = float(rng.uniform(side.edge + 0.3, side.facade))
        if stage.street.clear(z, 4.0):
            x = float(stage.street.x(side.sign * offset, z))
            things.append(Tree.random(rng, x, z, bush=rng.random() < 0.75))
    return things


def _furniture(street: Street, rng: np.random.Generator, side: Side) -> list[Thing]:
    """Place lamps, street trees, signs and bollards along the kerb."""
    things: list[Thing] = []

    def at(z: float, behind: float = 0.5) -> float:
        return float(street.x(side.sign * (side.kerb + behind), z))

    if rng.random() < 0.75:
        step = float(rng.uniform(16, 32))
        for z in np.arange(float(rng.uniform(5, step)), 130.0, step):
            if street.clear(z, 1.0):
                things.append(Lamp.random(rng, at(z), float(z), -side.sign))
    if rng.random() < 0.5:
        step = float(rng.uniform(7, 16))
        behind = min(0.9, side.edge - side.kerb)
        for z in np.arange(float(rng.uniform(7, 20)), float(rng.uniform(40, 140)), step):
            if street.clear(z, 3.0) and rng.random() < 0.8:
                things.append(Tree.random(rng, at(z, behind), float(z) + 0.4))
    centre = _distance(rng, 7, 45)
    for _ in range(int(rng.integers(1, 6))):
        z = max(_CLOSEST, centre * float(np.exp(rng.normal(0, 0.4))))
        if street.clear(z, 0.5):
            things.append(SignPost.random(rng, at(z, float(rng.uniform(0.3, 0.8))), z))
    if rng.random() < 0.35:
        start, step = _distance(rng, 5, 30), float(rng.uniform(1.4, 2.5))
        height, tone = float(rng.uniform(0.75, 1.05)), float(rng.uniform(45, 150))
        for z in start + step * np.arange(int(rng.integers(4, 14))):
            if street.clear(z, 0.5):
                things.append(Bollard(at(z, 0.35), float(z), height, (tone, tone, tone)))
    return things


def _parked_cars(street: Street, rng: np.random.Generator, side: Side) -> list[Thing]:
    """Place rows of parked cars along the kerb."""
    things: list[Thing] = []
    if not street.parking:
        return things
    z, full = float(rng.uniform(5.5, 16)), float(rng.uniform(0.25, 0.95))
    stop = _distance(rng, 25, 110)
    turned = 0.0 if side.sign > 0 else np.pi
    while z < stop:
        if street.clear(z, 4.0) and rng.random() < full:
            x = float(street.x(side.sign * (side.kerb - 1.05), z))
            turn = np.pi if rng.random() < 0.1 else 0.0
            things.append(Car.random(rng, x, z, street.heading(z) + turned + turn))
        z += float(rng.uniform(5.4, 6.4))
    return things


def _traffic(street: Street, rng: np.random.Generator) -> list[Thing]:
    """Place moving cars: same direction on the right, oncoming on the left."""
    things: list[Thing] = []
    half = street.sides[1].kerb - street.parking
    lanes = round(half / street.lane)
    for lane in range(-lanes, lanes):
        z = _distance(rng, 9, 60)
        for _ in range(int(rng.integers(0, 4))):
            if street.clear(z, 3.0) or rng.random() < 0.2:
                x = float(street.x((lane + 0.5) * street.lane + rng.normal(0, 0.15), z))
                turned = 0.0 if lane >= 0 else np.pi
                things.append(Car.random(rng, x, z, street.heading(z) + turned))
            z += float(rng.uniform(7, 25))
    return things


def _walkers(street: Street, rng: np.random.Generator) -> list[Thing]:
    """Place groups and single people on the pavements, and people on the crossing."""
    things: list[Thing] = []
    for _ in range(int(rng.integers(2, 6))):
        side, centre = pick(rng, street.sides), _distance(rng, 8, 50)
        spread = float(rng.uniform(0.6, 3.5))
        for _ in range(1 + int(rng.geometric(0.22))):
            things.append(_walker(street, rng, side, centre + float(rng.normal(0, spread))))
    for _ in range(int(rng.integers(0, 8))):
        things.append(_walker(street, rng, pick(rng, street.sides), _distance(rng, 6, 70)))
    if street.zebra is not None and rng.random() < 0.75:
        kerb = street.sides[1].kerb
        for _ in range(int(rng.integers(1, 7))):
            z = street.zebra + float(rng.uniform(0.2, street.ZEBRA - 0.2))
            x = float(street.x(rng.uniform(-kerb, kerb), z))
            things.append(Pedestrian.random(rng, x, z))
    return things


def _walker(street: Street, rng: np.random.Generator, side: Side, z: float) -> Pedestrian:
    z = max(z, _CLOSEST)
    offset = side.sign * float(rng.uniform(side.verge + 0.4, side.edge - 0.3))
    return Pedestrian.random(rng, float(street.x(offset, z)), z)


def _cyclists(street: Street, rng: np.random.Generator) -> list[Thing]:
    """Place riders near the edge of the lanes: mostly one or two, sometimes a bunch."""
    things: list[Thing] = []
    half = street.sides[1].kerb - street.parking
    for _ in range(int(rng.integers(1, 4))):
        sign, centre = pick(rng, (-1, 1)), _distance(rng, 7, 40)
        for _ in range(pick(rng, (1, 1, 2, 3, 5))):
            z = max(_CLOSEST, centre + float(rng.normal(0, 2.5)))
            x = float(street.x(sign * (half - rng.uniform(0.3, 1.2)), z))
            turned = 0.0 if sign > 0 else np.pi
            things.append(Bicyclist.random(rng, x, z, street.heading(z) + turned))
    return things


def _junction(street: Street, rng: np.random.Generator, span: tuple[float, float]) -> list[Thing]:
    """Place lights at the corners, and cars and riders that cross."""
    things: list[Thing] = []
    if rng.random() < 0.8:
        for side in street.sides:
            for z in (span[0] - 1.2, span[1] + 1.2):
                x = float(street.x(side.sign * (side.kerb + 0.6), z))
                things.append(TrafficLight.random(rng, x, z, -side.sign))
    for sign in (-1, 1):
        lane = sum(span) / 2 + sign * (span[1] - span[0]) / 4
        x = float(rng.uniform(-25, 25))
        for _ in range(int(rng.integers(0, 3))):
            things.append(Car.random(rng, x, lane, -sign * np.pi / 2))
            x += float(rng.uniform(6, 12))
        if rng.random() < 0.3:
            at = float(rng.uniform(-8, 8)), lane + sign * float(rng.uniform(1.6, 2.2))
            things.append(Bicyclist.random(rng, *at, -sign * np.pi / 2))
    return things
