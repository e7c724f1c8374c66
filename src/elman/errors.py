"""Errors that a user can mend; the command line prints them on one line and exits with 2."""


class ElmanError(Exception):
    """Something in the user's input, files or settings that elman cannot work with."""


class DataError(ElmanError):
    """A dataset or a user's file cannot be read as asked; names the file and the line."""


class ModelError(ElmanError):
    """A saved model or checkpoint is missing, damaged or of another kind."""


class SettingsError(ElmanError, ValueError):
    """A setting or an argument has a value that cannot work."""


class SettingTypeError(SettingsError, TypeError):
    """A setting or an argument is of a type that cannot work."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a command; a program would exit with 128 + `signum`."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by signal {signum}")
        self.signum = signum


class FileError(ElmanError, OSError):
    """A file or folder cannot be written, or is not elman's to write over."""


class ExportError(ElmanError):
    """A model cannot be exported as asked; says why and what would do."""


class TrainingDivergedError(ElmanError):
    """Training produced NaN, infinity or an exploding loss; says at which step and where."""
