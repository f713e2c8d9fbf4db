"""Policy files: YAML comes in, a Policy goes out, or every problem of the file with its line and column."""

from maintainer.policies.loader import json_schema, load, load_folder, load_text, marks_of, problems_with, to_yaml

__all__ = ["json_schema", "load", "load_folder", "load_text", "marks_of", "problems_with", "to_yaml"]
