"""Studies: two series of one patient, checked, aligned, scrolled, fused and taken back."""

from ui.studies import shell

shell.page()
