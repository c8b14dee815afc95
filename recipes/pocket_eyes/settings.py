"""All settings of the recipe."""

from dataclasses import dataclass

SIDE = 64  # pixels of a picture, in both directions
IMAGE_TOKEN = "<image>"
COLOURS = {
    "red": (214, 40, 40),
    "green": (42, 157, 60),
    "blue": (40, 80, 210),
    "yellow": (240, 200, 30),
    "orange": (245, 130, 30),
    "purple": (130, 50, 170),
    "black": (15, 15, 15),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "line", "heart")
TEXTURES = ("horizontal stripes", "vertical stripes", "diagonal stripes", "dots", "checks", "noise", "plain")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
MAX_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the vision tower, a FocalNet of convolutions and gates (Yang et al. 2022, arXiv:2203.11926)."""

    width: int = 48  # of the first stage; each further one has twice as much
    depths: tuple[int, ...] = (1, 2, 4)
    patch: int = 4
    focal_levels: int = 2
    focal_window: int = 3

    @property
    def last(self) -> int:
        """The width of the last stage."""
        return self.width << (len(self.depths) - 1)

    @property
    def cell(self) -> int:
        """Pixels of a token, in both directions."""
        return self.patch << (len(self.depths) - 1)


@dataclass(frozen=True, slots=True)
class Training:
    """How the network is trained; minutes are processor time, of one core."""

    shape: Shape = Shape()
    seed: int = 7
    seeing_minutes: float = 7.0  # the tower alone learns to tell what is in a picture
    naming_minutes: float = 22.0  # tower, projector and LoRA layers learn to answer
    seeing_batch: int = 96
    naming_batch: int = 48
    seeing_rate: float = 1.5e-3
    tower_rate: float = 3e-4
    naming_rate: float = 1e-3
    weight_decay: float = 0.05
    rank: int = 16
    warmup: float = 0.05  # as a fraction of the stage
    held_out: int = 1000  # pictures that are drawn with other seeds, for the evaluation
