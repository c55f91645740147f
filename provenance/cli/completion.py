"""`provenance completion`: the script by which a shell completes commands, options and names of files."""

from __future__ import annotations

import click

VARIABLE, SHELLS = "_PROVENANCE_COMPLETE", ("bash", "zsh", "fish")


@click.command("completion", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
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
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None, "the choice above has click's names"
    root = click.get_current_context().find_root().command
    click.echo(made(root, {}, "provenance", VARIABLE).source())
