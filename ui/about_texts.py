"""The words of the About page: method, limits, data, the parts it is built from, references."""

from typing import NamedTuple

WHAT = (
    "A CT shows bone, calcification and fresh blood; an MRI shows soft tissue. This program puts "
    "both into one grey image, in the wavelet domain, with learned masks that anyone can inspect."
)

STEPS: tuple[tuple[str, str, str], ...] = (
    (
        "Decompose",
        "DWT(CT), DWT(MRI)",
        "Each image is split into subbands: a smooth one (LL) and, per level, horizontal (LH), "
        "vertical (HL) and diagonal (HH) detail.",
    ),
    (
        "Weigh",
        "a, b between 0 and 1",
        "A small network looks at the subbands and gives every coefficient a weight for the CT and "
        "one for the MRI: the masks.",
    ),
    (
        "Add",
        "a · DWT(CT) + b · DWT(MRI)",
        "The weighted subbands are added, coefficient by coefficient. Nothing else enters.",
    ),
    (
        "Transform back",
        "F = IDWT(…)",
        "The inverse transform makes an image of the sum. It is linear, so every pixel splits "
        "exactly into its parts.",
    ),
)
"""Name, formula and meaning of the four steps, in order."""

IDENTITY = (
    "CT part + MRI part + clipping = the value shown, at every pixel and for every subband. No "
    "decoder paints anything that neither source contains; what clamping to black and white takes "
    "away is shown as a part of its own."
)

IS_NOT = """
- **Not for diagnosis.** It is no medical device and has not been validated clinically.
- **Not a registration.** The two must show the same slice. The Alignment page warns where a rigid
  shift in the plane would fit better; it cannot mend another slice level or another angle of the
  head.
- **Not a measurement.** A fused image shows grey levels, not Hounsfield units. Measure on the
  sources.
- **Not a generator.** It adds no detail; it only chooses among what the two images hold.
"""

LIMITS = """
- The shipped checkpoints saw the slices of a few patients of one public atlas. On other scanners,
  sequences, findings and body parts they are untested.
- The fused image depends on both windows: what a window saturates cannot come back.
- A finding can be dimmer in the fused image than in its best source. Look at both.
- The split of a pixel holds for the masks as they are. The masks were computed from *both* images,
  so it does not tell how the image would change with another source.
- Metrics reward different things and can mislead; each says how, on the Fuse page.
"""

DATA = """
**Bundled cases** are synthetic heads, computed by this program from tissue properties (Hounsfield
units; proton density, T1 and T2). They show no patient and come under the program's own licence.

**Training data** of the shipped checkpoints: registered CT and MRI slices of The Whole Brain Atlas
(K. A. Johnson, J. A. Becker, Harvard Medical School), patients 2, 20, 32, 33 and 34; patient 41
chose the epoch. Patients 16 and 21 were kept for the measured scores and never trained on. The
atlas is offered for educational use and asks to be cited; its images are not included here. Each
checkpoint's card in `checkpoints/` lists its pairs, settings and scores.
"""

PRIVACY = """
Your images go to the computer that runs this program and nowhere else. As installed it listens on
127.0.0.1 only and reports nothing to anyone. From DICOM files only the keywords that describe the
picture are read: names, birth dates and numbers of patients never enter. Images are kept in memory
and forgotten when the tab is closed.
"""


class Part(NamedTuple):
    """A package that the program stands on."""

    name: str
    role: str
    licence: str


PARTS: tuple[Part, ...] = (
    Part("torch", "networks, tensors", "BSD-3-Clause and others"),
    Part("PyWavelets", "wavelet filters, reference", "MIT"),
    Part("pytorch-wavelets", "second transform engine", "MIT (its DWT)"),
    Part("numpy", "arrays", "BSD-3-Clause"),
    Part("scipy", "filters, statistics", "BSD-3-Clause"),
    Part("opencv-python-headless", "resampling, gradients", "Apache-2.0"),
    Part("scikit-image", "structural similarity", "BSD-3-Clause"),
    Part("pillow", "PNG, JPEG, TIFF", "MIT-CMU"),
    Part("pydicom", "DICOM files", "MIT"),
    Part("nibabel", "NIfTI files", "MIT"),
    Part("SimpleITK", "registration, rare DICOM encodings", "Apache-2.0"),
    Part("safetensors", "checkpoints", "Apache-2.0"),
    Part("onnx", "export of models", "Apache-2.0"),
    Part("onnxruntime", "check of that export", "MIT"),
    Part("streamlit", "screens", "Apache-2.0"),
    Part("plotly", "charts on the screen", "MIT"),
    Part("matplotlib", "charts in files", "Matplotlib (PSF-based)"),
)


class Reference(NamedTuple):
    """A paper and what it stands for here."""

    about: str
    text: str
    doi: str


REFERENCES: tuple[Reference, ...] = (
    Reference(
        "Wavelet transform",
        "Mallat S. A theory for multiresolution signal decomposition. IEEE TPAMI 11(7), 1989",
        "10.1109/34.192463",
    ),
    Reference(
        "Its reference implementation",
        "Lee G et al. PyWavelets: a Python package for wavelet analysis. JOSS 4(36), 2019",
        "10.21105/joss.01237",
    ),
    Reference(
        "Fusion with wavelets",
        "Pajares G, de la Cruz JM. A wavelet-based image fusion tutorial. Pattern Recognition "
        "37(9), 2004",
        "10.1016/j.patcog.2004.03.010",
    ),
    Reference(
        "Laplacian pyramid",
        "Burt PJ, Adelson EH. The Laplacian pyramid as a compact image code. IEEE Trans. Commun. "
        "31(4), 1983",
        "10.1109/TCOM.1983.1095851",
    ),
    Reference(
        "SSIM",
        "Wang Z et al. Image quality assessment: from error visibility to structural similarity. "
        "IEEE TIP 13(4), 2004",
        "10.1109/TIP.2003.819861",
    ),
    Reference(
        "Qabf",
        "Xydeas CS, Petrovic V. Objective image fusion performance measure. Electronics Letters "
        "36(4), 2000",
        "10.1049/el:20000267",
    ),
    Reference(
        "SCD",
        "Aslantas V, Bendes E. A new image quality metric for image fusion: the sum of the "
        "correlations of differences. AEU 69(12), 2015",
        "10.1016/j.aeue.2015.09.004",
    ),
    Reference(
        "VIF",
        "Sheikh HR, Bovik AC. Image information and visual quality. IEEE TIP 15(2), 2006",
        "10.1109/TIP.2005.859378",
    ),
    Reference(
        "Mutual information for alignment",
        "Maes F et al. Multimodality image registration by maximization of mutual information. "
        "IEEE TMI 16(2), 1997",
        "10.1109/42.563664",
    ),
    Reference(
        "Its interpolation artefacts",
        "Pluim JPW, Maintz JBA, Viergever MA. Interpolation artefacts in mutual "
        "information-based image registration. CVIU 77, 2000",
        "10.1006/cviu.1999.0816",
    ),
)

ATLAS = (
    "Johnson KA, Becker JA. The Whole Brain Atlas. Harvard Medical School. "
    "https://www.med.harvard.edu/aanlib/"
)
