"""What the Grafana dashboards of packaging/grafana ask, with Grafana's variables filled in."""
import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "packaging/grafana"


def dashboards():
    """Pairs of a file's name and its dashboard."""
    return [(path.name, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def expressions(dashboard):
    """Pairs of a panel's title and an expression of it."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def all_expressions():
    return list(dict.fromkeys(expression for _, dashboard in dashboards() for _, expression in expressions(dashboard)))


def filled_in(expression, variables):
    """`variables` by their names with the dollar; the longer names first, as one may begin with another."""
    for name in sorted(variables, key=len, reverse=True):
        expression = expression.replace(name, variables[name])
    assert "$" not in expression, f"a variable that nobody fills in: {expression}"
    return expression


def metrics(expression):
    return set(re.findall(r"\bvolta_\w+", expression))
