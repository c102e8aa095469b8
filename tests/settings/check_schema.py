"""Whether the schema that `hitherto list settings --schema` writes takes every settings file of the project and refuses
wrong ones: check_schema.py SCHEMA.json FILE.yaml..."""
import json
import re
import sys

import jsonschema
import yaml

WRONG = [
    {"task": "add", "cell": {"nmae": "lstm"}},
    {"task": "add", "cell": "lsmt"},
    {"task": "add", "cell": {"name": "lif", "tau_m": -1}},
    {"task": "add", "train": {"steps": "many"}},
    {"task": "add", "train.steps": 2.5},
    {"arms": {"a": {"learner": {"stpes": 3}}}},
    {"phases": {"a": {"train": {"stpes": 3}}}},
    {"phases": {"reset_optimiser": "perhaps"}},
]


class Loader(yaml.SafeLoader):
    """Reads numbers as YAML 1.2 does, for which 1e-3 is one."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"),
                             list("-+.0123456789"))


def main():
    with open(sys.argv[1]) as file:
        schema = json.load(file)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    failed = 0
    for path in sys.argv[2:]:
        with open(path) as file:
            for fault in validator.iter_errors(yaml.load(file, Loader)):
                print(f"{path}: {list(fault.path)}: {fault.message}")
                failed += 1
    for settings in WRONG:
        if validator.is_valid(settings):
            print(f"the schema does not refuse {settings}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
