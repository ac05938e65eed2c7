"""Archives of photos that are too large for one machine: Apache Beam pipelines over files."""
