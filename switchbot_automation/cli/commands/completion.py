"""`completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from switchbot_automation.cli.output import Misuse, logging_options
from switchbot_automation.languages import translated as _

_PROGRAM = "switchbot-automation"
_VARIABLE = "_SWITCHBOT_AUTOMATION_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@logging_options("warning")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, to be put where the shell reads it.

    \b
      bash  switchbot-automation completion bash >> ~/.bashrc
      zsh   switchbot-automation completion zsh >> ~/.zshrc
      fish  switchbot-automation completion fish \\
              > ~/.config/fish/completions/switchbot-automation.fish
    """  # noqa: D301  # \b is click's mark for lines that stay
    kind = get_completion_class(shell)
    if kind is None:
        raise Misuse(_("click knows no completion for {shell}", shell=shell))
    script = kind(ctx.find_root().command, {}, _PROGRAM, _VARIABLE)
    # Not `source()`: for bash that runs the bash of this machine to ask its version.
    click.echo(script.source_template % script.source_vars())
