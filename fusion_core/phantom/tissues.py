"""Tissues of the synthetic head: their labels, CT numbers and MR relaxation properties."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tissue(IntEnum):
    """The integer that each tissue has in a label map; 0 is the air around the head."""

    BACKGROUND = 0
    AIR = 1
    SKIN = 2
    FAT = 3
    MUSCLE = 4
    CORTICAL_BONE = 5
    DIPLOE = 6
    DURA = 7
    CSF = 8
    VENTRICLE = 9
    GREY_MATTER = 10
    WHITE_MATTER = 11
    DEEP_GREY = 12
    CEREBELLAR_GREY = 13
    CEREBELLAR_WHITE = 14
    BRAIN_STEM = 15
    VESSEL = 16
    MUCOSA = 17
    VITREOUS = 18
    LENS = 19
    SCLERA = 20
    OPTIC_NERVE = 21
    TUMOUR = 22
    NECROSIS = 23
    OEDEMA = 24
    INFARCT = 25
    BLEED = 26
    CALCIFICATION = 27


class Properties(NamedTuple):
    """What a scanner sees of one tissue: CT number in HU, T1 and T2 in ms, proton density."""

    hu: float
    t1: float
    t2: float
    pd: float


LABELS: dict[str, int] = {tissue.name.lower(): int(tissue) for tissue in Tissue}
"""Tissue name to label value."""

TISSUES: dict[Tissue, Properties] = {
    Tissue.BACKGROUND: Properties(-1000, 1, 1, 0),
    Tissue.AIR: Properties(-1000, 1, 1, 0),
    Tissue.SKIN: Properties(55, 900, 47, 0.85),
    Tissue.FAT: Properties(-95, 350, 70, 1.00),
    Tissue.MUSCLE: Properties(55, 900, 47, 1.00),
    Tissue.CORTICAL_BONE: Properties(1300, 600, 4, 0.08),
    Tissue.DIPLOE: Properties(550, 420, 50, 0.45),
    Tissue.DURA: Properties(52, 900, 30, 0.60),
    Tissue.CSF: Properties(7, 2569, 329, 1.00),
    Tissue.VENTRICLE: Properties(6, 2569, 329, 1.00),
    Tissue.GREY_MATTER: Properties(37, 833, 83, 0.86),
    Tissue.WHITE_MATTER: Properties(28, 500, 70, 0.77),
    Tissue.DEEP_GREY: Properties(37, 740, 74, 0.83),
    Tissue.CEREBELLAR_GREY: Properties(37, 833, 85, 0.86),
    Tissue.CEREBELLAR_WHITE: Properties(30, 540, 73, 0.79),
    Tissue.BRAIN_STEM: Properties(29, 590, 74, 0.79),
    Tissue.VESSEL: Properties(48, 1400, 12, 0.50),
    Tissue.MUCOSA: Properties(40, 1100, 90, 0.90),
    Tissue.VITREOUS: Properties(8, 2700, 400, 1.00),
    Tissue.LENS: Properties(85, 900, 28, 0.70),
    Tissue.SCLERA: Properties(50, 900, 40, 0.70),
    Tissue.OPTIC_NERVE: Properties(36, 600, 75, 0.80),
    Tissue.TUMOUR: Properties(44, 1050, 110, 0.90),
    Tissue.NECROSIS: Properties(18, 2000, 220, 0.96),
    Tissue.OEDEMA: Properties(19, 1100, 125, 0.90),
    Tissue.INFARCT: Properties(18, 1250, 125, 0.90),
    Tissue.BLEED: Properties(68, 900, 40, 0.82),
    Tissue.CALCIFICATION: Properties(320, 700, 10, 0.25),
}
"""Tissue to its properties (HU at 120 kVp; T1 and T2 in ms at 1.5 T; proton density, water = 1).

The relaxation times and densities of CSF, grey matter, white matter, fat and muscle are those of
the BrainWeb phantom. Those of the other tissues are chosen beside them for their usual contrast:
longer T1 and T2 where water is raised (Bottomley et al. 1984), short T2 in fresh blood
(deoxyhaemoglobin, Bradley 1993). CT numbers are chosen within the usual clinical ranges (Kamalian
et al. 2016); bone and diploe stand for a wide range.

Reference: R. K.-S. Kwan et al., "MRI simulation-based evaluation of image-processing and
classification methods", IEEE TMI 18(11), 1999, doi:10.1109/42.816072; P. A. Bottomley et al., "A
review of normal tissue hydrogen NMR relaxation times", Med. Phys. 11(4), 1984,
doi:10.1118/1.595535;
W. G. Bradley, "MR appearance of hemorrhage in the brain", Radiology 189(1), 1993,
doi:10.1148/radiology.189.1.8372185; S. Kamalian et al., "Computed tomography imaging and
angiography - principles", Handb. Clin. Neurol. 135, 2016, doi:10.1016/B978-0-444-53485-9.00001-5.
"""


def property_table(name: str) -> NDArray[np.float32]:
    """Return one property as an array indexed by label value.

    Args:
        name: field of :class:`Properties`: "hu", "t1", "t2" or "pd".
    """
    return np.array([getattr(TISSUES[tissue], name) for tissue in Tissue], dtype=np.float32)
