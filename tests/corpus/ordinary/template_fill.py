# ruff: noqa
import re


def solve(pair):
    text, values = pair
    return re.sub(r"{(\w+)}", lambda match: str(values[match.group(1)]), text)
