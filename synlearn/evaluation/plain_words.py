"""Numbers as a person reads them."""

from synlearn.evaluation.intervals import Estimate

MINUS = "\N{MINUS SIGN}"
NINETY_FIVE = "95\N{NO-BREAK SPACE}%"
NOTHING = "\N{EN DASH}"  # fills a cell that has no value


def number(value: float) -> str:
    """Three decimals for small numbers, fewer for large ones.

    >>> number(0.77123), number(43.21), number(5832.7)
    ('0.771', '43.2', '5,833')
    """
    size = abs(value)
    text = f"{value:.3f}" if size < 10 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"
    return text.replace("-", MINUS)


def signed(value: float) -> str:
    """As `number`, with its sign.

    >>> signed(0.22), signed(-0.1)
    ('+0.220', '−0.100')
    """
    return f"+{number(value)}" if value >= 0 else number(value)


def interval(estimate: Estimate) -> str:
    """The interval of an estimate, or a dash where one run gives none.

    >>> interval(Estimate(0.77, 0.76, 0.78, 5)), interval(Estimate(0.77, None, None, 1))
    ('0.760 to 0.780', '–')
    """
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{number(estimate.low)} to {number(estimate.high)}"


def odds(tau: float) -> str:
    """Kendall's tau as what it means for two models picked at random (no ties).

    >>> odds(0.77)
    '88 times out of 100'
    """
    return f"{round(50 * (1 + tau))} times out of 100"


def percent(share: float) -> str:
    """A share in whole percent, which a line break cannot tear apart.

    >>> percent(0.917).split()
    ['92', '%']
    """
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Seconds in the units people use.

    >>> duration(0.0123), duration(9.26), duration(727), duration(7260)
    ('12 ms', '9.3 s', '12 min 7 s', '2 h 1 min')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def byte_size(size: float) -> str:
    """Bytes in binary units.

    >>> byte_size(512), byte_size(1_400_000), byte_size(4 * 2**30)
    ('512 bytes', '1.3 MiB', '4.0 GiB')
    """
    if size < 1024:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


def name(key: str) -> str:
    """A key as words.

    >>> name("metric_learning")
    'metric learning'
    """
    return key.replace("_", " ")


def examples(k: int | None) -> str:
    """A number of examples, or a dash where the notion has no meaning."""
    return NOTHING if k is None else str(k)
