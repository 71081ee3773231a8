"""What Sift is told about the data before it comes: flows, channels, runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ._errors import InvalidArgument

ChannelType: TypeAlias = Literal[
    "double",
    "float",
    "bool",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "enum",
    "bit_field",
    "string",
    "bytes",
]
MetadataValue: TypeAlias = str | float | bool


@dataclass(frozen=True, slots=True)
class Bits:
    """Some neighbouring bits of a bit field.

    Attributes:
        name: What Sift shows.
        first: The first bit, counted from 0.
        count: How many bits.
    """

    name: str
    first: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Channel:
    """A named series of values of one type.

    There is a constructor for each type: `Channel.double("speed", unit="m/s")`.

    Attributes:
        name: Unique within its flow.
        type: The type of every value.
        unit: Shown beside values.
        description: What the channel measures.
        enum: The values' names and numbers, for a channel of type `enum`.
        bits: The bits' names, for a channel of type `bit_field`.
    """

    name: str
    type: ChannelType
    unit: str = ""
    description: str = ""
    enum: Mapping[str, int] = field(default_factory=dict)
    bits: Sequence[Bits] = ()

    @classmethod
    def double(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """Numbers: 64-bit floats, as Python's own."""
        return cls(name, "double", unit, description)

    @classmethod
    def float(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """32-bit floats. A Python number is rounded to the nearest."""
        return cls(name, "float", unit, description)

    @classmethod
    def bool(cls, name: str, *, description: str = "") -> Channel:
        """True or false."""
        return cls(name, "bool", "", description)

    @classmethod
    def int32(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """Whole numbers of 32 bits."""
        return cls(name, "int32", unit, description)

    @classmethod
    def uint32(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """Whole numbers of 32 bits that are not negative."""
        return cls(name, "uint32", unit, description)

    @classmethod
    def int64(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """Whole numbers of 64 bits."""
        return cls(name, "int64", unit, description)

    @classmethod
    def uint64(cls, name: str, *, unit: str = "", description: str = "") -> Channel:
        """Whole numbers of 64 bits that are not negative."""
        return cls(name, "uint64", unit, description)

    @classmethod
    def enumeration(
        cls, name: str, values: Mapping[str, int] | Iterable[str], *, description: str = ""
    ) -> Channel:
        """One of some named values, given by name or number.

        Args:
            name: The channel's name.
            values: Names and their numbers, or names that are numbered from 0.
            description: What the channel measures.
        """
        numbered = values if isinstance(values, Mapping) else {name: at for at, name in enumerate(values)}
        return cls(name, "enum", "", description, dict(numbered))

    @classmethod
    def bit_field(cls, name: str, bits: Iterable[Bits | str], *, description: str = "") -> Channel:
        """Bytes whose bits have names.

        Args:
            name: The channel's name.
            bits: The bits from the lowest on; a plain name is a single bit, the next one that is free.
            description: What the channel measures.
        """
        placed: list[Bits] = []
        free = 0
        for item in bits:
            bit = Bits(item, free) if isinstance(item, str) else item
            free = bit.first + bit.count
            placed.append(bit)
        return cls(name, "bit_field", "", description, {}, tuple(placed))

    @classmethod
    def string(cls, name: str, *, description: str = "") -> Channel:
        """Texts."""
        return cls(name, "string", "", description)

    @classmethod
    def bytes(cls, name: str, *, description: str = "") -> Channel:
        """Bytes that mean nothing to Sift."""
        return cls(name, "bytes", "", description)


@dataclass(frozen=True, slots=True)
class Flow:
    """A named group of channels that share one timestamp; the order of the channels is part of it.

    Attributes:
        name: Unique within its ingestion config.
        channels: What a row of the flow holds.
    """

    name: str
    channels: Sequence[Channel]

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        names = [channel.name for channel in self.channels]
        for name in names:
            if names.count(name) > 1:
                raise InvalidArgument(f"flow {self.name!r} has two channels named {name!r}: rename one")


@dataclass(frozen=True, slots=True)
class IngestionConfig:
    """The schema of what a stream sends. Sift keeps it: the same client key finds the same schema again.

    Attributes:
        asset: The vehicle or rig that the data is about.
        client_key: Your own name for this schema.
        flows: More can be added to an open stream with `add_flows`.
    """

    asset: str
    client_key: str
    flows: Sequence[Flow] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "flows", tuple(self.flows))


@dataclass(frozen=True, slots=True)
class Run:
    """A named time span that rows can be attached to. It is created, or brought up to date if its key is known.

    Attributes:
        name: What Sift shows.
        client_key: Your own name for the run: the same key finds the same run again.
        description: What the run is about; `None` leaves what is there.
        tags: Tags the run shall have.
        metadata: Metadata the run shall have.
    """

    name: str
    client_key: str
    description: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
