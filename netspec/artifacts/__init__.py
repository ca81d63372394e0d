"""The folder of a build: its manifest, how it is swapped in, and what it holds from before."""
