"""Builds this package for pip (PEP 517), without anything that would have to be fetched."""

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def build_wheel(folder, config_settings=None, metadata_directory=None):
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    about = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {project['description']}\nRequires-Python: {project['requires-python']}\n"
    files = {f"{name}/{file.name}": file.read_bytes() for file in sorted((HERE / name).iterdir()) if file.is_file()}
    files[f"{about}/METADATA"] = f"{head}Description-Content-Type: text/markdown\n\n{(HERE / 'README.md').read_text()}".encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: weir\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, data in files.items():
        record += f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    made = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return made
