"""Whether a machine can scan, what its shell completes, and a demo to try it."""

from dataclasses import dataclass
from pathlib import Path

from provenance.options.field import argument, flag, option

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Demo:
    """Try it on real text: known books, and training shards that hold some of them.

    The known works are the 66 books of the King James Bible. The shards hold chapters of the American Standard
    Version (another edition: the same sentences, reworded), chapters of the King James Version word for word,
    excerpts hidden in other text, and unrelated English from the Python installation. No network is used.

    \b
    provenance demo
    provenance demo --dir elsewhere
    """

    folder: Path = option("--dir", "Folder for all of it; made where it is not there.", Path("demo"))


@dataclass(frozen=True)
class Doctor:
    """Check this machine: packages, processor, memory, limits, disks, clock, credentials, scheduler, and a small scan.

    Credentials are told by their names alone. Nothing is sent anywhere. Exit code 3 when something failed.

    \b
    provenance doctor
    provenance doctor --index indexes/books --dir runs/
    srun provenance doctor --json
    """

    index: Path | None = option("--index", "Index to open and verify too.", unnamed=True)
    key_file: Path | None = option("--key-file", "Key that the index was built with.")
    folder: Path = option("--dir", "Directory that runs will go to.", Path())
    as_json: bool = flag("--json", "Print one JSON object.", unnamed=True)


@dataclass(frozen=True)
class Completion:
    """Print the script that completes commands, options and names of files in a shell.

    Bash (4.4 or later): put the first line into ~/.bashrc, or keep the script, which starts shells faster.

    \b
    eval "$(provenance completion bash)"
    provenance completion bash > ~/.local/share/bash-completion/completions/provenance

    Zsh: the first line into ~/.zshrc, behind compinit, or the script into a folder of fpath.

    \b
    eval "$(provenance completion zsh)"
    provenance completion zsh > ~/.zfunc/_provenance

    Fish:

    \b
    provenance completion fish > ~/.config/fish/completions/provenance.fish
    """

    shell: str = argument(None, choices=SHELLS)
