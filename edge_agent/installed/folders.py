"""The folders of models in a home folder."""

from pathlib import Path


def folder_of(home: Path, model: str) -> Path:
    """Return a model's folder, which may not exist yet."""
    return home / "models" / model


def list_models(home: Path) -> list[str]:
    """Return the names of the models that have a folder in this home, sorted."""
    folder = home / "models"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
