"""One file for each command, imported when it is called; :data:`concord.program.COMMANDS` names them."""
