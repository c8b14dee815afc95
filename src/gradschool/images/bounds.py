"""What every image must keep to, whatever its format."""

MAX_PIXELS = 50_000_000  # of an image: decoded, it takes three to four bytes for each


class BadImage(ValueError):
    """An image that cannot be used; the message says why and what to do, as the end of a sentence."""


def demand_size(width: int, height: int) -> None:
    """Raise BadImage unless an image of this size can be decoded: a small file may describe one of any size."""
    if width < 1 or height < 1:
        raise BadImage(f"has {width} x {height} pixels")
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"has {width:,} x {height:,} pixels; at most {MAX_PIXELS / 1e6:.0f} million are decoded: save it smaller"
        )
