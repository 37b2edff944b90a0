"""The ten steps of the lesson in their order, with what is said about each."""

from ui.lab import lesson_later as later
from ui.lab import lesson_steps as first
from ui.lab.lesson_steps import LessonStep

LESSON: tuple[LessonStep, ...] = (
    LessonStep(
        "An image is a sum",
        "Every image is a sum of small patterns, each with its own strength. A few strong ones "
        "already show the head.",
        "Start at 0.1 % and move right. Ask when the class first recognises a head. The strengths "
        "are the wavelet coefficients. Nothing is special about this head: images are mostly "
        "smooth, so most coefficients are nearly zero. JPEG 2000 compresses images this way.",
        first.sum_control,
        first.sum_picture,
    ),
    LessonStep(
        "Four bands: LL, LH, HL, HH",
        "One step splits the image into a small smooth copy and three maps of edges. LH answers to "
        "horizontal edges, HL to vertical ones, HH to diagonals.",
        "Let the class find the top of the skull in LH and its sides in HL. L means low-pass, H "
        "means high-pass; the first letter is along the rows, the second down the columns. Each "
        "band has half the rows and half the columns, so the four together have as many numbers as "
        "the image.",
        first.band_control,
        first.band_picture,
    ),
    LessonStep(
        "Where the energy is",
        "Nearly all energy lies in LL, because brightness itself counts. Edges are few numbers, "
        "yet they are what we read in an image.",
        "Energy is the sum of squared coefficients. Switch to “mean removed”: now only contrast "
        "counts, and LL loses a little of its lead. The axis is logarithmic. For fusion: a "
        "rule that looks at energy alone would hardly ever care about edges.",
        first.energy_control,
        first.energy_picture,
    ),
    LessonStep(
        "A mask is a choice",
        "A mask is a number between 0 and 1 for every coefficient: how much of the CT gets in. "
        "Here one number rules all of LL and another all edges.",
        "Begin with LL from the MRI and edges from the CT: soft tissue with the rim of bone. Then "
        "swap them. Neither is good everywhere, which is why a mask needs a value of its own at "
        "every place.",
        first.mask_control,
        first.mask_picture,
    ),
    LessonStep(
        "Choosing place by place",
        "A rule chooses by a formula, a network by what it has learned. Orange lets the CT in, "
        "the other colour keeps it out.",
        "The mean never chooses. “Larger detail” takes the stronger coefficient, so its mask is "
        "all or nothing and noisy in flat areas. The learned mask follows the anatomy. Read the "
        "three scores together: each can be won by a poor image, and structural similarity favours "
        "the washed-out mean.",
        first.choose_control,
        first.choose_picture,
    ),
    LessonStep(
        "Putting it together",
        "The inverse transform adds the bands up, coarse to fine. With the last one the fused "
        "image is complete.",
        "Move the slider one band at a time and name what appears. The middle picture is the image "
        "of the band added last; it holds values above and below zero. There is no drawing step "
        "after this: no decoder, no sharpening.",
        later.build_control,
        later.build_picture,
    ),
    LessonStep(
        "Where a pixel comes from",
        "The transform is linear, so every fused pixel is exactly a CT part plus an MRI part. "
        "Nothing is invented.",
        "Click the skull, then a ventricle, then the lesion. The bars say what every band brought "
        "from either image, in grey levels; with clipping they add up to the value shown. A fusion "
        "network with a decoder cannot give this account.",
        later.provenance_control,
        later.provenance_picture,
    ),
    LessonStep(
        "What a mask learns",
        "Before training the masks are even and know nothing. Training rewards images that keep "
        "what either source shows.",
        "Nobody tells the network what bone is. It is rewarded when edges and contrast of both "
        "sources survive, and from that alone it opens the CT's gate at bone. It also means that "
        "it knows only what its training images showed.",
        later.learn_control,
        later.learn_picture,
    ),
    LessonStep(
        "Three pitfalls",
        "Long filters ring beside strong edges. A shifted MRI and a wrong window spoil the fusion "
        "before it begins.",
        "Ringing: compare haar with db8; the waves beside the skull are no anatomy. Shift: move "
        "the MRI and watch edges double. Window: choose a bone window and see brain tissue turn "
        "into one grey. In each case the fused image looks calm and sure of itself.",
        later.pitfall_control,
        later.pitfall_picture,
    ),
    LessonStep(
        "Quiz: which band is missing?",
        "One band was set to zero before the image was put together. Look at the edges, then "
        "choose.",
        "Three questions; the answer is not shown before one is chosen. Zoom in with the wheel. "
        "After the answer the third picture shows what the band held. A question to end with: why "
        "would one not notice a missing HH on a photograph?",
        later.quiz_control,
        later.quiz_picture,
    ),
)
