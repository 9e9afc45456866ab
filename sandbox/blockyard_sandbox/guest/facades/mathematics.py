"""Numbers: math, statistics, decimal, fractions, numbers, random."""

import decimal
import fractions
import math
import numbers
import random
import statistics
from typing import Any, NoReturn

from blockyard_sandbox.guest.facades.part import Part, pick
from blockyard_sandbox.guest.failures import RestrictedCodeError

MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp
exp2 expm1 fabs factorial floor fma fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt
lcm ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt
sumprod tan tanh tau trunc ulp"""

STATISTICS = """NormalDist StatisticsError correlation covariance fmean geometric_mean harmonic_mean
linear_regression mean median median_grouped median_high median_low mode multimode pstdev pvariance
quantiles stdev variance"""

DECIMAL_NAMES = """adjusted as_integer_ratio as_tuple canonical compare compare_signal compare_total
compare_total_mag conjugate copy_abs copy_negate copy_sign exp fma from_float imag is_canonical is_finite
is_infinite is_nan is_normal is_qnan is_signed is_snan is_subnormal is_zero ln log10 logb logical_and
logical_invert logical_or logical_xor max max_mag min min_mag next_minus next_plus next_toward normalize
number_class quantize radix real remainder_near rotate same_quantum scaleb shift sqrt to_eng_string
to_integral to_integral_exact to_integral_value"""

DECIMAL_ERRORS = """Clamped DecimalException DivisionByZero FloatOperation Inexact InvalidOperation Overflow
Rounded Subnormal Underflow"""

ROUNDINGS = """ROUND_05UP ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP
ROUND_UP"""

MAX_PRECISION = 10_000

# The functions of random are bound to one generator of this process; it is seeded anew in every guest.
# Left out: SystemRandom, and getstate and setstate, whose tuples serve nobody here.
RANDOM = """betavariate binomialvariate choice choices expovariate gammavariate gauss getrandbits
lognormvariate normalvariate paretovariate randbytes randint random randrange sample seed shuffle triangular
uniform vonmisesvariate weibullvariate"""

FRACTION = """as_integer_ratio conjugate denominator from_decimal from_float imag is_integer limit_denominator
numerator real"""

NORMAL = (
    "cdf from_samples inv_cdf mean median mode overlap pdf quantiles samples stdev variance zscore"
)


class DecimalContext:
    """What ``decimal.getcontext()`` shows: the precision and the rounding, not to be changed.

    The real context is not handed out: its attributes could be written, and it is shared by all stages of a run.
    """

    __slots__ = ("prec", "rounding")

    def __init__(self, context: decimal.Context) -> None:
        """Copy two values."""
        object.__setattr__(self, "prec", context.prec)
        object.__setattr__(self, "rounding", context.rounding)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Refuse, and say what to do."""
        raise RestrictedCodeError("use: with decimal.localcontext(prec=50):")

    prec: int
    rounding: str


class LocalContext:
    """``with decimal.localcontext(prec=50, rounding=...)``: a context for one block."""

    __slots__ = ("_manager", "_prec", "_rounding")

    def __init__(self, *, prec: int | None = None, rounding: str | None = None) -> None:
        """Check the precision, in digits, and the rounding's name."""
        if prec is not None and not 1 <= prec <= MAX_PRECISION:
            raise ValueError(f"prec must lie between 1 and {MAX_PRECISION}")
        if rounding is not None and rounding not in ROUNDINGS.split():
            raise ValueError(f"rounding must be one of {', '.join(ROUNDINGS.split())}")
        self._prec = prec
        self._rounding = rounding
        self._manager: Any = None

    def __enter__(self) -> DecimalContext:
        """Make the context the current one."""
        self._manager = decimal.localcontext()
        context = self._manager.__enter__()
        if self._prec is not None:
            context.prec = self._prec
        if self._rounding is not None:
            context.rounding = self._rounding
        return DecimalContext(context)

    def __exit__(self, *error: object) -> None:
        """Go back to the context before."""
        if self._manager is not None:
            self._manager.__exit__(None, None, None)


def get_context() -> DecimalContext:
    """Return the current precision and rounding."""
    return DecimalContext(decimal.getcontext())


def part() -> Part:
    """Build the facades of numbers."""
    errors = pick(decimal, DECIMAL_ERRORS)
    abstract = pick(numbers, "Complex Integral Number Rational Real")
    return Part(
        {
            "math": pick(math, MATH),
            "statistics": pick(statistics, STATISTICS),
            "decimal": {
                "Decimal": decimal.Decimal,
                "getcontext": get_context,
                "localcontext": LocalContext,
                **errors,
                **pick(decimal, ROUNDINGS),
            },
            "fractions": {"Fraction": fractions.Fraction},
            "numbers": abstract,
            "random": {**pick(random, RANDOM), "Random": random.Random},
        },
        (
            (decimal.Decimal, DECIMAL_NAMES),
            (decimal.DecimalTuple, "count digits exponent index sign"),
            (DecimalContext, "prec rounding"),
            (LocalContext, ""),
            (fractions.Fraction, FRACTION),
            (statistics.NormalDist, NORMAL),
            (statistics.LinearRegression, "count index intercept slope"),
            (statistics.StatisticsError, "add_note args"),
            (random.Random, RANDOM),
            *((error, "add_note args") for error in errors.values()),
            *((kind, "") for kind in abstract.values()),
        ),
    )
