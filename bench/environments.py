"""Environments of the peers and of the packages that ship real models: made once, in a cache folder outside of the project.

`MODELFLEET_BENCH_CACHE` names the folder (default `~/.cache/modelfleet-bench`). Nothing here is installed beside the server.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

CACHE = Path(os.environ.get("MODELFLEET_BENCH_CACHE", Path.home() / ".cache" / "modelfleet-bench"))
_PACKAGES = {
    "torch": ("torch==2.13.0", "scikit-learn", "onnx==1.23.2", "onnxruntime==1.31.1", "onnxscript", "pillow", "numpy"),
    "olive": ("olive-ai==0.13.0", "requests", "onnxruntime==1.31.1"),
    "nncf": ("nncf==3.4.0", "openvino", "onnx", "onnxruntime"),
}
_DDDDOCR = "ddddocr==1.6.1"


def find_python(name: str) -> Path:
    """Return the interpreter of an environment, which is made if it is missing."""
    folder = CACHE / name
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists() and not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES[name]], check=True)
        (folder / ".ready").touch()
    return python


def find_ddddocr() -> Path:
    """Return the folder with the models that the package ddddocr ships."""
    folder = CACHE / "ddddocr"
    if not (folder / "ddddocr" / "common_det.onnx").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _DDDDOCR]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(folder.glob("ddddocr-*.whl"))) as wheel:
            wheel.extractall(folder)
    return folder / "ddddocr"
