"""From measurements to what a person reads: medians, ratios, the Markdown table, the plots.

Only the standard library; test_bench.py beside this file tests it.
"""

import dataclasses
import html
import statistics


@dataclasses.dataclass
class Figure:
    """One line of the table: what Meuse did, what the peer did in the same run, and what we aim for."""

    group: str
    what: str
    unit: str
    meuse: list  # one value per repetition
    peer: list = dataclasses.field(default_factory=list)
    peer_name: str = ""
    aim: str = ""
    reached: bool | None = None
    note: str = ""
    digits: int | None = None  # after the point; by default three significant ones

    @property
    def median(self):
        return statistics.median(self.meuse)

    @property
    def peer_median(self):
        return statistics.median(self.peer) if self.peer else None

    @property
    def ratio(self):
        """How many times better Meuse is by the medians: of a time or a size the peer's over Meuse's, of a speed
        Meuse's over the peer's; None without a peer, or where it would divide by zero."""
        if not self.peer or not self.median or not self.peer_median:
            return None
        is_speed = self.unit.endswith("/s")
        return self.median / self.peer_median if is_speed else self.peer_median / self.median


def judged(figure, at_most=None, at_least=None):
    """The figure with its aim in words and whether its median reaches it."""
    limit = at_most if at_most is not None else at_least
    if limit is None:
        raise ValueError("an aim is at most or at least something")
    figure.aim = f"{'≤' if at_most is not None else '≥'} {number(limit, figure.digits)}"
    figure.reached = figure.median <= limit if at_most is not None else figure.median >= limit
    return figure


def judged_by_ratio(figure, at_least, word="×"):
    """The figure with an aim for the peer's median over Meuse's."""
    figure.aim = f"≥ {number(at_least)} {word}"
    figure.reached = figure.ratio is not None and figure.ratio >= at_least
    return figure


def percentile(values, share):
    """By linear interpolation between order statistics, as NumPy's default."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def number(value, digits=None):
    """Three significant digits, or so many after the point, and no exponent: 0.284, 12,300, 7.1."""
    if value is None:
        return ""
    if digits is not None:
        return f"{value:,.{digits}f}"
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    if size >= 1000:
        value = float(f"{value:.3g}") if size < 1e6 else value
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread(values, digits=None):
    """The median, and the extremes where there is more than one value."""
    text = number(statistics.median(values), digits)
    return text if len(values) < 2 else f"{text} ({number(min(values), digits)}–{number(max(values), digits)})"


def markdown(figures):
    """One table per group."""
    lines = []
    for group in dict.fromkeys(figure.group for figure in figures):
        lines += [f"### {group}", "", "| | Meuse | beside it | ratio | aim |", "| --- | --- | --- | --- | --- |"]
        for figure in (figure for figure in figures if figure.group == group):
            peer = f"{figure.peer_name} {spread(figure.peer, figure.digits)}" if figure.peer else ""
            ratio = f"{number(figure.ratio)}" if figure.ratio else ""
            mark = {True: " ✓", False: " ✗", None: ""}[figure.reached]
            note = f" <br>{figure.note}" if figure.note else ""
            lines.append(f"| {figure.what}, {figure.unit}{note} | {spread(figure.meuse, figure.digits)} | {peer} | {ratio} | {figure.aim}{mark} |")
        lines.append("")
    return "\n".join(lines)


def replaced(text, begin, end, instead):
    """The text with what stands between two lines replaced; both lines must be there, once and in order."""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"the text must hold {begin!r} and {end!r}, once and in this order")
    head, rest = text.split(begin)
    return f"{head}{begin}\n{instead.strip()}\n{end}{rest.split(end)[1]}"


BAR, GAP, LEFT, WIDTH, RIGHT = 18, 6, 230, 360, 110
MEUSE, PEER, INK = "#0f766e", "#a8a29e", "#44403c"


def plot(title, unit, bars):
    """Horizontal bars as SVG. `bars`: (label, value, is Meuse). Readable on light and dark pages."""
    height = 44 + len(bars) * (BAR + GAP) + 26
    largest = max(value for _, value, _ in bars) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="6" fill="#fafaf9"/>',
        f'<text x="14" y="24" font-size="14" font-weight="600">{html.escape(title)}</text>',
    ]
    for index, (label, value, ours) in enumerate(bars):
        top = 40 + index * (BAR + GAP)
        length = max(value / largest * WIDTH, 1)
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{html.escape(label)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{MEUSE if ours else PEER}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{top + 13}">{number(value)}</text>',
        ]
    parts += [f'<text x="{LEFT}" y="{height - 10}" font-size="11">{html.escape(unit)}</text>', "</svg>", ""]
    return "\n".join(parts)
