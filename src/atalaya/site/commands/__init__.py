"""The commands of `./atalaya`, one module each: `register` adds its parser, `run` does the work."""
