"""The child process that tries the images of others: a small file may need any time and memory to be decoded.

The content of a request is that of an image file. The reply is the perceptual `likeness` of the picture; see
`bounded_child`.
"""

from collections.abc import Iterator
from typing import Any

from PIL import Image

from gradschool.bounded_child import answer_requests
from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded
from gradschool.images.likeness import likeness


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    yield {"likeness": likeness(decoded(content))}


if __name__ == "__main__":
    likeness(Image.new("RGB", (8, 8)))  # loads the libraries, before limits of memory begin
    answer_requests(_replies, BadImage)
