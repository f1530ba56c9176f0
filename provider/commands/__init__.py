"""The commands of `synlearn-provider`, one file for each thing that an owner does."""
