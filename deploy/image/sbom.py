"""Prints a bill of materials, as CycloneDX, of the crates that a release is made of and of the packages in a root.

    sbom.py SYFT ROOT EPOCH

Syft reads Cargo.lock and dpkg's list of packages. Crates that only tests and tools need are left out before, and what
would differ between two runs after: the same sources give the same bytes.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CATALOGERS = "rust-cargo-lock-cataloger,dpkg-db-cataloger"


def shipped() -> set[tuple[str, str]]:
    """Name and version of each crate that is in the binary."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--package", "stubmart", "--edges", "normal", "--prefix", "none",
         "--target", "x86_64-unknown-linux-gnu", "--format", "{p}"],
        cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    return {(name, version.removeprefix("v")) for name, version in (line.split()[:2] for line in tree.splitlines())}


def lock() -> str:
    """Cargo.lock with these crates alone."""
    wanted = shipped()
    text = "version = 4\n"
    for package in tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]:
        if (package["name"], package["version"]) in wanted:
            fields = [f'{key} = "{package[key]}"' for key in ("name", "version", "source", "checksum") if key in package]
            text += "\n".join(["", "[[package]]", *fields, ""])
    return text


def main(syft: str, root: str, epoch: str) -> None:
    version = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "Cargo.lock").write_text(lock())
        for part in ("var/lib/dpkg", "usr/lib/os-release", "usr/share/doc"):
            source, copy = Path(root) / part, Path(directory) / part
            if source.is_dir():
                shutil.copytree(source, copy, symlinks=True)
            elif source.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)
        found = subprocess.run(
            [syft, "scan", "-q", f"dir:{directory}", "--override-default-catalogers", CATALOGERS, "--source-name", "stubmart",
             "--source-version", version, "-o", "cyclonedx-json"],
            check=True, stdout=subprocess.PIPE, env={"PATH": "/usr/bin", "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        ).stdout
    bill = json.loads(found)
    del bill["serialNumber"]
    bill["metadata"]["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).isoformat()
    bill["metadata"]["component"]["bom-ref"] = "stubmart"
    bill["components"].sort(key=lambda component: component["bom-ref"])
    json.dump(bill, sys.stdout, indent=1, sort_keys=True)


main(*sys.argv[1:])
