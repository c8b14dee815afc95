"""What a number in a saved record can be: records that others wrote are validated, ours hold nothing else."""

from typing import Annotated, TypeAlias

from pydantic import Field

MAX_NEW_TOKENS, MAX_TEMPERATURE = 10_000_000, 100.0  # longer than any context; nearly as random as can be
Count: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 62)]
Positive: TypeAlias = Annotated[int, Field(ge=1, lt=1 << 62)]
Real: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Level: TypeAlias = Annotated[float, Field(gt=0, lt=1)]  # confidence
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Value: TypeAlias = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6)]  # of a metric, up to rounding
Seed: TypeAlias = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]  # what generators of random numbers take
NewTokens: TypeAlias = Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)]
Temperature: TypeAlias = Annotated[float, Field(ge=0, le=MAX_TEMPERATURE)]
