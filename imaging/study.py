"""What a scan found: the series of a study, and what was set aside."""

from collections.abc import Callable
from dataclasses import dataclass, field

from imaging.errors import InputError
from imaging.source import Source
from imaging.stacking import Stack
from imaging.volume import Origin, Volume


@dataclass(frozen=True, eq=False)
class Series:
    """One volume that can be read, or the reason why not; no pixel has been decoded.

    Attributes:
        kind: "DICOM", "NIfTI", "MetaImage" or "NRRD".
        name: such as "CT series 1"; tells nothing of the patient.
        modality: "CT", "MR" or what else the file names; "" where it does not.
        body_part: as the file names it, such as "HEAD", or "".
        shape: (K, H, W) of the volume.
        spacing: distance of slices, rows and columns in mm, None where it is unknown.
        plane: "axial", "coronal", "sagittal", "oblique" or "" where it is unknown.
        volumes: how many volumes there are to choose from.
        notes: sentences about what reading it will change, or what is odd.
        problem: why it cannot be read, or None.
        origin: what tells whether two series belong together.
    """

    kind: str
    name: str
    modality: str
    body_part: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float] | None
    plane: str
    volumes: int = 1
    notes: tuple[str, ...] = ()
    problem: str | None = None
    origin: Origin = field(default_factory=Origin)
    stack: Stack | None = None
    source: Source | None = None

    @property
    def title(self) -> str:
        """One line: modality, body part, plane, slices, size, spacing."""
        what = " ".join(
            word for word in (self.modality, self.body_part.lower(), self.plane) if word
        )
        slices, rows, columns = self.shape
        size = f"{slices} slice{'' if slices == 1 else 's'} of {columns} × {rows}"
        if self.spacing is None:
            return f"{what or self.kind}, {size}"
        between, row, column = self.spacing
        return f"{what or self.kind}, {size}, {column:.3g} × {row:.3g} × {between:.3g} mm"


@dataclass(frozen=True)
class SetAside:
    """Files that are not part of any series: what they are, and how many."""

    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that a scan found.

    Attributes:
        series: those that can be read first.
        set_aside: what else there was, in words.
        patients: how many patients the DICOM files name.
        notes: sentences about the whole.
    """

    series: tuple[Series, ...]
    set_aside: tuple[SetAside, ...]
    patients: int
    notes: tuple[str, ...]

    def of(self, modality: str) -> tuple[Series, ...]:
        """The readable series of a modality."""
        return tuple(s for s in self.series if s.modality == modality and s.problem is None)

    def sentences(self) -> tuple[str, ...]:
        """The whole finding in words, one sentence or line each."""
        lines = [f"{series.name}: {series.title}." for series in self.series]
        lines += [f"{s.name} cannot be read: {s.problem}" for s in self.series if s.problem]
        lines += [aside.reason for aside in self.set_aside]
        return (*lines, *self.notes)


def read_series(
    series: Series, volume: int = 0, progress: Callable[[float], None] | None = None
) -> Volume:
    """Read a series that a scan found.

    Args:
        series: what to read.
        volume: which of several volumes, from 0.
        progress: told the share that is done, in (0, 1]; only where there are slices to count.

    Raises:
        InputError: the series has a problem, or a file is damaged, truncated or over a limit.
    """
    if series.problem is not None:
        raise InputError(series.problem)
    if series.stack is not None:
        from imaging.dicom_series import read_stack

        return read_stack(series.stack, series.name, progress)
    if series.source is None:
        raise InputError(f"{series.name} has no file to be read; scan the folder again.")
    data, name = series.source.load(), series.source.name
    if series.kind == "NIfTI":
        from imaging.nifti import read_nifti

        return read_nifti(data, name, volume)
    from imaging.itk_files import read_itk

    return read_itk(data, name)
