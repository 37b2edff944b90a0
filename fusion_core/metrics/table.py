"""Every metric in one table: its function, how to read it, how it can mislead, where it is from."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from fusion_core.metrics import contrast, gradient, information, perceptual, structure
from fusion_core.metrics.images import Images

Direction = Literal["up", "down", "none"]


@dataclass(frozen=True)
class Metric:
    """One fusion metric.

    Attributes:
        name: Key in the table, in files and on the command line.
        title: What a screen calls it.
        fn: Images -> value; raises `UndefinedMetric` where there is none.
        direction: "up" where more is better, "down" where less is, "none" where neither holds.
        unit: Unit of the value, "" for a plain number.
        range: Smallest and largest possible value.
        description: Two sentences for a radiologist: what it says, and how it can mislead.
        reference: Paper, with DOI.
    """

    name: str
    title: str
    fn: Callable[[Images], float]
    direction: Direction
    unit: str
    range: tuple[float, float]
    description: str
    reference: str


_SURVEY = "Ma, Ma & Li, Information Fusion 45, 2019, doi:10.1016/j.inffus.2018.02.004"
_SSIM = "Wang, Bovik, Sheikh & Simoncelli, IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861"
_PSNR = "Huynh-Thu & Ghanbari, Electronics Letters 44(13), 2008, doi:10.1049/el:20080522"
_EDGE = "after Sattar et al., IEEE TIP 6(6), 1997, doi:10.1109/83.585239"
_ENTROPY = "Shannon, Bell System Technical Journal 27, 1948, doi:10.1002/j.1538-7305.1948.tb01338.x"
_MI = "Qu, Zhang & Yan, Electronics Letters 38(7), 2002, doi:10.1049/el:20020212"
_SF = "Eskicioglu & Fisher, IEEE Trans. Commun. 43(12), 1995, doi:10.1109/26.477498"
_AG = "Cui et al., Optics Communications 341, 2015, doi:10.1016/j.optcom.2014.12.032"
_SCD = "Aslantas & Bendes, AEU 69(12), 2015, doi:10.1016/j.aeue.2015.09.004"
_VIF = "Sheikh & Bovik, IEEE TIP 15(2), 2006, doi:10.1109/TIP.2005.859378"
_QABF = "Xydeas & Petrovic, Electronics Letters 36(4), 2000, doi:10.1049/el:20000267"
_NABF = "Shreyamsha Kumar, SIViP 7, 2013, doi:10.1007/s11760-012-0361-x"
_QCV = "Chen & Varshney, Information Fusion 8(2), 2007, doi:10.1016/j.inffus.2005.10.001"

_SSIM_NOTE = (
    "How alike the local brightness, contrast and pattern are {}, 1 being identical. "
    "{} and a grey instead of black background lowers it although nothing of the head changed."
)
_PSNR_NOTE = (
    "How small the plain difference in brightness is {}, 100 dB standing for none. "
    "It ignores structure: {}."
)
_MI_NOTE = (
    "How much knowing the fused brightness tells about the brightness {}. "
    "It counts grey levels, not anatomy: {}."
)

_ALL = (
    Metric(
        "SSIM_Avg", "Structural similarity", structure.ssim_avg, "up", "", (-1, 1),
        _SSIM_NOTE.format(
            "to both sources, on average", "The washed-out mean of the two images scores high,"
        ),
        _SSIM,
    ),
    Metric(
        "SSIM_CT", "Structural similarity with the CT", structure.ssim_ct, "up", "", (-1, 1),
        _SSIM_NOTE.format("to the CT", "A copy of the CT scores 1 while the MRI is lost,"),
        _SSIM,
    ),
    Metric(
        "SSIM_MRI", "Structural similarity with the MRI", structure.ssim_mri, "up", "", (-1, 1),
        _SSIM_NOTE.format("to the MRI", "A copy of the MRI scores 1 while the CT is lost,"),
        _SSIM,
    ),
    Metric(
        "PSNR_Avg", "Peak signal-to-noise ratio", structure.psnr_avg, "up", "dB", (0, inf),
        _PSNR_NOTE.format(
            "to both sources, on average", "the washed-out mean of the two images scores high in it"
        ),
        _PSNR,
    ),
    Metric(
        "PSNR_CT", "Peak signal-to-noise ratio with the CT", structure.psnr_ct, "up", "dB",
        (0, inf), _PSNR_NOTE.format("to the CT", "a copy of the CT is best, without any MRI"),
        _PSNR,
    ),
    Metric(
        "PSNR_MRI", "Peak signal-to-noise ratio with the MRI", structure.psnr_mri, "up", "dB",
        (0, inf), _PSNR_NOTE.format("to the MRI", "a copy of the MRI is best, without any CT"),
        _PSNR,
    ),
    Metric(
        "Edge_Preservation", "Edge preservation", gradient.edge_preservation, "up", "", (-1, 1),
        "Whether edges are strong in the fused image where either source has a strong edge. "
        "Only the pattern counts, not the strength: the mean of the two images, with every edge "
        "faded, is among the best.",
        _EDGE,
    ),
    Metric(
        "Entropy", "Entropy", information.entropy, "none", "bit", (0, 8),
        "How many different grey levels the fused image uses, and how evenly. "
        "More is not better: noise and a dirty grey background raise it.",
        _ENTROPY,
    ),
    Metric(
        "MI_Avg", "Mutual information", information.mi_avg, "up", "bit", (0, 8),
        _MI_NOTE.format(
            "of the sources, on average", "a copy of one source or the pixelwise maximum wins it"
        ),
        _MI,
    ),
    Metric(
        "MI_CT", "Mutual information with the CT", information.mi_ct, "up", "bit", (0, 8),
        _MI_NOTE.format("of the CT", "a copy of the CT is best, without any MRI"), _MI,
    ),
    Metric(
        "MI_MRI", "Mutual information with the MRI", information.mi_mri, "up", "bit", (0, 8),
        _MI_NOTE.format("of the MRI", "a copy of the MRI is best, without any CT"), _MI,
    ),
    Metric(
        "SD", "Standard deviation", contrast.standard_deviation, "up", "grey levels",
        (0, 127.5),
        "How far the grey levels spread: overall contrast. "
        "More is better only within reason: saturated bone and a harsh, clipped image raise it "
        "too.",
        _SURVEY,
    ),
    Metric(
        "SF", "Spatial frequency", contrast.spatial_frequency, "up", "grey levels",
        (0, 255 * 2**0.5),
        "How strongly neighbouring pixels differ: fine detail and sharpness. "
        "More is better only within reason: noise and ringing count as detail.",
        _SF,
    ),
    Metric(
        "AG", "Average gradient", contrast.average_gradient, "up", "grey levels", (0, 255),
        "The mean steepness of brightness: how crisp the fused image is. "
        "More is better only within reason: noise and invented edges are steep as well.",
        _AG,
    ),
    Metric(
        "SCD", "Sum of the correlations of differences", structure.scd, "up", "", (-2, 2),
        "Whether what the fused image adds to one source is what the other one shows. "
        "The clipped sum of the two images wins it with washed-out gyri, so read it together with "
        "Qabf.",
        _SCD,
    ),
    Metric(
        "VIF", "Visual information fidelity", perceptual.vif, "up", "", (0, inf),
        "How much of the detail that an eye can see in the sources is still visible, from fine to "
        "coarse. A mere copy of one source scores above 1, and a fused image with more contrast "
        "than its sources gains as well.",
        _VIF,
    ),
    Metric(
        "Qabf", "Edges kept (Qabf)", gradient.qabf, "up", "", (0, 1),
        "The share of both sources' edges, strong ones first, that survives with its strength and "
        "direction. Invented edges cost little here and the source with stronger edges dominates, "
        "so read it together with Nabf and SCD.",
        _QABF,
    ),
    Metric(
        "Nabf", "Artefacts (Nabf)", gradient.nabf, "down", "", (0, 1),
        "The share of edges that are stronger in the fused image than in either source: halos, "
        "rings, false texture. A blurred image has none and scores 0, so a low value alone says "
        "nothing.",
        _NABF,
    ),
    Metric(
        "Qcv", "Visible difference (Qcv)", perceptual.qcv, "down", "grey levels²", (0, inf),
        "How large the difference to the sources looks to the eye near their edges. "
        "Where CT and MRI disagree no fused image reaches 0, and a few strong edges such as the "
        "skull decide nearly all of it.",
        _QCV,
    ),
    Metric(
        "CC", "Correlation", structure.correlation, "up", "", (-1, 1),
        "How well the brightness follows that of the sources, pixel by pixel, on average. "
        "The plain mean of the two images is hard to beat although it fades bone and gyri.",
        _SURVEY,
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
