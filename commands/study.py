"""Command on candidates: study."""

import argparse
from pathlib import Path
from typing import Any

from commands.shared import BAD_INPUT, DONE, add_command, add_data, say


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    study = add_command(
        commands,
        "study",
        "choose a model by leaving each patient out in turn",
        "python cli.py study data/ --plan docs/study.json --out study/",
        "python cli.py study data/ --plan docs/study.json --out study/ --stage short",
    )
    add_data(study)
    study.add_argument(
        "--plan", required=True, type=Path, metavar="FILE.json",
        help="candidates, the short and the full protocol, seeds (docs/training.md)",
    )  # fmt: skip
    study.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="run folders; runs done are kept"
    )
    study.add_argument(
        "--stage", choices=("short", "full", "both", "none"), default="both",
        help="what to train; none only writes the report (default: both)",
    )  # fmt: skip
    study.add_argument(
        "--docs", type=Path, metavar="DIR", help="where the report goes (default: the study's DIR)"
    )
    study.add_argument(
        "--patient-pattern", metavar="REGEX", help="finds the patient in a file name"
    )
    study.set_defaults(run=run_study)


def run_study(args: argparse.Namespace) -> int:
    """``study``: train, score and rank candidates; write the report."""
    from trainer.sources import FolderSource
    from trainer.study import Study
    from trainer.study_plan import STAGES, read_plan
    from trainer.study_report import table, write_study

    plan = read_plan(args.plan)
    study = Study(plan, FolderSource(args.data, args.patient_pattern), args.out)
    failures = 0
    for stage in STAGES:
        names = list(plan.candidates)
        if stage == "full":
            best = study.standings("short", names)
            names = [s.candidate for s in best][: plan.finalists] or names
        if args.stage not in (stage, "both"):
            continue
        for report in study.run(stage, names):
            fold = report.fold
            what = report.error or ("done" if report.trained else "was done before")
            say(
                f"{stage} {report.index}/{report.total}: {fold.candidate}, without patient "
                f"{fold.patient}, seed {fold.seed}: {what}"
            )
            failures += report.error is not None
        if found := study.standings(stage, names):
            print(f"{stage} protocol, patients left out in turn, best mean rank first")
            print("\n".join(table(found, plan.metrics)))
    plan_file = args.plan.name if args.plan.is_absolute() else args.plan.as_posix()
    command = f"python cli.py study DATA --plan {plan_file} --out STUDY"
    written = write_study(study, args.docs or args.out, command)
    print(f"{len(written)} files in {args.docs or args.out}")
    return BAD_INPUT if failures else DONE
