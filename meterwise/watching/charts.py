"""Small charts as inline SVG: no script, no font, no address, so that they show on a closed network."""

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT, EDGE = 120, 24, 2
WIDE, TALL = 420, 120


def sparkline(values: Sequence[float]) -> Markup:
    """Return a line of the last values, the newest marked; nothing for fewer than two."""
    if len(values) < 2:
        return Markup("")
    points = _points(values, WIDTH, HEIGHT, min(values), max(values))
    x, y = points[-1]
    return Markup(
        '<svg class="spark" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<polyline points="{points}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, points=_text(points), x=x, y=y, label=f"last {len(values)} values")


def curve(values: Sequence[float], baselines: Sequence[float | None], days: Sequence[str]) -> Markup:
    """Return values over days as a line, the baseline dashed; the axis begins at zero, so that nothing looks steep."""
    known = [value for value in baselines if value is not None]
    low, high = min(0.0, *values, *known), max(0.0, *values, *known) or 1.0
    lines = [_line("value", values, low, high)]
    if len(known) == len(values):
        lines.insert(0, _line("baseline", known, low, high))
    return Markup(
        '<svg class="curve" width="{w}" height="{total}" viewBox="0 0 {w} {total}" role="img" aria-label="{label}">'
        '{lines}<line class="axis" x1="{e}" y1="{h}" x2="{right}" y2="{h}"/>'
        '<text x="{e}" y="{below}">{first}</text><text x="{right}" y="{below}" text-anchor="end">{last}</text></svg>'
    ).format(
        w=WIDE, h=TALL, total=TALL + 18, e=EDGE, right=WIDE - EDGE, below=TALL + 14, lines=Markup("").join(lines),
        first=days[0], last=days[-1] if len(days) > 1 else "", label=f"{len(values)} days, newest {values[-1]:.3g}",
    )  # fmt: skip


def _line(name: str, values: Sequence[float], low: float, high: float) -> Markup:
    points, radius = _points(values, WIDE, TALL, low, high), 2.5 if name == "value" else 1.5
    dots = Markup("").join(
        Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(name, x, y, radius) for x, y in points
    )
    return Markup('<polyline class="{}" points="{}"/>').format(name, _text(points)) + dots


def _points(values: Sequence[float], width: int, height: int, low: float, high: float) -> list[tuple[float, float]]:
    spread = (high - low) or 1.0
    step = (width - 2 * EDGE) / max(1, len(values) - 1)
    return [
        (EDGE + i * step, height - EDGE - (value - low) / spread * (height - 2 * EDGE))
        for i, value in enumerate(values)
    ]


def _text(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
