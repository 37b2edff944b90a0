"""Every view of the laboratory by its title, in the order of the switch."""

from ui.lab.boundaries_view import boundaries_view
from ui.lab.choice import View
from ui.lab.denoise_view import denoise_view
from ui.lab.edges_view import edges_view
from ui.lab.lesson import lesson_view
from ui.lab.method_steps import steps_view
from ui.lab.method_training import training_view
from ui.lab.mr_view import mr_view
from ui.lab.paint import paint_view
from ui.lab.pyramid_view import pyramid_view
from ui.lab.ringing_view import ringing_view
from ui.lab.wavelet_view import wavelet_view

TRANSFORM: dict[str, View] = {
    "Wavelet": View(
        wavelet_view, references=("haar", "daubechies1988", "daubechies", "cohen", "lee")
    ),
    "Pyramid": View(pyramid_view, references=("mallat", "daubechies")),
    "Edges": View(edges_view, references=("mallat",)),
    "Boundaries": View(boundaries_view, references=("mallat", "lee")),
    "Denoise": View(denoise_view, references=("donoho",)),
    "Ringing": View(ringing_view, references=("hewitt", "mallat")),
}
"""What the transform does to one image."""

METHOD: dict[str, View] = {
    "Lesson": View(lesson_view, "none", ("mallat", "daubechies", "li", "hewitt")),
    "Step by step": View(steps_view, "pair", ("li", "pajares", "mallat")),
    "Paint a mask": View(paint_view, "pair", ("li", "xydeas", "aslantas")),
    "Before and after training": View(training_view, "pair", ("li", "xydeas", "wang", "aslantas")),
    "MR contrast": View(mr_view, "none", ("hahn", "kwan")),
}
"""What the fusion does with the transform."""

GROUPS: dict[str, dict[str, View]] = {"The transform": TRANSFORM, "The fusion": METHOD}
VIEWS: dict[str, View] = TRANSFORM | METHOD
