"""Commands on volumes: fuse two series, and inspect what files, folders and zips hold."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.shared import (
    DONE,
    add_command,
    chosen_method,
    report_notes,
    say,
    share_bar,
)

if TYPE_CHECKING:
    from imaging.deidentify import Identity
    from imaging.study import Series
    from imaging.transform import Transform
    from imaging.volume import Volume
    from pipelines.fuse_volume import Windows
    from pipelines.methods import Method
    from pipelines.volume_pair import VolumePair

PNG, NIFTI, DICOM = "png", "nifti", "dicom"
ENDINGS = {".png": PNG, ".nii": NIFTI, ".gz": NIFTI, ".dcm": DICOM, ".zip": DICOM}


def add_options(parser: argparse.ArgumentParser) -> Any:
    """Options that say how two volumes are laid on each other and windowed; their group."""
    group = parser.add_argument_group("volumes")
    group.add_argument(
        "--align", choices=("none", "geometry", "rigid", "affine"),
        help="default: none on one grid, geometry in one frame of reference, else rigid",
    )  # fmt: skip
    group.add_argument(
        "--onto", choices=("ct", "mri"), default="ct", help="whose grid counts (default: ct)"
    )
    group.add_argument(
        "--interpolation", choices=("linear", "nearest", "cubic"), default="linear",
        help="how the other volume is resampled (default: linear)",
    )  # fmt: skip
    for name, what in (("ct", "preset (brain, bone, ...) or WIDTH,LEVEL"), ("mri", "WIDTH,LEVEL")):
        group.add_argument(f"--window-{name}", metavar="WINDOW", help=what)
    return group


def add_one_pair(parser: argparse.ArgumentParser) -> None:
    """Options of `fuse` that make sense for a single pair of volumes."""
    group = parser.add_argument_group("one pair of volumes")
    group.add_argument(
        "--slice", metavar="K|all",
        help="one slice, counted from 1, or all (default: all; of a PNG the middle one)",
    )  # fmt: skip
    group.add_argument(
        "--plane", choices=("axial", "coronal", "sagittal"),
        help="of the one slice (default: as the grid's slices lie)",
    )  # fmt: skip
    for name in ("ct", "mri"):
        group.add_argument(
            f"--series-{name}", metavar="N|NAME",
            help="which series, as inspect lists them; N:V is volume V of a file of several",
        )  # fmt: skip
    group.add_argument(
        "--transform", type=Path, metavar="FILE.tfm", help="from the CT to the MRI, not a search"
    )
    group.add_argument(
        "--save-transform", type=Path, metavar="FILE.tfm", help="write the transform that was used"
    )
    group.add_argument("--format", choices=(PNG, NIFTI, DICOM), help="default: by the ending")
    group.add_argument(
        "--for-pacs", action="store_true",
        help="DICOM files name the patient (ID, name, birth date, sex) and the study of the CT; "
        "asks first",
    )  # fmt: skip
    group.add_argument("--yes", action="store_true", help="answer that question with yes")


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    inspect = add_command(
        commands,
        "inspect",
        "say what files, folders or zips hold, and how they would be fused",
        "python cli.py inspect STUDY/",
        "python cli.py inspect CT.zip MR.zip",
    )
    inspect.add_argument(
        "paths", metavar="PATH", type=Path, nargs="+",
        help="DICOM files, folders or zips, NIfTI, MHA, NRRD; of two the CT comes first",
    )  # fmt: skip
    inspect.set_defaults(run=run_inspect)


def are_volumes(args: argparse.Namespace) -> bool:
    """Whether the two of `fuse` are volumes, or an option was given that only volumes have.

    Raises:
        InputError: one is a volume and the other a picture.
    """
    from imaging.errors import InputError
    from imaging.scan import holds_volume, is_picture

    volumes = [path for path in (args.ct, args.mri) if holds_volume(path)]
    pictures = [path for path in (args.ct, args.mri) if is_picture(path)]
    if volumes and pictures:
        what = "folder" if volumes[0].is_dir() else "volume"
        raise InputError(
            f"{volumes[0].name} is a {what} and {pictures[0].name} one image; give two images or "
            "two volumes."
        )
    words = (
        args.align == "geometry", args.onto != "ct", args.slice, args.plane, args.series_ct,
        args.series_mri, args.for_pacs, args.format not in (None, PNG),
    )  # fmt: skip
    return bool(volumes) or any(words) or _format_of(args) in (NIFTI, DICOM)


def fuse(args: argparse.Namespace) -> int:
    """``fuse`` of two volumes: into a slice, a NIfTI file or a DICOM series."""
    from imaging.windowing import parse_window
    from pipelines import export, volume_export
    from pipelines.volume_pair import volume_windows

    kind, sources = _checked(args)
    method = chosen_method(args)
    pair = _paired(args)
    windows = volume_windows(
        pair,
        parse_window(args.window_ct, pair.ct.unit, "CT"),
        parse_window(args.window_mri, pair.mri.unit, "MRI"),
    )
    identity = _identity(args, pair) if args.for_pacs else None
    if args.save_transform:
        export.check_target(args.save_transform, sources, (".tfm", ".txt"))
        export.write_file(args.save_transform, volume_export.save_tfm(pair))
    if kind == PNG or _index(args.slice) is not None:
        return _fuse_slice(args, kind, pair, method, windows, identity)
    return _fuse_all(args, kind, pair, method, windows, identity)


def _fuse_slice(
    args: argparse.Namespace,
    kind: str,
    pair: "VolumePair",
    method: "Method",
    windows: "Windows",
    identity: "Identity | None",
) -> int:
    from imaging.planes import native_plane, plane_count
    from pipelines import export, volume_export
    from pipelines.fuse import scores
    from pipelines.fuse_volume import fuse_slice

    plane = args.plane or native_plane(pair.grid)
    wanted = _index(args.slice)
    index = plane_count(pair.grid, plane) // 2 if wanted is None else wanted
    fused = fuse_slice(pair, plane, index, method, windows)
    values = scores(fused) if args.json or args.report else None
    if args.masks:
        export.write_masks(fused, args.masks)
    if kind == DICOM:
        data = volume_export.slice_dicom(pair, fused, plane, index, identity)
        volume_export.write_files(iter([(f"fused-{plane}-{index + 1:04d}.dcm", data)]), args.out)
    else:
        export.write_file(args.out, export.stamped_png(fused, args.caption))
    if args.report:
        pdf = args.report.suffix.lower() == ".pdf"
        export.write_file(args.report, volume_export.slice_report(pair, fused, pdf, values))
    if args.json and values is not None:
        export.write_file(args.json, export.metrics_json(fused, values))
    report_notes("volumes", fused.notes)
    middle = ", the middle one" if wanted is None else ""
    print(f"{args.out}  ({fused.name}{middle}; {export.method_label(method)})")
    return DONE


def _fuse_all(
    args: argparse.Namespace,
    kind: str,
    pair: "VolumePair",
    method: "Method",
    windows: "Windows",
    identity: "Identity | None",
) -> int:
    from pipelines import export, volume_export
    from pipelines.fuse_volume import fuse_volume
    from pipelines.volume_findings import finding_sentence

    volume = fuse_volume(pair, method, windows, share_bar("fusing"))
    if kind == NIFTI:
        compress = args.out.suffix.lower() == ".gz"
        export.write_file(args.out, volume_export.nifti_bytes(volume, compress))
    elif args.out.suffix.lower() == ".zip":
        export.write_file(args.out, volume_export.dicom_zip(volume, identity))
    else:
        volume_export.write_dicom_folder(volume, args.out, identity)
    if args.json:
        export.write_file(args.json, export.to_json(volume_export.summary(volume)))
    report_notes("volumes", volume.notes)
    report_notes("hidden", [finding_sentence(f, volume.plane) for f in volume.findings[:5]])
    if (more := len(volume.findings) - 5) > 0:
        say(f"hidden: {more} more regions are dimmed; --json lists them.")
    slices = f"{volume.voxels.shape[0]} {volume.plane} slices"
    print(f"{args.out}  ({slices}; {export.method_label(method)}). {export.NO_HU}")
    return DONE


def run_inspect(args: argparse.Namespace) -> int:
    """``inspect``: what was found in each path, and what fuse would do with it."""
    from imaging.scan import scan

    studies = [scan(path) for path in args.paths]
    for path, study in zip(args.paths, studies, strict=True):
        print(f"{path.name or path}")
        for number, series in enumerate(study.series, 1):
            print(f"  {number}: {series.name}: {series.title}")
            several = [f"{series.volumes} volumes to choose from"] if series.volumes > 1 else []
            problem = [series.problem] if series.problem else []
            for line in (*several, *series.notes, *problem):
                print(f"     {line}")
        for line in (*(aside.reason for aside in study.set_aside), *study.notes):
            print(f"  {line}")
        if study.patients == 1:
            print("  The DICOM files name one patient.")
    for line in _plan(args.paths, studies):
        print(line)
    return DONE


def _plan(paths: list[Path], studies: list[Any]) -> list[str]:
    """What fuse would do, or why it would not."""
    from imaging.errors import InputError
    from imaging.roles import relation_notes
    from pipelines.report import window_words
    from pipelines.volume_load import choose_series, load_series
    from pipelines.volume_pair import default_align, default_window

    if len(paths) > 2:
        return ["To see how two would be fused, name one path or two."]
    if len(paths) == 1 and not (studies[0].of("CT") and studies[0].of("MR")):
        return ["A CT and an MRI are needed to fuse; name the other one as a second path."]
    try:
        first = choose_series(studies[0], "CT", where=paths[0].name)
        second = choose_series(studies[-1], "MR", where=paths[-1].name)
        ct, mri = _roles(load_series(first), load_series(second))
    except InputError as error:
        return [f"Cannot be fused as it is: {error}"]
    way = default_align(ct, mri)
    lines = ["Would be fused:", f"  CT: {first.name}", f"  MRI: {second.name}"]
    lines += [f"  {name}: {note}" for name, v in (("CT", ct), ("MRI", mri)) for note in v.notes]
    lines.append(f"  alignment: {way} ({_WHY[way]})")
    for name, volume in (("CT", ct), ("MRI", mri)):
        lines.append(f"  {name} window: {window_words(volume.unit, default_window(volume))}")
    return [*lines, *(f"  {note}" for note in relation_notes(ct.origin, mri.origin))]


_WHY = {
    "none": "both lie on one grid",
    "geometry": "both files give places in one frame of reference",
    "rigid": "other grids, and no frame of reference in common",
}


def _roles(ct: "Volume", mri: "Volume") -> tuple["Volume", "Volume"]:
    from imaging.roles import given_as

    return given_as(ct, "CT"), given_as(mri, "MR")


def _paired(args: argparse.Namespace) -> "VolumePair":
    """Read both volumes and lay them on each other."""
    from pipelines.volume_pair import pair_volumes

    ct_series, ct = _read(args.ct, "CT", args.series_ct)
    mri_series, mri = _read(args.mri, "MR", args.series_mri)
    return pair_volumes(
        ct,
        mri,
        args.align,
        args.onto,
        args.interpolation,
        _transform(args.transform),
        ct_series=ct_series,
        mri_series=mri_series,
        progress=share_bar("aligning"),
    )


def _read(path: Path, modality: str, choice: str | None) -> tuple["Series", "Volume"]:
    from imaging.scan import scan
    from pipelines.volume_load import choose_series, load_series, parse_choice

    wanted, volume = parse_choice(choice)
    series = choose_series(scan(path), modality, wanted, path.name)
    return series, load_series(series, volume, share_bar(f"reading {series.name}"))


def _transform(path: Path | None) -> "Transform | None":
    from imaging.source import from_path
    from pipelines.volume_export import load_tfm

    return None if path is None else load_tfm(from_path(path).load(), path.name)


def _identity(args: argparse.Namespace, pair: "VolumePair") -> "Identity":
    """Patient and study of the CT, after the user has said yes."""
    from pipelines.volume_export import identity_of

    if not args.yes:
        if not sys.stdin.isatty():
            raise ValueError("--for-pacs keeps the patient's ID; say so by --yes.")
        say(
            "The files will name the patient and the study of the CT, so that a PACS can file "
            "them. Continue? [y/N]"
        )
        if input().strip().lower() not in ("y", "yes"):
            raise ValueError("Nothing was written.")
    return identity_of(pair)


def _checked(args: argparse.Namespace) -> tuple[str, tuple[Path, ...]]:
    """What is written, after options that do not go together were refused."""
    from pipelines import export

    kind = _format_of(args)
    if kind is None:
        raise ValueError(
            f"{args.out} does not tell what to write; end it in .png, .nii.gz or .dcm, or give "
            "--format."
        )
    index = _index(args.slice)
    if kind == NIFTI and index is not None:
        raise ValueError("A NIfTI file holds the whole volume; leave --slice out, or write a PNG.")
    if kind == PNG and args.slice == "all":
        raise ValueError("A PNG holds one slice; for all name an OUT.nii.gz or an OUT.dcm folder.")
    one = kind == PNG or index is not None
    for option, given in (("--masks", args.masks), ("--report", args.report)):
        if given and not one:
            raise ValueError(f"{option} is about one slice; give --slice K as well.")
    if args.plane and not one:
        raise ValueError("A whole volume is fused along its own slices; --plane needs --slice K.")
    if args.for_pacs and kind != DICOM:
        raise ValueError("--for-pacs is about DICOM files; name an OUT.dcm folder.")
    sources = tuple(path for path in (args.ct, args.mri) if path.is_file())
    export.check_target(args.json, sources)
    export.check_target(args.report, sources, (".html", ".pdf"))
    if kind != DICOM:
        export.check_target(args.out, sources)
    return kind, sources


def _format_of(args: argparse.Namespace) -> str | None:
    return args.format or ENDINGS.get(args.out.suffix.lower())


def _index(text: str | None) -> int | None:
    """A slice's number from 1 -> from 0; None for all of them, or where nothing was asked for."""
    if text is None or text == "all":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"--slice takes a number from 1, or all, not '{text}'.")
    return int(text) - 1
